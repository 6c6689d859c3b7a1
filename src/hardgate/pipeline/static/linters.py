"""Well-kept linters, asked for JSON: each in its own words, none configured by the template.

Neither a template's own configuration of them is read nor what stands in its files for them, such
as `# shellcheck disable=all`: both would let a template choose its judge.
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hardgate.errors import HardgateError
from hardgate.model.contract import Severity
from hardgate.pipeline.static.rules import Finding, linters
from hardgate.pipeline.template import Template
from hardgate.system import process
from hardgate.system.temporary_folder import run_in_temporary_folder, temporary_folder

LINTER_TIMEOUT_SECONDS = 120
_NOTE = re.compile(rb"#[ \t]*(?P<linter>shellcheck|hadolint)[ \t](?P<words>[^\r\n]*)")
_HARMLESS = re.compile(rb"(shell|source|source-path)=\S+")
"""What a script may tell shellcheck: how it is to be read."""


def run_hadolint(template: Template) -> Iterator[Finding]:
    """Look at the Dockerfile, and at the shell in its RUNs, in a copy without notes for linters."""
    if not template.dockerfile.is_file():
        return
    linter, file = linters()["hadolint"], template.dockerfile
    lines = file.read_text(errors="replace").splitlines()
    with temporary_folder() as folder:
        copy = folder / "Dockerfile"
        copy.write_bytes(without_notes(file.read_bytes()))
        output = _run_linter(
            *("hadolint", "--config", os.devnull, "--disable-ignore-pragma", "--no-fail"),
            *("--format", "json", str(copy)),
        )
    for found in json.loads(output or "[]"):
        code, line = found["code"], found["line"]
        if code == "DL3025" and _is_health(lines, line):
            continue  # the shell form is what a HEALTHCHECK with a variable in it wants
        finding = linter.finding(template.relative_to_root(file), line, code, found["message"])
        if finding:
            yield finding


def without_notes(data: bytes) -> bytes:
    """Empty every comment that switches a linter's warnings off; all lines stay where they are."""
    return _NOTE.sub(_without_note, data)


def _without_note(note: re.Match[bytes]) -> bytes:
    kept = [word for word in note["words"].split() if _HARMLESS.fullmatch(word)]
    if note["linter"] == b"hadolint" or not kept:
        return b"#"
    return b"# shellcheck " + b" ".join(kept)


def _is_health(lines: Sequence[str], line: int) -> bool:
    in_file = 0 < line <= len(lines)
    return in_file and lines[line - 1].lstrip().upper().startswith("HEALTHCHECK")


def run_shellcheck(template: Template) -> Iterator[Finding]:
    """Look at every shell script, in a copy without directives that switch a warning off."""
    if not template.shell_scripts:
        return
    linter = linters()["shellcheck"]
    with temporary_folder() as folder:
        copies = dict(_copy_without_notes(template.shell_scripts, folder))
        output = _run_linter("shellcheck", "--norc", "--format", "json1", *copies)
    for found in json.loads(output)["comments"]:
        place = template.relative_to_root(copies[found["file"]])
        finding = linter.finding(place, found["line"], f"SC{found['code']}", found["message"])
        if finding:
            yield finding


def _copy_without_notes(files: Sequence[Path], folder: Path) -> Iterator[tuple[str, Path]]:
    for number, file in enumerate(files):
        copy = folder / f"{number}{file.suffix}"
        copy.write_bytes(without_notes(file.read_bytes()))
        yield str(copy), file


def run_zizmor(template: Template) -> Iterator[Finding]:
    """Look at how workflows could be turned against their repository; offline.

    zizmor passes over a file that it cannot read, or gives no answer for all of them: then each is
    looked at alone, and that one cannot be told.
    """
    files = template.workflow_files
    if not files:
        return
    try:
        found = _look_by_zizmor(files)
    except HardgateError:
        if len(files) == 1:
            raise
        for file in files:
            yield from _find_in_one_by_zizmor(template, file)
        return
    yield from _read_zizmor(template, found)


def _find_in_one_by_zizmor(template: Template, file: Path) -> Iterator[Finding]:
    try:
        yield from _read_zizmor(template, _look_by_zizmor([file]))
    except HardgateError as error:
        yield linters()["zizmor"].untold(template.relative_to_root(file), error.problem)


def _look_by_zizmor(files: Sequence[Path]) -> Sequence[Any]:
    output = _run_linter(
        *("zizmor", "--offline", "--no-config", "--no-exit-codes", "--no-progress", "--quiet"),
        *("--no-ignores", "--strict-collection", "--format", "json"),
        *map(str, files),
    )
    return list(json.loads(output or "[]"))


def _read_zizmor(template: Template, answers: Sequence[Any]) -> Iterator[Finding]:
    linter = linters()["zizmor"]
    for found in answers:
        where = _primary_location(found["locations"])
        path = Path(where["symbolic"]["key"]["Local"]["verbatim_path"])
        line = where["concrete"]["location"]["start_point"]["row"] + 1
        reason = f"{found['desc']}: {where['symbolic']['annotation']}"
        place = template.relative_to_root(path)
        finding = linter.finding(place, line, found["ident"], reason)
        if finding:
            yield finding


def _primary_location(locations: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    primary = (one for one in locations if one["symbolic"].get("kind") == "Primary")
    return next(primary, locations[0])


def run_workflow_schema(template: Template, gate_files: frozenset[str]) -> Iterator[Finding]:
    """Compare workflows with the published schema of their syntax.

    GitHub does not start a file that breaks it: hard where the file holds the gate. Gitea and
    Forgejo pass over what they do not know.
    """
    if not template.workflow_files:
        return
    files = [str(file) for file in template.workflow_files]
    output = _run_linter(
        "check-jsonschema", "--builtin-schema", "vendor.github-workflows", "-o", "json", *files
    )
    report = json.loads(output)
    for found in report.get("errors", []):
        best = found.get("best_deep_match") or found
        yield from _schema_finding(
            template, found["filename"], f"{best['path']}: {best['message']}", gate_files
        )
    for found in report.get("parse_errors", []):
        message = str(found["message"]).splitlines()[0]
        yield from _schema_finding(template, found["filename"], message, gate_files)


def _schema_finding(
    template: Template, path: str, reason: str, gate_files: frozenset[str]
) -> Iterator[Finding]:
    place = template.relative_to_root(Path(path))
    finding = linters()["workflow-schema"].finding(place, 0, "syntax", reason)
    if finding is None:
        return
    is_hard = place in gate_files and place.startswith(".github/")
    severity = Severity.HARD if is_hard else Severity.ADVISORY
    yield Finding(**{**vars(finding), "severity": severity})


def _run_linter(program: str, *arguments: str) -> str:
    """Run a linter of our own environment; raises HardgateError where it gives no answer."""
    beside = Path(sys.executable).with_name(program)
    try:
        finished = run_in_temporary_folder(
            [str(beside) if beside.exists() else program, *arguments],
            env={**os.environ, "ZIZMOR_OFFLINE": "true", "NO_COLOR": "1"},
            timeout=LINTER_TIMEOUT_SECONDS,
        )
    except process.CommandMissingError as error:
        raise HardgateError(
            f"The program '{program}' is not installed.",
            "Install hardgate with it: 'hardgate[static]'.",
        ) from error
    output = finished.stdout.strip()
    if not output.startswith(("[", "{")) and (finished.status != 0 or output):
        raise HardgateError(
            f"'{program}' gave no answer (exit status {finished.status}).",
            "Look at the evidence.",
            evidence=(finished.stderr or finished.stdout)[-2000:],
        )
    return output
