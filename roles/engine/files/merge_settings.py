"""Merge settings into the engine's own, or take them back: what is there already always stays.

    merge_settings.py merge RECORD SETTINGS     (JSON)
    merge_settings.py restore RECORD

Says on standard output what was added, or taken back; nothing where there is nothing to do.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SETTINGS_FILE = Path("/etc/docker/daemon.json")


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one where there is no file."""
    text = path.read_text() if path.is_file() else ""
    return dict(json.loads(text)) if text.strip() else {}


def find_missing_settings(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Give what of ours is not in theirs."""
    added: dict[str, Any] = {}
    for key, value in ours.items():
        if key not in theirs:
            added[key] = value
        elif isinstance(value, dict) and isinstance(theirs[key], dict):
            inner = find_missing_settings(theirs[key], value)
            if inner:
                added[key] = inner
    return added


def join_settings(theirs: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """Give both."""
    both = dict(theirs)
    for key, value in added.items():
        both[key] = join_settings(theirs[key], value) if key in theirs else value
    return both


def subtract_settings(theirs: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """Give theirs without what was added and is still as it was."""
    left: dict[str, Any] = {}
    for key, value in theirs.items():
        if key in added and isinstance(value, dict) and isinstance(added[key], dict):
            inner = subtract_settings(value, added[key])
            if inner:
                left[key] = inner
        elif key not in added or added[key] != value:
            left[key] = value
    return left


def write_settings(settings: Mapping[str, Any]) -> None:
    """Have them there, or no file where there are none."""
    if not settings:
        SETTINGS_FILE.unlink()
        return
    SETTINGS_FILE.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = SETTINGS_FILE.with_name(".daemon.json.new")
    draft.write_text(json.dumps(settings, indent=2) + "\n")
    draft.chmod(SETTINGS_FILE.stat().st_mode & 0o777 if SETTINGS_FILE.exists() else 0o644)
    draft.replace(SETTINGS_FILE)


def merge_settings(record: Path, ours: Mapping[str, Any]) -> None:
    """Add what is missing, and write down what that was."""
    theirs = read_json_object(SETTINGS_FILE)
    # Another driver knows other options, and refuses to start a container with these.
    if theirs.get("log-driver", ours.get("log-driver")) != ours.get("log-driver"):
        ours = {key: value for key, value in ours.items() if key != "log-opts"}
    added = find_missing_settings(theirs, ours)
    if not added:
        return
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(
        json.dumps(
            join_settings(
                read_json_object(record), find_missing_settings(read_json_object(record), added)
            )
        )
    )
    write_settings(join_settings(theirs, added))
    print(f"Added to {SETTINGS_FILE}: {json.dumps(added)}.")


def restore_settings(record: Path) -> None:
    """Take back what was added."""
    if not record.is_file():
        return
    if SETTINGS_FILE.is_file():
        theirs = read_json_object(SETTINGS_FILE)
        left = subtract_settings(theirs, read_json_object(record))
        if left != theirs:
            write_settings(left)
            print(f"Took back what was added to {SETTINGS_FILE}.")
    record.unlink()


if __name__ == "__main__":
    record_file = Path(sys.argv[2]) / "settings"
    if sys.argv[1] == "merge":
        merge_settings(record_file, json.loads(sys.argv[3]))
    else:
        restore_settings(record_file)
