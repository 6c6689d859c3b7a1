"""A file of promises: schema version 1 (see contracts/README.md), loaded or refused."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hardgate.reading.document import Node, Refusal, Scalar, Table, naming, read_document
from hardgate.reading.field import Field, Remark, Tables, read_table
from hardgate.reading.lists import Urls
from hardgate.reading.origin import plain_origin, read_origin
from hardgate.reading.printable import control_character, shown
from hardgate.reading.shape import Choice, Flag, Name, Script, Seconds, Text, Whole

VERSION = 1
MAX_PROBE = 64 * 1024
MAX_TIMEOUT = 3600
MAX_UID = 2**31 - 1


class Severity(Enum):
    """What a miss costs: `hard` makes the run red, `advisory` is told and lets it be."""

    HARD = "hard"
    ADVISORY = "advisory"


CAPABILITY_FIELDS = (
    Field(name="name", shape=Name(), about="what reports and commands call it, unique in the file"),
    Field(name="description", shape=Text(), about="what must hold"),
    Field(
        name="severity",
        shape=Choice(words=tuple(severity.value for severity in Severity)),
        about="what a miss costs, 'hard' or 'advisory'",
    ),
    Field(name="source", shape=Text(), about="why it exists"),
    Field(
        name="probe",
        shape=Script(largest=MAX_PROBE),
        about="a POSIX shell script, run unchanged in the workspace as the agent; exit 0 is a pass",
    ),
    Field(
        name="required_egress",
        shape=Urls(),
        about="the URLs that the probe tries where the caller names none",
        required=False,
    ),
    Field(
        name="hint",
        shape=Text(),
        about="what to do about a miss (beyond schema version 1)",
        required=False,
        extra=True,
    ),
    Field(
        name="timeout",
        shape=Seconds(longest=MAX_TIMEOUT),
        about="seconds for the probe, in place of the run's (beyond schema version 1)",
        required=False,
        extra=True,
    ),
    Field(
        name="secret",
        shape=Flag(),
        about="whether the probe handles a secret (beyond schema version 1)",
        required=False,
        extra=True,
        skipped=True,
    ),
    Field(
        name="rerun",
        shape=Flag(),
        about="false where a second run would do harm or tell nothing (beyond schema version 1)",
        required=False,
        extra=True,
        skipped=False,
    ),
)

CONTRACT_FIELDS = (
    Field(
        name="version",
        shape=Whole(lowest=VERSION, highest=VERSION),
        about=f"the schema's version, {VERSION}",
        remedy=f"This hardgate reads version {VERSION}, a number without quotes.",
    ),
    Field(
        name="agent_uid",
        shape=Whole(lowest=1, highest=MAX_UID),
        about="the uid that the agent runs under",
        remedy=f"Use a number from 1 to {MAX_UID}, without quotes; an agent is never root (0).",
    ),
    Field(
        name="capabilities",
        shape=Tables(fields=CAPABILITY_FIELDS, wanted="capabilities"),
        about="the promises, at least one",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Capability:
    """One promise, and the probe that looks whether it is kept."""

    name: str
    description: str
    severity: Severity
    source: str
    """Why it exists."""
    probe: str
    """A POSIX shell script, run unchanged to the byte; exit 0 is a pass."""
    required_egress: tuple[str, ...] = ()
    """URLs, used where the caller names none."""
    hint: str = ""
    """Our own: what to do about a miss."""
    timeout: float | None = None
    """Our own: seconds; None is the run's default."""
    secret: bool = False
    """Our own: the probe handles a secret."""
    rerun: bool = True
    """Our own: false where the probe must not be run a second time for a diagnosis."""
    line: int = 0
    """Where it stands in its file, counted from 1."""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """A list of capabilities, and where they came from."""

    origin: str
    """The path or the URL that it was read from."""
    sha256: str
    """Of the bytes that were read, 64 hexadecimal digits."""
    version: int
    agent_uid: int
    capabilities: tuple[Capability, ...]
    warnings: tuple[str, ...] = ()
    """Whole sentences, with file and line; they never make a contract wrong."""


def load_contract(origin: str, *, sha256: str | None = None) -> Contract:
    """Read a contract from a file, or from a URL that is pinned; raises ContractError."""
    data = read_origin(origin, noun="Contract", sha256=sha256)
    return parse_contract(data, plain_origin(origin))


def parse_contract(data: bytes, origin: str) -> Contract:
    """Make a contract of a file's bytes; raises ContractError with file, line and remedy."""
    title = f"Contract '{origin}'"
    with naming(title):
        document = read_document(data)
        reading = read_table(document.root, CONTRACT_FIELDS, subject="the contract")
        read = [
            _read_capability(node, number)
            for number, node in enumerate(reading.values["capabilities"], start=1)
        ]
        capabilities = tuple(capability for capability, _ in read)
        _refuse_equal_names(capabilities)
    remarks = [*reading.remarks, *(remark for _, remarks in read for remark in remarks)]
    if document.marked:
        remarks.insert(0, Remark(line=1, text="It begins with a byte order mark. It is skipped."))
    return Contract(
        origin=origin,
        sha256=hashlib.sha256(data).hexdigest(),
        version=reading.values["version"],
        agent_uid=reading.values["agent_uid"],
        capabilities=capabilities,
        warnings=tuple(f"{title} line {remark.line}: {remark.text}" for remark in remarks),
    )


def _read_capability(node: Node, number: int) -> tuple[Capability, Sequence[Remark]]:
    subject = _subject(node, number)
    reading = read_table(node, CAPABILITY_FIELDS, subject=subject)
    values: dict[str, Any] = dict(reading.values)
    values["severity"] = Severity(values["severity"])
    if values.get("hint") is None:
        values.pop("hint", None)
    capability = Capability(**values, line=node.line)
    return capability, [*reading.remarks, *_odd_characters(capability, subject)]


def _subject(node: Node, number: int) -> str:
    name = node.get("name") if isinstance(node, Table) else None
    if isinstance(name, Scalar) and name.text.strip():
        return f"capability '{shown(name.text)}'"
    return f"capability {number}"


def _odd_characters(capability: Capability, subject: str) -> Sequence[Remark]:
    odd = control_character(capability.probe)
    if not odd:
        return ()
    text = f"the probe of {subject} holds a control character ({odd}). It is run as it is."
    return (Remark(line=capability.line, text=text),)


def _refuse_equal_names(capabilities: Sequence[Capability]) -> None:
    lines: dict[str, int] = {}
    for capability in capabilities:
        if capability.name in lines:
            problem = (
                f"the name '{capability.name}' is used again, after line {lines[capability.name]}"
            )
            raise Refusal(capability.line, problem, "Give each capability a name of its own.")
        lines[capability.name] = capability.line
