"""A file of promises: schema version 1 (see contracts/README.md), loaded or refused."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hardgate.errors import ContractError
from hardgate.model.contract_fields import (
    CAPABILITY_FIELDS,
    CONTRACT_FIELDS,
    ProbeUser,
    Severity,
    Subject,
    select_fields,
)
from hardgate.schema.document import Node, Refusal, Scalar, Table, read_document, translate_refusals
from hardgate.schema.fields import Remark, read_table
from hardgate.schema.source import read_origin, strip_credentials
from hardgate.text.printable import find_control_character, make_printable
from hardgate.text.typo import suggest_choice

__all__ = ["Capability", "Contract", "Severity", "Subject", "load_contract", "parse_contract"]

VARIABLE_USE = re.compile(r"\$\{?(HARDGATE_[A-Za-z0-9_]+)")
"""How a host's probe asks for a variable of ours."""


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
    user: ProbeUser = ProbeUser.RUNNER
    """Our own: who it is run as, where the subject is a host."""
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
    agent_uid: int | None
    """None where the subject is a host: nobody's uid is promised there."""
    capabilities: tuple[Capability, ...]
    subject: Subject = Subject.WORKSPACE
    """Our own: what it is about."""
    variables: tuple[str, ...] = ()
    """Our own: what a host's probes see in their environment, by name."""
    warnings: tuple[str, ...] = ()
    """Whole sentences, with file and line; they never make a contract wrong."""


def load_contract(
    origin: str, *, sha256: str | None = None, subject: Subject | None = Subject.WORKSPACE
) -> Contract:
    """Read a contract from a file, or from a URL that is pinned; raises ContractError.

    One of another subject is refused; None takes either.
    """
    data = read_origin(origin, noun="Contract", sha256=sha256)
    contract = parse_contract(data, strip_credentials(origin))
    if subject is not None and contract.subject is not subject:
        raise ContractError(
            f"The subject of contract '{contract.origin}' is a {contract.subject.value}, and "
            f"a {subject.value} is to be looked at here.",
            _SUBJECT_REMEDIES[contract.subject],
        )
    return contract


_SUBJECT_REMEDIES = {
    Subject.HOST: "Probe hosts by 'hardgate runner', or name a workspace's contract.",
    Subject.WORKSPACE: "Verify images by 'hardgate gate', or name a contract with 'subject: host'.",
}


def parse_contract(data: bytes, origin: str) -> Contract:
    """Make a contract of a file's bytes; raises ContractError with file, line and remedy."""
    title = f"Contract '{origin}'"
    with translate_refusals(title):
        document = read_document(data)
        subject = _read_subject(document.root)
        reading = read_table(
            document.root, select_fields(CONTRACT_FIELDS, subject), subject="the contract"
        )
        variables = reading.values.get("variables", ())
        read = [
            _read_capability(node, number, subject)
            for number, node in enumerate(reading.values["capabilities"], start=1)
        ]
        capabilities = tuple(capability for capability, _ in read)
        _refuse_equal_names(capabilities)
        if subject is Subject.HOST:
            _refuse_undeclared_variables(capabilities, variables)
    remarks = [*reading.remarks, *(remark for _, remarks in read for remark in remarks)]
    if document.has_byte_order_mark:
        remarks.insert(0, Remark(line=1, text="It begins with a byte order mark. It is skipped."))
    return Contract(
        origin=origin,
        sha256=hashlib.sha256(data).hexdigest(),
        version=reading.values["version"],
        agent_uid=reading.values.get("agent_uid"),
        capabilities=capabilities,
        subject=subject,
        variables=variables,
        warnings=tuple(f"{title} line {remark.line}: {remark.text}" for remark in remarks),
    )


def _read_subject(root: Node) -> Subject:
    """Find out what it is about, before anything is refused or skipped for it.

    What cannot be ours is told of where the other fields are read.
    """
    node = root.get_value("subject") if isinstance(root, Table) else None
    value = node.text if isinstance(node, Scalar) and node.tag == "str" else ""
    return Subject.HOST if value == Subject.HOST.value else Subject.WORKSPACE


def _read_capability(
    node: Node, number: int, about: Subject
) -> tuple[Capability, Sequence[Remark]]:
    subject = _describe_capability(node, number)
    reading = read_table(node, select_fields(CAPABILITY_FIELDS, about), subject=subject)
    values: dict[str, Any] = dict(reading.values)
    values["severity"] = Severity(values["severity"])
    values["user"] = ProbeUser(values.get("user", ProbeUser.RUNNER.value))
    if values.get("hint") is None:
        values.pop("hint", None)
    capability = Capability(**values, line=node.line)
    return capability, [*reading.remarks, *_find_odd_characters(capability, subject)]


def _describe_capability(node: Node, number: int) -> str:
    name = node.get_value("name") if isinstance(node, Table) else None
    if isinstance(name, Scalar) and name.text.strip():
        return f"capability '{make_printable(name.text)}'"
    return f"capability {number}"


def _find_odd_characters(capability: Capability, subject: str) -> Sequence[Remark]:
    odd = find_control_character(capability.probe)
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


def _refuse_undeclared_variables(
    capabilities: Sequence[Capability], variables: Sequence[str]
) -> None:
    """Refuse a probe that asks for what it would find empty."""
    for capability in capabilities:
        for name in VARIABLE_USE.findall(capability.probe):
            if name not in variables:
                problem = (
                    f"the probe of capability '{capability.name}' asks for '{name}', which is not "
                    "among the contract's variables"
                )
                remedy = suggest_choice(name, variables) or "Add it to 'variables'."
                raise Refusal(capability.line, problem, remedy)
