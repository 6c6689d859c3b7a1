"""What a fleet is worth: nothing that was not seen is green, and no cell is a gap."""

from dataclasses import replace

import pytest

from hardgate.errors import ExitCode
from hardgate.model.contract import Contract, Severity
from hardgate.model.run import Run
from hardgate.model.verdict import VerdictKind
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.status import Cell, ImageState, ImageStatus, exit_code_for_fleet
from hardgate.report.marks import Mark
from tests.unit import fleets, runs

APP = fleets.image("app:1", hosts=["alpha"])
OLD = fleets.image("old:1", fleets.older(), ["alpha"])


def cells(standing: ImageStatus, kind: VerdictKind = VerdictKind.CAPABILITY) -> dict[str, Cell]:
    return {cell.name: cell for cell in standing.make_cells() if cell.kind is kind}


@pytest.mark.parametrize(
    ("run", "state"),
    [
        (runs.green(), ImageState.GREEN),
        (runs.red(), ImageState.RED),
        (runs.build_failed(), ImageState.UNKNOWN),
        (runs.interrupted(), ImageState.UNKNOWN),
        (runs.partial(), ImageState.STALE),
        (runs.partial(problem="It broke."), ImageState.UNKNOWN),
    ],
)
def test_a_gates_word_is_the_images_standing(run: Run, state: ImageState) -> None:
    assert fleets.standing(APP, "alpha", run).state is state


@pytest.mark.parametrize(
    ("run", "state"),
    [
        (runs.green(), ImageState.STALE),
        (runs.red(), ImageState.RED),
        (runs.build_failed(), ImageState.UNKNOWN),
    ],
)
def test_by_a_lesser_contract_green_is_stale_and_red_stays_red(run: Run, state: ImageState) -> None:
    assert fleets.standing(OLD, "alpha", run).state is state


def test_what_nobody_heard_of_is_unknown() -> None:
    for image in (APP, OLD):
        assert ImageStatus(image=image, host="alpha").state is ImageState.UNKNOWN
        assert (
            ImageStatus(image=image, host="alpha", summary_error=fleets.LOST).state
            is ImageState.UNKNOWN
        )


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("green", ExitCode.HELD),
        ("mixed", ExitCode.BROKEN),
        ("stale", ExitCode.BROKEN),
        ("partial", ExitCode.BROKEN),
        ("lost", ExitCode.UNKNOWN),
        ("without image", ExitCode.UNKNOWN),
        ("empty", ExitCode.UNKNOWN),
        ("broken off", ExitCode.UNKNOWN),
    ],
)
def test_the_exit_code_has_one_meaning(name: str, code: ExitCode) -> None:
    assert fleets.ALL[name]().exit_code is code


def test_nothing_verified_is_never_0() -> None:
    assert exit_code_for_fleet(()) is ExitCode.UNKNOWN


@pytest.mark.parametrize("code", [ExitCode.INTERRUPTED, ExitCode.TERMINATED])
def test_a_signal_decides_the_exit_code(code: ExitCode) -> None:
    for run in (fleets.green(), fleets.mixed(), fleets.empty()):
        assert replace(run, interrupted=code).exit_code is code


@pytest.mark.parametrize("run", [make() for make in fleets.ALL.values()], ids=list(fleets.ALL))
def test_every_standing_has_a_cell_for_each_capability_and_guard(run: FleetRun) -> None:
    for standing in run.standings:
        names = [cell.name for cell in standing.make_cells()]
        planned = standing.image.plan
        assert len(names) == len(set(names))
        assert {one.name for one in fleets.WANTED.capabilities} <= set(names)
        assert {one.name for one in planned.capabilities} <= set(names)
        assert {one.name for one in planned.guards} <= set(names)


def test_a_cell_says_what_its_gate_said() -> None:
    told = cells(fleets.standing(APP, "alpha", runs.red()))
    assert told["agent_uid_1000"].mark is Mark.HELD
    assert told["agent_home_writable"].mark is Mark.MISSED
    assert told["agent_home_writable"].remedy.startswith("Make /agent-home")
    assert told["network_egress_https"].mark is Mark.UNKNOWN
    assert told["privileged_flag_observable"].mark is Mark.ADVISORY
    guards = cells(fleets.standing(APP, "alpha", runs.red()), VerdictKind.GUARD)
    assert guards["workload_runs_as_agent_uid"].mark is Mark.MISSED


def test_where_nobody_could_tell_every_cell_says_so_and_why() -> None:
    lost = ImageStatus(image=OLD, host="gamma", summary_error=fleets.LOST)
    assert {cell.mark for cell in lost.make_cells()} == {Mark.UNKNOWN}
    assert {cell.reason for cell in lost.make_cells()} == {fleets.LOST.problem}


def test_what_a_lesser_contract_does_not_ask_is_no_pass() -> None:
    told = cells(fleets.standing(OLD, "alpha", runs.green()))
    first, second, *_, last = runs.NAMES
    assert told[first].mark is Mark.HELD
    assert told[second].mark is Mark.STALE
    assert told[second].reason == f"'{second}' was looked at by another probe."
    assert told[last].mark is Mark.STALE
    assert told[last].severity is Severity.ADVISORY


def test_a_miss_by_another_probe_stays_a_miss() -> None:
    told = cells(fleets.standing(OLD, "alpha", runs.red()))
    assert told[runs.NAMES[1]].mark is Mark.MISSED


def test_for_another_agent_no_capability_counts() -> None:
    contract: Contract = replace(fleets.WANTED, agent_uid=1001)
    standing = fleets.standing(fleets.image("x", contract), "alpha", runs.green())
    assert {cell.mark for cell in cells(standing).values()} == {Mark.STALE}
    assert {cell.mark for cell in cells(standing, VerdictKind.GUARD).values()} == {Mark.HELD}


def test_what_was_left_out_as_asked_is_stale() -> None:
    standing = fleets.standing(APP, "alpha", runs.partial())
    marks = [cell.mark for cell in cells(standing).values()]
    assert marks == [Mark.HELD] * 2 + [Mark.STALE] * 8


def test_an_error_is_told_where_nobody_could_tell_and_nowhere_else() -> None:
    assert fleets.standing(APP, "alpha", runs.green()).error is None
    assert fleets.standing(APP, "alpha", runs.red()).error is None
    failed = fleets.standing(APP, "alpha", runs.build_failed()).error
    assert failed is not None
    assert "could not be built" in failed.problem
    assert failed.evidence
    assert ImageStatus(image=APP, host="x").error is not None


def test_a_host_that_no_image_is_for_is_noticed() -> None:
    assert "Host 'idle': no image is for it." in fleets.mixed().notices


def test_one_name_for_two_images_is_noticed() -> None:
    other = replace(fleets.green().standings[1])
    assert other.gate_summary
    other = replace(other, gate_summary=replace(other.gate_summary, digest="sha256:0"))
    run = fleets.fleet(fleets.green().standings[0], other)
    (notice,) = run.notices
    assert "'app:1' is not the same on all hosts" in notice
    assert "sha256:0 on beta" in notice


def test_a_notice_of_many_gates_is_told_once() -> None:
    beacon = runs.green(notices=("By the beacon.",))
    run = fleets.fleet(fleets.standing(APP, "alpha", beacon), fleets.standing(APP, "beta", beacon))
    assert run.notices == ("By the beacon.",)
