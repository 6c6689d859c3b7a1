"""Hosts made self-hosted runners: what is asked for, heard of each host, and concluded."""
