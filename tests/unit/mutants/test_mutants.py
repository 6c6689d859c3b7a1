"""Mutations as data, and what is made of their verdicts; no engine."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hardgate.errors import ExitCode, UsageError
from hardgate.model.contract import load_contract
from hardgate.model.guard import GUARDS
from hardgate.model.tier import load_tiers
from hardgate.mutants.matrix import (
    MutantMatrix,
    MutantResult,
    format_matrix_headline,
    matrix_to_json,
    matrix_to_markdown,
)
from hardgate.mutants.mutation import (
    ImageCommand,
    Mutation,
    MutationKind,
    find_foreign,
    load_mutations,
    mutate_tier,
    write_context,
)
from hardgate.resources import CONTRACTS

ALL = load_mutations()
TIER = load_tiers(CONTRACTS / "tiers.yaml")[4]
PROMISES = [guard.name for guard in GUARDS if guard.applies_to(TIER) and not guard.late] + [
    capability.name for capability in load_contract(str(CONTRACTS / "t4.yaml")).capabilities
]
START = ImageCommand(entrypoint=("/bin/sh", "/e's"), command=("run", 'a "b"'), user="1000")


def mutation(
    *breaks: str, also: tuple[str, ...] = (), kind: MutationKind = MutationKind.IMAGE
) -> Mutation:
    return Mutation(
        name="-".join(breaks) or "none", kind=kind, about="It is broken.", change="RUN true",
        breaks=breaks, also=also,
    )  # fmt: skip


def result(
    change: Mutation, *red: str, passed: tuple[str, ...] = (), problem: str = ""
) -> MutantResult:
    outcomes = dict.fromkeys(passed, "pass") | dict.fromkeys(red, "fail")
    return MutantResult(mutation=change, outcomes=outcomes, problem=problem)


def matrix(
    *results: MutantResult, promises: tuple[str, ...] = (), complete: bool = True
) -> MutantMatrix:
    return MutantMatrix(promises=promises, results=results, complete=complete)


def test_each_promise_of_our_own_is_broken_by_at_least_one_mutation() -> None:
    broken = {name for one in ALL for name in one.breaks}
    assert broken == set(PROMISES)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_a_mutation_names_promises_that_there_are(one: Mutation) -> None:
    assert {*one.breaks, *one.also} <= set(PROMISES)
    assert one.breaks
    assert not set(one.breaks) & set(one.also)
    assert one.about.endswith(".")


@pytest.mark.parametrize(
    "one", [one for one in ALL if one.kind is MutationKind.TIER], ids=lambda one: one.name
)
def test_a_tiers_mutation_leaves_out_one_thing_and_is_judged_as_before(one: Mutation) -> None:
    changed = mutate_tier(TIER, one)
    before, after = TIER.container_settings(4), changed.container_settings(4)
    flat = {**before, **dict.fromkeys(before["binds"], True)}
    left = {**after, **dict.fromkeys(after["binds"], True)}
    assert {key for key in flat if key not in left} == {one.change}
    assert (changed.number, changed.binds, changed.sha256) == (4, TIER.binds, TIER.sha256)


@pytest.mark.parametrize("kind", [MutationKind.IMAGE, MutationKind.BOOT])
def test_any_other_mutation_leaves_the_tier_as_it_is(kind: MutationKind) -> None:
    assert mutate_tier(TIER, mutation("a", kind=kind)) is TIER


def test_a_boots_mutation_runs_before_the_images_own_start(tmp_path: Path) -> None:
    write_context(mutation("a", kind=MutationKind.BOOT), START, tmp_path)
    lines = (tmp_path / "Dockerfile").read_text().splitlines()
    entrypoint = next(line for line in lines if line.startswith("ENTRYPOINT "))
    command = next(line for line in lines if line.startswith("CMD "))
    assert json.loads(entrypoint.partition(" ")[2])[1:] == list(START.entrypoint)
    assert json.loads(command.partition(" ")[2]) == list(START.command)
    assert lines[-1] == "USER 1000"
    assert (tmp_path / "boot").read_text().splitlines()[:2] == ["#!/bin/sh", "ENTRYPOINT_WORDS=2"]


def test_an_images_mutation_is_a_layer_on_top(tmp_path: Path) -> None:
    start = ImageCommand(entrypoint=(), command=(), user="")
    write_context(mutation("a"), start, tmp_path)
    assert (tmp_path / "Dockerfile").read_text() == (
        "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nUSER 0:0\nRUN true\n"
    )


def test_what_must_break_and_passes_is_a_survivor() -> None:
    one = result(mutation("a", "b", "elsewhere"), "a", passed=("b", "c"))
    assert (one.survivors, one.unexpected) == (("b",), ())
    assert matrix(one).exit_code is ExitCode.BROKEN


def test_what_goes_red_for_nothing_of_its_own_is_unexpected() -> None:
    one = result(mutation("a", also=("b",)), "a", "b", "c")
    assert (one.survivors, one.unexpected) == ((), ("c",))
    assert matrix(one).exit_code is ExitCode.BROKEN


@pytest.mark.parametrize(
    ("results", "complete", "code"),
    [
        ((result(mutation("a"), "a"), result(mutation("b"), "b")), True, ExitCode.HELD),
        ((result(mutation("a"), "a", passed=("b",)),), True, ExitCode.BROKEN),
        ((result(mutation("a"), "a", passed=("b",)),), False, ExitCode.UNKNOWN),
        ((result(mutation("a"), "a"), result(mutation("b"), problem="no")), True, ExitCode.UNKNOWN),
        ((), True, ExitCode.UNKNOWN),
    ],
)
def test_a_contract_is_worth_what_it_notices(
    results: tuple[MutantResult, ...], complete: bool, code: ExitCode
) -> None:
    told = matrix(*results, promises=("a", "b"), complete=complete)
    assert told.exit_code is code
    assert f"(exit {int(code)})" in format_matrix_headline(told)


def test_a_matrix_says_what_never_went_red_and_what_always_went_together() -> None:
    told = matrix(
        result(mutation("a", "b"), "a", "b", passed=("c", "d")),
        result(mutation("c"), "c", passed=("a", "b", "d")),
        promises=("a", "b", "c", "d"),
    )
    assert told.never_red == ("d",)
    assert told.always_together == (("a", "b"),)
    text = matrix_to_markdown(told)
    assert "| `a` | ✗ | · |" in text
    assert "- a with b" in text
    data = json.loads(json.dumps(matrix_to_json(told, image="sha256:x", contract="y")))
    assert (data["never_red"], data["always_together"]) == (["d"], [["a", "b"]])
    assert data["mutations"][0]["red"] == ["a", "b"]


def test_a_mutation_that_is_not_there_is_refused_with_a_guess() -> None:
    assert [one.name for one in load_mutations(["sudo_removed"])] == ["sudo_removed"]
    with pytest.raises(UsageError, match="Did you mean 'sudo_removed'"):
        load_mutations(["sudo_remove"])


def test_a_promise_of_another_contract_may_go_red_with_any_mutation() -> None:
    known, theirs = mutation("home"), frozenset({"their_probe"})
    seen = replace(result(known, "home", "their_probe"), foreign=theirs)
    judged = MutantMatrix(
        promises=("home", "their_probe"), results=(seen,), complete=True, foreign=theirs
    )
    assert seen.unexpected == ()
    assert judged.exit_code is ExitCode.HELD
    assert judged.always_together == (("home", "their_probe"),)
    assert matrix_to_json(judged, image="i", contract="c")["foreign"] == ["their_probe"]


def test_a_promise_of_another_contract_that_never_goes_red_is_unknown() -> None:
    theirs = frozenset({"their_probe"})
    seen = replace(result(mutation("home"), "home", passed=("their_probe",)), foreign=theirs)
    promises = ("home", "their_probe")
    judged = MutantMatrix(promises=promises, results=(seen,), complete=True, foreign=theirs)
    ours = MutantMatrix(
        promises=promises, results=(replace(seen, foreign=frozenset()),), complete=True
    )
    assert judged.exit_code is ExitCode.UNKNOWN
    assert ours.exit_code is ExitCode.BROKEN
    assert judged.never_red == ("their_probe",)


def test_only_what_no_mutation_names_is_foreign() -> None:
    assert find_foreign((*PROMISES, "their_probe")) == {"their_probe"}
