"""The last screen of a fleet and of runners: cause, remedy and outcome, in the window there is."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from hardgate.errors import HardgateError
from hardgate.remote.fleet.closing import make_fleet_block
from hardgate.remote.fleet.headline import fleet_headline
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.runner.closing import make_runner_block
from hardgate.remote.runner.headline import runner_headline
from hardgate.report.closing_block import ClosingBlock
from hardgate.report.console import Console
from tests.unit import fleets, runs
from tests.unit.remote.runner.test_runner import report, run_of
from tests.unit.terminals import Terminal, display, window

FOLDER = Path("reports/fleet/3f9c2e7a")
LOST = HardgateError("The host could not be reached: no route.", "Look at its network.")


def large_fleet() -> FleetRun:
    standings = []
    for number in range(40):
        contract = fleets.older() if number % 5 == 0 else fleets.WANTED
        about = fleets.image(f"team/app-{number:02}:1", contract, ["alpha", "beta"])
        run = runs.red() if number % 2 else runs.green()
        standings += [fleets.standing(about, host, run) for host in ("alpha", "beta")]
    return fleets.fleet(*standings, hosts=["alpha", "beta"])


def show(block: ClosingBlock, columns: int, rows: int, verbosity: int = 0) -> str:
    stream = Terminal()
    console = Console(stream, environ=window(columns, rows), verbosity=verbosity)
    console.print_closing_block(block, reports=FOLDER)
    stream.write("$ ")
    shown = display(stream.getvalue(), columns, rows)
    return shown.shown


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
@pytest.mark.parametrize("verbosity", [0, -1])
def test_the_last_screen_of_a_large_fleet_has_cause_remedy_and_outcome(
    size: tuple[int, int], verbosity: int
) -> None:
    run = large_fleet()
    block = make_fleet_block(run, Console(io.StringIO()))
    shown = " ".join(show(block, *size, verbosity).split())
    assert "why:" in shown
    assert "to do:" in shown
    assert f"Shortened; in full: the reports in {FOLDER}" in shown
    assert "(exit 1)" in shown
    assert fleet_headline(run)[:40] in shown


def test_a_fleets_block_tells_each_cause_once_with_all_that_it_breaks() -> None:
    block = make_fleet_block(fleets.mixed(), Console(io.StringIO()))
    told = {(cause.mark, cause.name): cause for cause in block.causes}
    assert told["✗", "agent_home_writable"].places == ("app:1 on beta",)
    assert told["~", "stale"].remedy
    assert told["?", "unknown"].places == ("app:1 on gamma", "team/old:1 on gamma")
    assert told["?", "unknown"].why == "Host 'gamma' cannot be reached: no route."


def test_runners_that_are_lost_for_one_reason_are_one_cause() -> None:
    hosts = [
        report(name=f"host-{number}", observations={}, gate=None, error=LOST)
        for number in range(30)
    ]
    run = run_of(*hosts)
    block = make_runner_block(run, Console(io.StringIO()))
    [cause] = block.causes
    assert len(cause.places) == 30
    shown = " ".join(show(block, 80, 24).split())
    assert "? unknown on host-0, host-1, host-2, host-3, host-4 and 25 more" in shown
    assert "to do: Look at its network." in shown
    assert runner_headline(run).replace(" ", "") in shown.replace(" ", "")


def test_without_a_terminal_the_block_is_whole() -> None:
    run = large_fleet()
    stream = io.StringIO()
    console = Console(stream, environ={})
    console.print_closing_block(make_fleet_block(run, console), reports=FOLDER)
    lines = stream.getvalue().splitlines()
    assert lines[-2:] == [f"Reports: {FOLDER}", fleet_headline(run)]
    assert "Shortened" not in stream.getvalue()


def test_a_reason_of_an_image_cannot_pass_for_the_outcome() -> None:
    evil = HardgateError("x\nHARDGATE FLEET GREEN: all (exit 0)", evidence="HARDGATE FLEET GREEN")
    run = replace(fleets.lost(), problem=evil)
    stream = io.StringIO()
    console = Console(stream, environ={})
    console.print_closing_block(make_fleet_block(run, console), reports=FOLDER)
    lines = stream.getvalue().splitlines()
    assert [line for line in lines if line.startswith("HARDGATE")] == [fleet_headline(run)]
