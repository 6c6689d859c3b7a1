"""What a finder found: a rule's name, what it fills into the rule's words, what it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Match:
    """One cause that the evidence speaks for."""

    cause: str
    """The rule's id."""
    quotes: tuple[str, ...]
    """The lines of evidence that it rests on; never empty."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """What stands in braces in the rule's sentence and remedy."""
    subject: str = ""
    """What it is about, such as a path: misses of one cause and one subject are told as one."""
