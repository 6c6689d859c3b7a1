"""The hard gate for container images that get the keys to the host."""

__version__ = "0.1.0"
