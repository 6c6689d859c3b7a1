"""Compare what `static` says of the corpus' entries with their labels."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardgate.pipeline.static import linters
from hardgate.pipeline.static.rules import Finding
from tests.corpus.entries import Entry, read_entries
from tests.unit.pipeline.static.templates import find_answers

KINDS = ("right", "false red", "false green", "cannot tell")
LINTERS = {
    "hadolint": linters.run_hadolint,
    "shellcheck": linters.run_shellcheck,
    "zizmor": linters.run_zizmor,
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """How one rule answered one entry."""

    entry: Entry
    rule: str
    kind: str
    """One of KINDS; `cannot tell` is what a reader of the text could have decided."""
    why: str


def measure() -> Sequence[Result]:
    """Ask about all entries."""
    return [result for entry in read_entries() for result in ask(entry)]


def ask(entry: Entry) -> Iterator[Result]:
    """Compare the answer of an entry's own rule, and look for red ones of all others."""
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        template = entry.build(Path(folder))
        if entry.linter:
            found = LINTERS[entry.linter](template)
            answers = {one.rule.rpartition("/")[2]: name_answer(one) for one in found}
        else:
            answers = find_answers(template)
    got, why = answers.get(entry.rule, ("", "It holds."))
    yield Result(entry=entry, rule=entry.rule, kind=judge(entry.expected, got), why=why)
    for rule, (got, why) in answers.items():
        if rule != entry.rule and rule not in entry.also and got == "hard":
            yield Result(entry=entry, rule=rule, kind="false red", why=f"{rule}: {why}")


def name_answer(finding: Finding) -> tuple[str, str]:
    """Call a linter's finding as find_answers calls those of rules."""
    return "untold" if finding.untold else "advice", finding.reason


def judge(expected: str, got: str) -> str:
    """Name one answer."""
    if expected == got:
        return "right"
    if got == "untold":
        return "cannot tell"
    return "false red" if not expected or (expected == "untold" and got) else "false green"


def tell(results: Sequence[Result]) -> str:
    """Make the table."""
    return "\n".join(_iter_lines(results))


def _iter_lines(results: Sequence[Result]) -> Iterator[str]:
    names = sorted({result.rule for result in results})
    width = max(map(len, names))
    yield f"{'rule':{width}}  " + "  ".join(KINDS)
    for name in [*names, "all"]:
        counted = Counter(one.kind for one in results if name in (one.rule, "all"))
        cells = "  ".join(f"{counted[kind]:{len(kind)}}" for kind in KINDS)
        yield f"{name:{width}}  {cells}"
