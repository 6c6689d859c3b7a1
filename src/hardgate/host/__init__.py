"""The throwaway test host and the workspace in it; probes and guards run here."""
