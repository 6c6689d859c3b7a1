"""Verification on other machines: runners and fleets."""
