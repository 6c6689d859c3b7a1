"""The forge's file about what started a job, which a step of the job may have written anew."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardgate.system.regular_file import read_regular_file
from hardgate.text.strict_json import parse_strict_json

EVENT_VARIABLE = "GITHUB_EVENT_PATH"
"""Gitea and Forgejo name their file by it as well."""
MAX_EVENT_BYTES = 64 * 1024 * 1024


def read_forge_event(environ: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Give the event; None where no file is named, or it cannot be read as one mapping."""
    path = environ.get(EVENT_VARIABLE)
    if not path:
        return None
    try:
        data = read_regular_file(Path(path), MAX_EVENT_BYTES, follow_link=True)
        event = parse_strict_json(data)
    except (OSError, ValueError):
        return None
    return event if isinstance(event, dict) else None
