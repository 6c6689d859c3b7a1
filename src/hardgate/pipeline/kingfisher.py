"""Looks for credentials by kingfisher, offline; why this one: docs/pipeline.md, with figures.

It is handed a folder of copies that hold nothing but text, of one name's end: it leaves files out
by that, and opens others.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hardgate.errors import HardgateError
from hardgate.pipeline.known_examples import (
    is_known_example,
    is_random,
    is_weak_password,
)
from hardgate.system import process
from hardgate.system.temporary_folder import run_in_temporary_folder

RULES = Path(__file__).with_name("secret_rules.yml")
COPY_SUFFIX = ".txt"
NAMED_SECRET = "hardgate.named.secret"  # noqa: S105 - a rule
"""Our rule for what has no shape of its own."""
NETRC_PASSWORD = "hardgate.netrc.password"  # noqa: S105 - a rule
TIMEOUT_SECONDS = 900
_OPTIONS = (
    *("--no-validate", "--no-update-check", "--no-ignore", "--no-dedup", "--no-extract-archives"),
    *("--git-history", "none", "--max-file-size", "0", "--format", "jsonl", "--quiet"),
    # It gives the password alone; ours gives the host as well, by which an example is told.
    *("--exclude-rule", "betterleaks.generic-credential-uri"),
)


@dataclass(frozen=True, kw_only=True)
class Match:
    """Something of a credential's shape in a copy."""

    copy: str
    """The copy's name."""
    first_line: int
    last_line: int
    start: int
    """Bytes of the first line that stand before it."""
    end: int
    rule: str
    kind: str
    value: str = field(repr=False)
    """Never to be shown."""

    @property
    def is_credential(self) -> bool:
        """Neither a published example nor, where only a name makes it one, an ordinary word."""
        if self.rule == NAMED_SECRET and not is_random(self.value):
            return False
        if self.rule == NETRC_PASSWORD and is_weak_password(self.value):
            return False
        return not is_known_example(self.value)


def find_credentials(folder: Path) -> Iterator[Match]:
    """Yield what kingfisher finds in the copies in a folder, beside which it leaves its report."""
    copies = {file.name for file in folder.iterdir()}
    if not copies:
        return
    report = folder.with_name(f"{folder.name}-report")
    finished = _run_kingfisher(folder, report)
    seen = 0
    with report.open(encoding="utf-8", errors="replace") as lines:
        for row in (json.loads(line) for line in lines if line.startswith("{")):
            seen += sum(_count_read(one) for one in row.get("audit", {}).get("repositories", ()))
            if "finding" in row and (match := _read_match(row, copies)).is_credential:
                yield match
    report.unlink()
    if seen != len(copies):
        raise HardgateError(
            f"'kingfisher' looked at {seen} of {len(copies)} files ({finished.end_description}).",
            "See its own words below.",
            evidence=finished.stderr[-2000:],
        )


def _count_read(repository: Mapping[str, Any]) -> int:
    if repository["scan"]["status"] != "completed":
        return 0
    return int(repository["stats"]["blobs_scanned"])


def _read_match(row: Mapping[str, Any], copies: set[str]) -> Match:
    found, rule = row["finding"], row["rule"]
    name = Path(str(found["path"]).partition("!")[0]).name
    if name not in copies:
        raise HardgateError(
            "'kingfisher' found something in a file that it was not given.",
            "Please report it with the version of 'kingfisher --version'.",
        )
    first, value = int(found["line"]), str(found["snippet"])
    return Match(
        copy=name,
        first_line=first,
        last_line=first + value.count("\n"),
        start=int(found["column_start"]),
        end=int(found["column_end"]),
        rule=str(rule["id"]),
        kind=_name_kind(rule),
        value=value,
    )


def _name_kind(rule: Mapping[str, Any]) -> str:
    """Name a kind of credential; our rules' names come as their descriptions."""
    ours = str(rule["id"]).startswith("hardgate.")
    return str(rule.get("description" if ours else "name") or rule["id"]).replace("-", " ")


def _run_kingfisher(folder: Path, report: Path) -> process.CommandResult:
    beside = Path(sys.executable).with_name("kingfisher")
    program = str(beside) if beside.exists() else "kingfisher"
    # Its own variables could switch rules off, or send what it finds somewhere.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KF_", "KINGFISHER_"))
    }
    try:
        return run_in_temporary_folder(
            [program, "scan", str(folder), *_OPTIONS, "--rules-path", str(RULES)],
            env=environment,
            cwd=folder,
            timeout=TIMEOUT_SECONDS,
            output_file=report,
        )
    except process.CommandMissingError as error:
        raise HardgateError(
            "There is no 'kingfisher' here.", "Install hardgate with it: 'hardgate[secrets]'."
        ) from error
