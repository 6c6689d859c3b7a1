"""What may be done on this machine with what a job brings; decided by the machine's owner alone.

`--host direct` hands this machine to the image. On a machine with a policy nothing that a job says
allows it: the policy names the repository that the runner was registered for, or root grants a
single run. Where there is no policy, what a job says can only forbid it.
"""

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from hardgate.errors import UsageError
from hardgate.pipeline.session_result import SESSIONS
from hardgate.pipeline.trust import Trust
from hardgate.schema.document import Node, Refusal, Scalar, read_document, translate_refusals
from hardgate.schema.fields import Field, TableList, read_table, read_table_strictly
from hardgate.schema.lists import read_listing
from hardgate.schema.source import SHA256_DIGITS
from hardgate.schema.types import Flag, Name, Text

POLICY_FILE = Path("/etc/hardgate/policy.yaml")
"""On the runner. The path is fixed: a variable or a flag could name a file of the change's own."""
GRANT_FILE = POLICY_FILE.with_name("direct-grant")
"""Root's word for single runs: the sha256 of what a run is given, and until when, a line each."""
GRANT_VARIABLE = "HARDGATE_DIRECT_GRANT"
"""Names the file with what this run was given; others than its user cannot read it."""


MAX_REPOSITORY_CHARS = 200


@dataclass(frozen=True, kw_only=True)
class SessionNames:
    """A list of names; it may be empty."""

    def read(self, node: Node) -> tuple[str, ...]:
        """Read each."""
        if isinstance(node, Scalar) and node.tag == "null":
            return ()
        return tuple(Name().read(item) for item in read_listing(node, "names").items)

    def schema(self) -> dict[str, object]:
        """A list of names, or nothing."""
        return {"type": ["array", "null"], "items": Name().schema()}


@dataclass(frozen=True, kw_only=True)
class Day:
    """A date, such as 2026-12-31."""

    def read(self, node: Node) -> date:
        """Read it as ISO 8601 writes it."""
        try:
            return date.fromisoformat(node.text if isinstance(node, Scalar) else "")
        except ValueError:
            raise Refusal(node.line, "is not a date", "Write one such as '2026-12-31'.") from None

    def schema(self) -> dict[str, object]:
        """A text of that form."""
        return {"type": "string", "format": "date"}


EXCUSE_FIELDS = (
    Field(
        name="repository",
        shape=Name(max_chars=MAX_REPOSITORY_CHARS),
        about="the repository, as 'registered_for' names it",
    ),
    Field(name="rule", shape=Name(), about="the rule of 'static'"),
    Field(name="reason", shape=Text(), about="why it is excused; every report shows it"),
    Field(name="until", shape=Day(), about="the last day on which that counts"),
)


@dataclass(frozen=True, kw_only=True)
class Excuse:
    """A rule of `static` that a repository may break for some time."""

    repository: str
    rule: str
    reason: str
    until: date


POLICY_FIELDS = (
    Field(
        name="direct_for_untrusted",
        shape=Flag(),
        about="whether '--host direct' may be given to untrusted input",
        required=False,
    ),
    Field(
        name="registered_for",
        shape=Name(max_chars=MAX_REPOSITORY_CHARS),
        about="the repository, owner or forge that this runner was registered for",
        required=False,
    ),
    Field(
        name="direct_for",
        shape=SessionNames(),
        about="repositories whose jobs may be given '--host direct'; all of a runner's are",
        required=False,
    ),
    Field(
        name="untrusted_may_miss",
        shape=SessionNames(),
        about="answers that may be missing or skipped for untrusted input, such as 't4'",
        required=False,
    ),
    Field(
        name="contract_sha256",
        shape=Name(max_chars=SHA256_DIGITS),
        about="the pin of the contract that all changes are judged by",
        required=False,
    ),
    Field(
        name="static_raises",
        shape=SessionNames(),
        about="rules of 'static' whose advice is hard here",
        required=False,
    ),
    Field(
        name="static_excuses",
        shape=TableList(fields=EXCUSE_FIELDS, noun="excuses"),
        about="rules of 'static' that a repository may break for some time",
        required=False,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What the machine's owner decided; the default allows nothing."""

    direct_for_untrusted: bool = False
    registered_for: str = ""
    direct_for: tuple[str, ...] = ()
    untrusted_may_miss: tuple[str, ...] = ()
    contract_sha256: str = ""
    static_raises: tuple[str, ...] = ()
    static_excuses: tuple[Excuse, ...] = ()
    exists: bool = False
    """There is such a file: this machine is a runner."""


def read_policy(path: Path = POLICY_FILE, *, owner: int = 0) -> Policy:
    """Read the file; raises UsageError where others than root could have written it."""
    if not os.path.lexists(path):
        return Policy()
    for why in find_unsafe_permissions(path, owner):
        raise UsageError(
            f"Policy '{path}' counts for nothing: {why}.",
            f"Let root own it and its folder: chown root '{path}'; chmod go-w on both.",
        )
    with translate_refusals(f"Policy '{path}'"):
        reading = read_table(
            read_document(path.read_bytes()).root, POLICY_FIELDS, subject="the policy"
        )
        if reading.remarks:
            first = reading.remarks[0]
            raise Refusal(first.line, first.text.rstrip("."), "Correct it: it would do nothing.")
        nodes = reading.values.get("static_excuses", ())
        excuses = tuple(_read_excuse(node) for node in nodes)
    policy = Policy(**{**reading.values, "static_excuses": excuses}, exists=True)
    for why, remedy in _find_idle_words(policy):
        raise UsageError(f"Policy '{path}' would do nothing where it means to: {why}.", remedy)
    return policy


def _find_idle_words(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield what can be read, and holds for nothing; with what to do."""
    for name in policy.untrusted_may_miss:
        if name not in SESSIONS:
            known = f"Name some of {', '.join(SESSIONS)}."
            yield (
                f"'untrusted_may_miss' names '{name}', which is not an answer",
                known,
            )
    pin = policy.contract_sha256.lower()
    if pin and (len(pin) != SHA256_DIGITS or set(pin) - set("0123456789abcdef")):
        yield (
            f"'contract_sha256' is '{pin}', which is not a sha256",
            f"Give {SHA256_DIGITS} digits.",
        )


def _read_excuse(node: Node) -> Excuse:
    reading = read_table_strictly(node, EXCUSE_FIELDS, subject="an excuse")
    return Excuse(**reading.values)


def find_unsafe_permissions(path: Path, owner: int) -> Iterator[str]:
    """Yield why others than its owner could have written a file; its folder counts as well."""
    for location in (path, path.parent):
        status = location.lstat()
        if stat.S_ISLNK(status.st_mode):
            yield f"'{location}' is a link"
        elif status.st_uid != owner:
            yield f"'{location}' belongs to uid {status.st_uid}"
        elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            yield f"others than its owner may write to '{location}'"


def refuse_direct(
    host: str, trust: Trust, policy: Policy, environ: Mapping[str, str] = os.environ
) -> None:
    """Refuse to hand this machine to an image, unless its owner, or a person here, allows it."""
    if host != "direct":
        return
    if has_grant(environ.get(GRANT_VARIABLE, "")):
        return
    for why in _find_refusals(trust, policy):
        raise UsageError(
            f"'--host direct' would hand this machine to untrusted input: {why}.",
            f"Use the nested host; only '{POLICY_FILE}', which root owns, can allow it "
            "('direct_for: [OWNER/NAME]', or 'direct_for_untrusted: true').",
        )


def _find_refusals(trust: Trust, policy: Policy) -> Iterator[str]:
    if not trust.trusted and not policy.direct_for_untrusted:
        yield trust.reason
    if policy.direct_for_untrusted and not policy.direct_for:
        return
    if policy.exists and not policy.direct_for:
        yield f"this machine is a runner, and '{POLICY_FILE}' allows it to no repository"
    elif policy.exists and policy.registered_for not in policy.direct_for:
        yield (
            f"this runner serves '{policy.registered_for or 'anybody'}', and '{POLICY_FILE}' "
            f"allows it to {', '.join(policy.direct_for)} alone"
        )


def has_grant(given: str, path: Path = GRANT_FILE, *, owner: int = 0) -> bool:
    """Tell whether root granted this run the machine: by the hash of what `given` holds."""
    if not given or not os.path.lexists(path) or list(find_unsafe_permissions(path, owner)):
        return False
    try:
        secret = Path(given).read_bytes().strip()
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return False
    digest = hashlib.sha256(secret).hexdigest()
    granted = (line.partition(" ") for line in lines)
    return bool(secret) and any(
        known == digest and until.isdecimal() and time.time() < int(until)
        for known, _, until in granted
    )
