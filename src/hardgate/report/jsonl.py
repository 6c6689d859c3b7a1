"""A run as JSON lines: one event a line, from `started` to `finished`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Summary = Mapping[str, Any]
STARTED_KEYS = ("id", "started_at", "session", "subject", "contract", "tier", "hardgate")
FINISHED_KEYS = (
    "headline", "outcome", "exit_code", "seconds", "partial", "not_looked_at", "problem", "remedy",
    "evidence", "causes", "notices", "adaptations", "image", "host",
)  # fmt: skip


def render_run_jsonl(summary: Summary) -> str:
    """Write the events of a finished run; a running gate streams the same (`event_stream`)."""
    return "".join(encode_event(event) for event in list_run_events(summary))


def list_run_events(summary: Summary) -> Iterator[dict[str, Any]]:
    """Yield the events of a finished run."""
    yield make_started_event(summary)
    yield from map(make_step_event, summary["timeline"])
    yield from map(make_verdict_event, summary["verdicts"])
    yield make_finished_event(summary)


def make_started_event(summary: Summary) -> dict[str, Any]:
    """Say what is verified, and by what."""
    return {"event": "started", **{key: summary[key] for key in STARTED_KEYS}}


def make_step_event(step: Summary) -> dict[str, Any]:
    """Tell a step of the timeline that has ended."""
    return {"event": "step", **step}


def make_verdict_event(verdict: Summary) -> dict[str, Any]:
    """Tell a verdict."""
    return {"event": "verdict", **verdict}


def make_finished_event(summary: Summary) -> dict[str, Any]:
    """Say what the run is worth."""
    return {"event": "finished", **{key: summary[key] for key in FINISHED_KEYS}}


def encode_event(event: Mapping[str, Any]) -> str:
    """Write one event as a line; JSON escapes every line end inside it."""
    return json.dumps(event, ensure_ascii=True, default=str) + "\n"
