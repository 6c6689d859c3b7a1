"""Correlates the evidence of a failed probe."""
