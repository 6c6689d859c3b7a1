"""Looks for credentials by kingfisher, offline; why this one: docs/pipeline.md, with figures.

What is looked at is copied into a private folder first, line by line, so that neither ignore files
nor attributes of the repository decide, and a finding's line is the line in the file.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardgate import process
from hardgate.errors import HardgateError
from hardgate.pipeline.git_change import Added

RULES = Path(__file__).with_name("secret_rules.yml")
SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Credential:
    """Something of a credential's shape: where, and of which kind; never what."""

    file: str
    line: int
    commit: str
    rule: str
    kind: str

    @property
    def place(self) -> str:
        """Write it as editors know it, with the commit where it is gone again since."""
        commit = f" (commit {self.commit[:12]})" if self.commit else ""
        return f"{self.file}:{self.line}{commit}"


def find_in_lines(lines: Iterable[Added]) -> list[Credential]:
    """Look at added lines."""
    with tempfile.TemporaryDirectory(prefix="hardgate-secrets-") as folder:
        places = _lay_out(lines, Path(folder))
        found = {
            (places[one["path"]][1], int(one["line"]), rule): _credential(one, rule, kind, places)
            for one, rule, kind in _ask(Path(folder))
            if one["path"] in places
        }
    return sorted(found.values(), key=lambda one: (one.file, one.line, one.commit))


def _lay_out(lines: Iterable[Added], folder: Path) -> dict[str, tuple[str, str]]:
    """Write each file's lines where they stood; give commit and file by the copies' names."""
    places: dict[str, tuple[str, str]] = {}
    texts: dict[tuple[str, str], list[Added]] = {}
    for added in lines:
        texts.setdefault((added.commit, added.file), []).append(added)
    for number, (place, held) in enumerate(texts.items()):
        name = f"{number}{Path(place[1]).suffix[:12]}"
        places[name] = place
        at = 1
        with (folder / name).open("w", encoding="utf-8", errors="replace") as copy:
            for added in held:
                copy.write("\n" * max(added.line - at, 0) + added.text + "\n")
                at = max(added.line, at) + 1
    return places


def _credential(
    found: Mapping[str, Any], rule: str, kind: str, places: Mapping[str, tuple[str, str]]
) -> Credential:
    commit, file = places[found["path"]]
    return Credential(file=file, line=int(found["line"]), commit=commit, rule=rule, kind=kind)


def _ask(folder: Path) -> Iterator[tuple[Mapping[str, Any], str, str]]:
    """Yield findings with their rule's id and name; what was found is redacted by it already."""
    if not any(folder.iterdir()):
        return
    seen = _run(folder)
    rows = [json.loads(line) for line in seen.stdout.splitlines() if line.startswith("{")]
    states = [
        one["scan"]["status"]
        for row in rows
        for one in row.get("audit", {}).get("repositories", ())
    ]
    if not states or any(state != "completed" for state in states):
        raise HardgateError(
            f"'kingfisher' did not get to an answer (exit status {seen.status}).",
            "Look at the evidence.",
            evidence=seen.stderr[-2000:],
        )
    for row in rows:
        if "finding" in row:
            rule = row["rule"]
            path = Path(row["finding"]["path"]).name
            told = rule.get("description") or rule.get("name") or rule["id"]
            yield {**row["finding"], "path": path}, str(rule["id"]), str(told)


def _run(folder: Path) -> process.CommandResult:
    beside = Path(sys.executable).with_name("kingfisher")
    try:
        return process.run_command(
            [
                *(str(beside) if beside.exists() else "kingfisher", "scan", str(folder)),
                *("--no-validate", "--no-update-check", "--no-ignore", "--redact", "--no-dedup"),
                *("--git-history", "none", "--format", "jsonl", "--rules-path", str(RULES)),
            ],
            env={key: value for key, value in os.environ.items() if not key.startswith("KF_")},
            cwd=folder,
            timeout=SECONDS,
        )
    except process.CommandMissingError as error:
        raise HardgateError(
            "There is no 'kingfisher' here.", "Install hardgate with it: 'hardgate[pipeline]'."
        ) from error
