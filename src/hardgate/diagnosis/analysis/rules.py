"""The rules by which a miss is explained: data, read from `rules/` in the order of FILES."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

RULES_FOLDER = Path(__file__).parents[1] / "rules"
RULE_FILES = (
    "boot",
    "probe",
    "command",
    "sudo",
    "namespace",
    "docker",
    "runtime",
    "network",
    "path",
    "agent",
    "machine",
    "last",
)
"""The more a file knows of a cause, the earlier it stands; `last` speaks where no other does."""


@dataclass(frozen=True, kw_only=True)
class CallPattern:
    """A system call that failed, as a rule looks for it."""

    call: str
    errno: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class CauseRule:
    """One cause, what speaks for it, and the words for it."""

    id: str
    order: int
    """The lower, the more is known: among a command's rules the first one tells."""
    about: str
    """The cause in a few words."""
    because: str
    """The sentence; braces are filled from the evidence."""
    remedy: str
    concerns: re.Pattern[str] | None = None
    """Which probes it may break, by their text; None where it may break any, and is never told
    before it was seen."""
    said: tuple[re.Pattern[str], ...] = ()
    """Words that a command wrote; empty where code finds it (`hardgate.diagnosis.finders`)."""
    failed: CallPattern | None = None
    otherwise: Mapping[str, str] = field(default_factory=dict)
    """What stands in a brace that the evidence does not fill."""
    subject: str = ""
    """What misses of this cause have in common, if they are one; braces are filled."""
    boot: bool = False
    """It is looked for in the log of a workspace that ended, and in no probe."""
    general: bool = False
    """It says what happened and not why: such misses are never told as one."""


@cache
def load_rules() -> Mapping[str, CauseRule]:
    """Read all rules, by id, in their order."""
    rules: dict[str, CauseRule] = {}
    for file in RULE_FILES:
        entries = yaml.safe_load((RULES_FOLDER / f"{file}.yaml").read_text(encoding="utf-8"))
        for entry in entries:
            rules[entry["id"]] = _parse_rule(
                entry, order=len(rules), general=file == "last", boot=file == "boot"
            )
    return rules


def _parse_rule(entry: Mapping[str, Any], *, order: int, general: bool, boot: bool) -> CauseRule:
    failed = entry.get("failed")
    return CauseRule(
        id=entry["id"],
        order=order,
        about=entry["about"],
        because=entry["because"],
        remedy=entry.get("remedy", ""),
        concerns=re.compile(entry["concerns"]) if "concerns" in entry else None,
        said=tuple(re.compile(pattern) for pattern in _as_list(entry.get("said"))),
        failed=CallPattern(call=failed["call"], errno=frozenset(_as_list(failed["errno"])))
        if failed
        else None,
        otherwise=entry.get("otherwise", {}),
        subject=entry.get("subject", ""),
        boot=boot,
        general=general,
    )


def _as_list(value: Any) -> list[str]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
