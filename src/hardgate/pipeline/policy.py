"""What may be done with a change from somebody whom nobody knows; decided by the machine's owner.

`--host direct` hands this machine to the image. For untrusted input it is refused, unless a file
that only root can write allows it; no flag, no variable and no contract can.
"""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardgate.errors import UsageError
from hardgate.pipeline.trust import Trust
from hardgate.schema.document import Node, Refusal, Scalar, read_document, translate_refusals
from hardgate.schema.fields import Field, read_table
from hardgate.schema.lists import read_listing
from hardgate.schema.source import SHA256_DIGITS
from hardgate.schema.types import Flag, Name

POLICY_FILE = Path("/etc/hardgate/policy.yaml")
"""On the runner. The path is fixed: a variable or a flag could name a file of the change's own."""


@dataclass(frozen=True, kw_only=True)
class SessionNames:
    """A list of names; it may be empty."""

    def read(self, node: Node) -> tuple[str, ...]:
        """Read each."""
        if isinstance(node, Scalar) and node.tag == "null":
            return ()
        return tuple(Name().read(item) for item in read_listing(node, "names").items)

    def schema(self) -> dict[str, object]:
        """A list of texts."""
        return {"type": "array", "items": {"type": "string"}}


POLICY_FIELDS = (
    Field(
        name="direct_for_untrusted",
        shape=Flag(),
        about="whether '--host direct' may be given to untrusted input",
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
)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What the machine's owner decided; the default allows nothing."""

    direct_for_untrusted: bool = False
    untrusted_may_miss: tuple[str, ...] = ()
    contract_sha256: str = ""
    exists: bool = False
    """There is such a file: this machine is a runner."""


def read_policy(path: Path = POLICY_FILE, *, owner: int = 0) -> Policy:
    """Read the file; raises UsageError where others than root could have written it."""
    if not path.exists():
        return Policy()
    for why in _find_unsafe_permissions(path, owner):
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
    return Policy(**reading.values, exists=True)


def _find_unsafe_permissions(path: Path, owner: int) -> Iterator[str]:
    for location in (path, path.parent):
        status = location.lstat()
        if stat.S_ISLNK(status.st_mode):
            yield f"'{location}' is a link"
        elif status.st_uid != owner:
            yield f"'{location}' belongs to uid {status.st_uid}"
        elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            yield f"others than its owner may write to '{location}'"


def refuse_direct(host: str, trust: Trust, policy: Policy) -> None:
    """Refuse to hand this machine to an image from somebody whom nobody knows."""
    if host != "direct" or trust.trusted or policy.direct_for_untrusted:
        return
    raise UsageError(
        f"'--host direct' would hand this machine to untrusted input: {trust.reason}.",
        f"Use the nested host; only '{POLICY_FILE}', which root owns, can allow it "
        "('direct_for_untrusted: true').",
    )
