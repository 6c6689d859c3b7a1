"""Silent failures explain themselves: each from a workspace that really has its cause."""

from collections.abc import Callable

import pytest

from tests.diagnosis.scenario import Ended, load_scenarios, run

SCENARIOS = {scenario.name: scenario for scenario in load_scenarios()}


ALWAYS = "as_root"
"""The scenario that plain runs really have; what was seen in all is recorded (tests/unit)."""


def together(scenario: str) -> list[pytest.MarkDecorator]:
    """Keep what is asked of one scenario in one process, which runs it once."""
    group = pytest.mark.xdist_group(f"diagnosis-{scenario}")
    return [group] if scenario == ALWAYS else [group, pytest.mark.full]


CASES = [
    pytest.param(scenario.name, case.name, marks=together(scenario.name))
    for scenario in SCENARIOS.values()
    for case in scenario.cases
]
EACH = [pytest.param(name, marks=together(name)) for name in SCENARIOS]

Run = Callable[[str], Ended]


@pytest.fixture(scope="module")
def ended(reference_tag: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a scenario once, and remember how it ended."""
    known: dict[str, Ended] = {}

    def ask(name: str) -> Ended:
        if name not in known:
            known[name] = run(SCENARIOS[name], reference_tag, tmp_path_factory.mktemp(name))
            print(known[name].output)
        return known[name]

    return ask


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "name"), CASES)
def test_the_cause_is_named_and_no_other(scenario: str, name: str, ended: Run) -> None:
    case = next(one for one in SCENARIOS[scenario].cases if one.name == name)
    verdict = ended(scenario).verdict(name)
    assert verdict["outcome"] == ("fail" if case.cause else "pass")
    assert ended(scenario).cause(name) == case.cause


@pytest.mark.slow
@pytest.mark.parametrize("name", EACH)
def test_every_reason_quotes_what_it_rests_on(name: str, ended: Run) -> None:
    for verdict in ended(name).summary["verdicts"]:
        reason = (verdict["diagnosis"] or {}).get("reason")
        if reason:
            assert reason["quotes"], verdict["name"]
            assert "{" not in reason["sentence"].replace("%{", ""), reason


@pytest.mark.slow
@pytest.mark.parametrize("name", EACH)
def test_the_first_screen_tells_each_cause_before_any_output(name: str, ended: Run) -> None:
    lines = ended(name).output.splitlines()
    for cause in ended(name).summary["causes"]:
        why = f"    why:   {' '.join(cause['sentence'].split())}"
        titles = [lines[at - 1] for at, line in enumerate(lines) if line == why]
        told = [title for title in titles if all(name in title for name in cause["verdicts"])]
        assert len(told) == 1, why


@pytest.mark.slow
@pytest.mark.xdist_group(f"diagnosis-{ALWAYS}")
def test_misses_of_one_cause_are_told_as_one(ended: Run) -> None:
    causes = ended(ALWAYS).summary["causes"]
    as_one = next(one for one in causes if one["cause"] == "runtime_as_root")
    assert set(as_one["verdicts"]) == {
        "workload_runs_as_agent_uid",
        "token_owner",
        "token_readable",
        "peers",
        "peers_mute",
    }
