"""A strict stand-in for the forges' runner programs: their documented commands, and no other.

It travels to the hosts as one file (see `programs.py` beside it), so it uses the standard library
only. What it is, its name decides: gitea-runner, act_runner, forgejo-runner, Runner.Listener.
"""
