"""Well-kept linters, asked for JSON: each in its own words, none configured by the template.

A template's own configuration of them is not read: it would let a template choose its judge.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hardgate import process
from hardgate.errors import HardgateError
from hardgate.pipeline.static.finding import Finding
from hardgate.pipeline.static.rule import linters
from hardgate.pipeline.template import Template

SECONDS = 120


def hadolint(template: Template) -> Iterator[Finding]:
    """Look at the Dockerfile, and at the shell in its RUNs."""
    if not template.dockerfile.is_file():
        return
    linter, file = linters()["hadolint"], template.dockerfile
    lines = file.read_text(errors="replace").splitlines()
    said = _ask("hadolint", "--config", os.devnull, "--no-fail", "--format", "json", str(file))
    for one in json.loads(said or "[]"):
        code, line = one["code"], one["line"]
        if code == "DL3025" and _is_health(lines, line):
            continue  # the shell form is what a HEALTHCHECK with a variable in it wants
        finding = linter.finding(
            template.relative_to_root(file), line, code, one["level"], one["message"]
        )
        if finding:
            yield finding


def _is_health(lines: Sequence[str], line: int) -> bool:
    return lines[line - 1].lstrip().upper().startswith("HEALTHCHECK") if line else False


def shellcheck(template: Template) -> Iterator[Finding]:
    """Look at every shell script."""
    if not template.shell_scripts:
        return
    linter = linters()["shellcheck"]
    words = ["--norc", "--format", "json1", *(str(file) for file in template.shell_scripts)]
    for one in json.loads(_ask("shellcheck", *words))["comments"]:
        place = template.relative_to_root(Path(one["file"]))
        code = f"SC{one['code']}"
        finding = linter.finding(place, one["line"], code, one["level"], one["message"])
        if finding:
            yield finding


def zizmor(template: Template) -> Iterator[Finding]:
    """Look at how workflows could be turned against their repository; offline."""
    if not template.workflow_files:
        return
    linter = linters()["zizmor"]
    said = _ask(
        *("zizmor", "--offline", "--no-config", "--no-exit-codes", "--no-progress", "--quiet"),
        *("--format", "json", *(str(file) for file in template.workflow_files)),
    )
    for one in json.loads(said or "[]"):
        if one.get("ignored"):
            continue
        where = _primary(one["locations"])
        place = template.relative_to_root(Path(where["symbolic"]["key"]["Local"]["verbatim_path"]))
        line = where["concrete"]["location"]["start_point"]["row"] + 1
        reason = f"{one['desc']}: {where['symbolic']['annotation']}"
        level = one["determinations"]["severity"]
        finding = linter.finding(place, line, one["ident"], level, reason)
        if finding:
            yield finding


def _primary(locations: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    named = (one for one in locations if one["symbolic"].get("kind") == "Primary")
    return next(named, locations[0])


def workflow_schema(template: Template) -> Iterator[Finding]:
    """Compare workflows with the published schema of their syntax."""
    if not template.workflow_files:
        return
    linter = linters()["workflow-schema"]
    files = [str(file) for file in template.workflow_files]
    said = _ask(
        "check-jsonschema", "--builtin-schema", "vendor.github-workflows", "-o", "json", *files
    )
    told = json.loads(said)
    for one in told.get("errors", []):
        best = one.get("best_deep_match") or one
        place = template.relative_to_root(Path(one["filename"]))
        reason = f"{best['path']}: {best['message']}"
        finding = linter.finding(place, 0, "syntax", "error", reason)
        if finding:
            yield finding
    for one in told.get("parse_errors", []):
        place = template.relative_to_root(Path(one["filename"]))
        finding = linter.finding(place, 0, "syntax", "error", str(one["message"]).splitlines()[0])
        if finding:
            yield finding


def _ask(program: str, *words: str) -> str:
    """Run a linter of our own environment; one that does not answer is nobody's pass."""
    beside = Path(sys.executable).with_name(program)
    try:
        seen = process.run_command(
            [str(beside) if beside.exists() else program, *words],
            env={**os.environ, "ZIZMOR_OFFLINE": "true", "NO_COLOR": "1"},
            timeout=SECONDS,
        )
    except process.CommandMissingError as error:
        raise HardgateError(
            f"There is no '{program}' here.", "Install hardgate with it: 'hardgate[pipeline]'."
        ) from error
    if not seen.stdout.strip().startswith(("[", "{")) and (seen.status != 0 or seen.stdout.strip()):
        raise HardgateError(
            f"'{program}' did not get to an answer (exit status {seen.status}).",
            "Look at the evidence.",
            evidence=(seen.stderr or seen.stdout)[-2000:],
        )
    return seen.stdout.strip()
