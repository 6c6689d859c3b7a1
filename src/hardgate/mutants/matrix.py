"""What came of the mutations: which promise noticed which, and what no mutation ever turned red."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from hardgate.errors import ExitCode
from hardgate.mutants.mutation import Mutation
from hardgate.report.marks import Mark
from hardgate.text.headline import Headline


@dataclass(frozen=True, kw_only=True)
class MutantResult:
    """One mutation, verified."""

    mutation: Mutation
    outcomes: Mapping[str, str]
    """`pass`, `fail` or `error` of each promise, by name; empty where nothing was looked at."""
    problem: str = ""
    """Why it could not be verified."""
    foreign: frozenset[str] = frozenset()
    """Promises of a contract written elsewhere: no mutation says whether it breaks them."""

    @property
    def red(self) -> frozenset[str]:
        """Name what noticed it."""
        return frozenset(name for name, outcome in self.outcomes.items() if outcome == "fail")

    @property
    def survivors(self) -> tuple[str, ...]:
        """Name the promises that it breaks and that passed all the same."""
        return tuple(name for name in self.mutation.breaks if self.outcomes.get(name) == "pass")

    @property
    def unexpected(self) -> tuple[str, ...]:
        """Name what noticed it and is neither broken by it nor a documented dependent."""
        return tuple(sorted(self.red - {*self.mutation.breaks, *self.mutation.also} - self.foreign))


@dataclass(frozen=True, kw_only=True)
class MutantMatrix:
    """All mutations of one image under one contract."""

    promises: tuple[str, ...]
    """Capabilities and guards, in the report's order."""
    results: tuple[MutantResult, ...]
    complete: bool
    """Every mutation there is was tried."""
    foreign: frozenset[str] = frozenset()
    """As `MutantResult.foreign`."""

    @property
    def never_red(self) -> tuple[str, ...]:
        """Name the promises that no mutation turned red."""
        noticed = frozenset[str]().union(*(result.red for result in self.results))
        return tuple(name for name in self.promises if name not in noticed)

    @property
    def always_together(self) -> tuple[tuple[str, str], ...]:
        """Pair the promises that the very same mutations turned red: one may be in vain."""
        seen = {name: self._find_noticed(name) for name in self.promises}
        return tuple(
            pair
            for pair in combinations(self.promises, 2)
            if seen[pair[0]] and seen[pair[0]] == seen[pair[1]]
        )

    def _find_noticed(self, name: str) -> frozenset[str]:
        return frozenset(one.mutation.name for one in self.results if name in one.red)

    @property
    def exit_code(self) -> ExitCode:
        """Say what the contract is worth: a survivor fails, an unverified mutation is unknown."""
        if any(result.survivors or result.unexpected for result in self.results):
            return ExitCode.BROKEN
        if any(result.problem for result in self.results) or not self.results:
            return ExitCode.UNKNOWN
        if set(self.never_red) - self.foreign and self.complete:
            return ExitCode.BROKEN
        if self.never_red:
            return ExitCode.UNKNOWN
        return ExitCode.HELD


def format_matrix_headline(matrix: MutantMatrix) -> str:
    """Say in one line what came of it."""
    noticed = sum(not (one.problem or one.survivors or one.unexpected) for one in matrix.results)
    never = f"; never red: {', '.join(matrix.never_red)}" if matrix.never_red else ""
    story = f"{noticed} of {len(matrix.results)} mutations turned exactly their promises red{never}"
    return str(Headline(subject="MUTANTS", exit_code=matrix.exit_code, story=story))


def matrix_to_json(matrix: MutantMatrix, *, image: str, contract: str) -> dict[str, Any]:
    """Write it for programs."""
    return {
        "schema_version": 1,
        "headline": format_matrix_headline(matrix),
        "exit_code": int(matrix.exit_code),
        "image": image,
        "contract_sha256": contract,
        "complete": matrix.complete,
        "never_red": list(matrix.never_red),
        "foreign": [name for name in matrix.promises if name in matrix.foreign],
        "always_together": [list(pair) for pair in matrix.always_together],
        "mutations": [
            {
                "name": one.mutation.name,
                "kind": one.mutation.kind.value,
                "about": one.mutation.about,
                "breaks": list(one.mutation.breaks),
                "red": sorted(one.red),
                "survivors": list(one.survivors),
                "unexpected": list(one.unexpected),
                "outcomes": dict(one.outcomes),
                "problem": one.problem,
            }
            for one in matrix.results
        ],
    }


GLYPHS = {"pass": "·", "fail": Mark.MISSED.glyph, "error": Mark.UNKNOWN.glyph, "": " "}
"""A pass is shown faintly here, for a promise has to notice what breaks it."""
LEGEND = "{fail} noticed it, {pass} passed, {error} nobody could tell.".format(**GLYPHS)


def matrix_to_markdown(matrix: MutantMatrix) -> str:
    """Write it for people: a row for each promise, a column for each mutation."""
    return "\n".join(_format_markdown(matrix)) + "\n"


def _format_markdown(matrix: MutantMatrix) -> Iterator[str]:
    yield f"# Mutations\n\n{format_matrix_headline(matrix)}\n"
    yield f"{LEGEND}\n"
    yield "| promise | " + " | ".join(str(index + 1) for index in range(len(matrix.results))) + " |"
    yield "|---|" + "---|" * len(matrix.results)
    for name in matrix.promises:
        marks = (GLYPHS[one.outcomes.get(name, "")] for one in matrix.results)
        yield f"| `{name}` | {' | '.join(marks)} |"
    yield ""
    for index, one in enumerate(matrix.results, start=1):
        yield f"{index}. `{one.mutation.name}` ({one.mutation.kind.value}): {one.mutation.about}"
        yield from _format_remarks(one)
    yield from _format_list("Never red", matrix.never_red)
    pairs = [f"{first} with {second}" for first, second in matrix.always_together]
    yield from _format_list("Always red together", pairs)


def _format_remarks(one: MutantResult) -> Iterator[str]:
    if one.problem:
        yield f"   - not verified: {one.problem}"
    if one.survivors:
        yield f"   - passed, though it breaks them: {', '.join(one.survivors)}"
    if one.unexpected:
        yield f"   - red, though nothing of theirs is broken: {', '.join(one.unexpected)}"


def _format_list(title: str, entries: Sequence[str]) -> Iterator[str]:
    if entries:
        yield f"\n{title}:\n"
        yield from (f"- {entry}" for entry in entries)
