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

FILE = Path("/etc/docker/daemon.json")


def read(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one where there is no file."""
    text = path.read_text() if path.is_file() else ""
    return dict(json.loads(text)) if text.strip() else {}


def missing(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Give what of ours is not in theirs."""
    added: dict[str, Any] = {}
    for key, value in ours.items():
        if key not in theirs:
            added[key] = value
        elif isinstance(value, dict) and isinstance(theirs[key], dict):
            inner = missing(theirs[key], value)
            if inner:
                added[key] = inner
    return added


def joined(theirs: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """Give both."""
    both = dict(theirs)
    for key, value in added.items():
        both[key] = joined(theirs[key], value) if key in theirs else value
    return both


def without(theirs: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """Give theirs without what was added and is still as it was."""
    left: dict[str, Any] = {}
    for key, value in theirs.items():
        if key in added and isinstance(value, dict) and isinstance(added[key], dict):
            inner = without(value, added[key])
            if inner:
                left[key] = inner
        elif key not in added or added[key] != value:
            left[key] = value
    return left


def write(settings: Mapping[str, Any]) -> None:
    """Have them there, or no file where there are none."""
    if not settings:
        FILE.unlink()
        return
    FILE.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = FILE.with_name(".daemon.json.new")
    draft.write_text(json.dumps(settings, indent=2) + "\n")
    draft.chmod(FILE.stat().st_mode & 0o777 if FILE.exists() else 0o644)
    draft.replace(FILE)


def merge(record: Path, ours: Mapping[str, Any]) -> None:
    """Add what is missing, and write down what that was."""
    theirs = read(FILE)
    # Another driver knows other options, and refuses to start a container with these.
    if theirs.get("log-driver", ours.get("log-driver")) != ours.get("log-driver"):
        ours = {key: value for key, value in ours.items() if key != "log-opts"}
    added = missing(theirs, ours)
    if not added:
        return
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(joined(read(record), missing(read(record), added))))
    write(joined(theirs, added))
    print(f"Added to {FILE}: {json.dumps(added)}.")


def restore(record: Path) -> None:
    """Take back what was added."""
    if not record.is_file():
        return
    if FILE.is_file():
        theirs = read(FILE)
        left = without(theirs, read(record))
        if left != theirs:
            write(left)
            print(f"Took back what was added to {FILE}.")
    record.unlink()


if __name__ == "__main__":
    place = Path(sys.argv[2]) / "settings"
    if sys.argv[1] == "merge":
        merge(place, json.loads(sys.argv[3]))
    else:
        restore(place)
