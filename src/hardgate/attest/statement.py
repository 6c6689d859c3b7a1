"""An in-toto Statement with the predicate test-result: what was looked at, and what came of it.

The formats: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and
https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hardgate.errors import ExitCode, HardgateError
from hardgate.text.strict_json import parse_strict_json

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_FILE = "statement.json"
"""Not signed: what one session states of its own run."""
ATTESTATION_FILE = "attestation.json"
"""Signed: the statement of the last word."""
CONTENT_SUBJECT = "content"
IMAGE_SUBJECT = "image"
EXIT_CODE_KEY = "hardgate.exit_code"
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


class StatementError(HardgateError):
    """A statement that cannot be read, or is about something else than a run of hardgate."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What one session, or `validate` over all of them, states."""

    session: str
    exit_code: ExitCode
    content: str
    """The sha256 of the content that was looked at; empty where it is not known."""
    image: str
    """The sha256 by which the engine knows the image; empty where there was none."""
    contract: str
    """The sha256 of the contract; empty where none applied."""
    contract_name: str = ""
    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    """Names of what did not hold, and of what could not be told."""
    warned: tuple[str, ...] = ()
    """Names of what did not hold, or was not looked at, and was allowed to."""
    url: str = ""
    """Where the job that wrote this is told of."""
    annotations: Mapping[str, str] = field(default_factory=dict)


def encode_statement(statement: Statement) -> bytes:
    """Write a statement; subjects without a digest are left out, for in-toto has no empty ones."""
    named = {CONTENT_SUBJECT: statement.content, IMAGE_SUBJECT: statement.image}
    subjects = [
        {"name": name, "digest": {"sha256": _strip_sha256(digest)}}
        for name, digest in named.items()
        if digest
    ]
    held = statement.exit_code is ExitCode.HELD
    annotations = {EXIT_CODE_KEY: str(int(statement.exit_code)), **statement.annotations}
    configuration: dict[str, Any] = {
        "name": statement.contract_name or "contract",
        "annotations": annotations,
    }
    if statement.contract:
        configuration["digest"] = {"sha256": _strip_sha256(statement.contract)}
    predicate = {
        "result": "PASSED" if held else "FAILED",
        "configuration": [configuration],
        "url": statement.url,
        "passedTests": list(statement.passed),
        "warnedTests": list(statement.warned),
        "failedTests": list(statement.failed),
        "hardgateSession": statement.session,
    }
    data = {
        "_type": STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    return json.dumps(data, indent=2, sort_keys=True).encode() + b"\n"


def read_statement(data: bytes) -> Statement:
    """Read a statement of hardgate's; raises StatementError for whatever is none."""
    try:
        statement = parse_strict_json(data)
        kinds = (statement["_type"], statement["predicateType"])
        if kinds != (STATEMENT_TYPE, PREDICATE_TYPE):
            raise StatementError(f"The statement is of another kind: {' with '.join(kinds)}."[:300])
        return _parse_statement(statement)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise StatementError(
            f"The statement cannot be read ({type(error).__name__}: {error})."[:300]
        ) from error


def _parse_statement(statement: Mapping[str, Any]) -> Statement:
    predicate = statement["predicate"]
    (configuration,) = predicate["configuration"]
    annotations = dict(configuration["annotations"])
    code = ExitCode(int(annotations.pop(EXIT_CODE_KEY)))
    passed, warned, failed = (
        _read_names(predicate[key]) for key in ("passedTests", "warnedTests", "failedTests")
    )
    held = code is ExitCode.HELD
    if predicate["result"] != ("PASSED" if held else "FAILED") or (held and failed):
        raise StatementError("The statement contradicts itself: its result is not its exit code's.")
    if held and not passed:
        raise StatementError("The statement contradicts itself: it passed, and names no test.")
    if set(passed) & {*warned, *failed}:
        raise StatementError("The statement contradicts itself: a test passed, and did not.")
    subjects: dict[str, str] = {}
    for subject in statement["subject"]:
        if subject["name"] in subjects:
            raise StatementError(f"The statement names its {subject['name']} twice.")
        subjects[subject["name"]] = _strip_sha256(subject["digest"]["sha256"])
    digest = configuration.get("digest")
    return Statement(
        session=str(predicate["hardgateSession"]),
        exit_code=code,
        content=subjects.get(CONTENT_SUBJECT, ""),
        image=subjects.get(IMAGE_SUBJECT, ""),
        contract=_strip_sha256(digest["sha256"]) if digest else "",
        contract_name=str(configuration["name"]),
        passed=passed,
        failed=failed,
        warned=warned,
        url=str(predicate["url"]),
        annotations={str(name): str(text) for name, text in annotations.items()},
    )


def _read_names(names: Sequence[Any]) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TypeError("names are not texts")
    return tuple(names)


def _strip_sha256(digest: str) -> str:
    matched = _SHA256.fullmatch(digest)
    if matched is None:
        raise StatementError(f"'{digest}' is not a sha256."[:200])
    return matched.group(1)
