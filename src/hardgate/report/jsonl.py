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
    """Write the events of a finished run; they are those that a running gate streams."""
    return "".join(encode_event(event) for event in list_run_events(summary))


def list_run_events(summary: Summary) -> Iterator[dict[str, Any]]:
    """Yield the events of a finished run."""
    yield {"event": "started", **{key: summary[key] for key in STARTED_KEYS}}
    yield from ({"event": "step", **step} for step in summary["timeline"])
    yield from ({"event": "verdict", **verdict} for verdict in summary["verdicts"])
    yield {"event": "finished", **{key: summary[key] for key in FINISHED_KEYS}}


def encode_event(event: Mapping[str, Any]) -> str:
    """Write one event as a line; JSON escapes every line end inside it."""
    return json.dumps(event, ensure_ascii=True, default=str) + "\n"
