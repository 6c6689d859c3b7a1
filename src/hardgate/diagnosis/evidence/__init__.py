"""Collects the evidence of a failed probe."""
