"""Plays by ansible-runner, and what they report."""
