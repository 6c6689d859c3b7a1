"""Asks the machine that hardgate runs on: programs, signals, private folders, git, HTTP."""
