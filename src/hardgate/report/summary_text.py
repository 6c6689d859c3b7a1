"""What is said of a verdict in a summary: its reason, its remedy, and how its probe ended."""

from collections.abc import Mapping
from typing import Any

from hardgate.text.plain import format_duration

Summary = Mapping[str, Any]


def pick_best_reason(verdict: Summary) -> str:
    """Give the reason that the evidence gives, else what the first run left."""
    reason = (verdict["diagnosis"] or {}).get("reason")
    return str(reason["sentence"] if reason else verdict["reason"])


def pick_remedy(verdict: Summary) -> str:
    """Give the remedy of the reason, else the contract's hint."""
    reason = (verdict["diagnosis"] or {}).get("reason")
    return str((reason["remedy"] if reason else "") or verdict["hint"])


def describe_probe_end(verdict: Summary) -> str:
    """Say how the probe ended; empty where none was run."""
    if verdict["seconds"] is None:
        return ""
    seconds = format_duration(verdict["seconds"])
    if verdict["timed_out"]:
        return f"The gate ended the probe after {seconds}."
    status = verdict["exit_status"]
    ended = "without an exit status" if status is None else f"with exit status {status}"
    flaky = (verdict["diagnosis"] or {}).get("flaky")
    return f"The probe ended {ended} after {seconds}." + (
        " A second run passed: it is flaky, and stays a miss." if flaky else ""
    )
