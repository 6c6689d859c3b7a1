"""What a host is worth as a runner: told by what was heard of it, and never greener than that."""

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from hardgate.ansible.events import (
    HostUnreachable,
    PlayEvent,
    Task,
    TaskFailed,
    TaskMark,
    TaskOk,
)
from hardgate.ansible.inventory import Inventory
from hardgate.cli.runner import main, read_runner_secrets
from hardgate.errors import ExitCode, HardgateError, UsageError, combine_exit_codes
from hardgate.model.observation import Execution, Observation
from hardgate.model.plan import Plan, make_host_plan, make_plan
from hardgate.redaction import Redactor
from hardgate.remote.runner.events import RunnerEventHandler
from hardgate.remote.runner.headline import host_headline, runner_headline, runner_opening
from hardgate.remote.runner.host_state import HostState
from hardgate.remote.runner.provision import make_runner_variables
from hardgate.remote.runner.report_json import summarize_host
from hardgate.remote.runner.report_junit import make_host_junit
from hardgate.remote.runner.request import RunnerRequest
from hardgate.remote.runner.result import HostReport, judge_host
from hardgate.remote.runner.run import RunnerRun
from hardgate.remote.task_answers import GateAnswer
from hardgate.report.console import Console
from tests.unit import fleets, runs

FIRST = make_host_plan(replace(runs.HOST_CONTRACT, origin="contracts/runner-host.yaml"))
SECOND = make_host_plan(replace(runs.HOST_CONTRACT, origin="contracts/runner.yaml"))
REQUEST = RunnerRequest(
    inventory=Inventory(path=Path("/")),
    hosts=("one", "two"),
    plans=(FIRST, SECOND),
    gate_plan=make_plan(runs.CONTRACT, runs.TIER),
    reference="app:1",
    gate_arguments=("--image", "app:1"),
    secrets={"runner_token": "t0p-s3cret-registration"},
)
APP = fleets.image("app:1")


def observations(plan: Plan, *missed: str) -> list[Observation]:
    return [
        Observation(
            name=one.name,
            execution=Execution(
                exit_status=1 if one.name in missed else 0,
                stderr="It is not so." if one.name in missed else "",
            ),
        )
        for one in plan.capabilities
    ]


def gate(**changes: Any) -> GateAnswer:
    told = fleets.told(runs.green(), APP) | changes
    told["host"] = {**told["host"], "kind": "direct"}
    return GateAnswer(exit_code=told["exit_code"], summary=told, output="the last line")


def seen(**changes: Any) -> HostState:
    whole: dict[str, Any] = {
        "name": "one",
        "observations": {plan.group: observations(plan) for plan in (FIRST, SECOND)},
        "gate": gate(),
    }
    return HostState(**(whole | changes))


def report(**changes: Any) -> HostReport:
    return judge_host(
        seen(**changes), REQUEST, run_id="r1", started_at="2026-11-24T00:00:00+00:00", seconds=9.0
    )


def run_of(*hosts: HostReport, **changes: Any) -> RunnerRun:
    return RunnerRun(
        id="r1",
        started_at="2026-11-24T00:00:00+00:00",
        seconds=9.0,
        hosts=hosts,
        **changes,
    )


def cases(host: HostReport) -> dict[str, str]:
    """Give the kind of each case, by its class and name."""
    told = JUnitXml.fromstring(make_host_junit(host, run_of(host), Redactor()))
    return {
        f"{case.classname}/{case.name}": type(case.result[0]).__name__ if case.result else ""
        for suite in told
        for case in suite
    }


MISSED = FIRST.capabilities[0].name
LOST = HardgateError("The host could not be reached: no route.", "Look at it.", evidence="ssh: no")


def test_a_host_where_all_was_seen_to_hold_is_a_runner_that_works() -> None:
    host = report()
    assert host.exit_code is ExitCode.HELD
    assert set(cases(host).values()) == {""}
    assert host_headline(host).startswith("one: GREEN: ")


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"observations": {}, "gate": None}, ExitCode.UNKNOWN, "Nothing was heard of it"),
        (
            {"observations": {}, "gate": None, "error": LOST},
            ExitCode.UNKNOWN,
            "could not be reached",
        ),
        (
            {"observations": {"runner-host": observations(FIRST, MISSED)}, "gate": None},
            ExitCode.BROKEN,
            f"did not hold: {MISSED}",
        ),
        (
            {
                "observations": {
                    "runner-host": observations(FIRST),
                    "runner": observations(SECOND, MISSED),
                },
                "gate": None,
                "withdrawn": True,
            },
            ExitCode.BROKEN,
            "it was stopped, disabled and unregistered",
        ),
        ({"gate": None}, ExitCode.UNKNOWN, "tier 4"),
        (
            {"gate": GateAnswer(exit_code=3, summary=None, output="")},
            ExitCode.UNKNOWN,
            "left no summary",
        ),
        ({"gate": gate(exit_code=1)}, ExitCode.UNKNOWN, "tier 4"),
        ({"gate": replace(gate(), exit_code=1)}, ExitCode.UNKNOWN, "its process exited 1"),
        ({"error": LOST}, ExitCode.UNKNOWN, "could not be reached"),
    ],
)
def test_what_was_not_seen_to_hold_is_never_green(
    changes: Mapping[str, Any], code: ExitCode, told: str
) -> None:
    host = report(**changes)
    assert host.exit_code is code
    assert told in host_headline(host)
    assert set(cases(host).values()) & {"Failure", "Error"}
    assert run_of(host).exit_code is code


def test_a_gate_on_another_kind_of_host_proves_nothing_of_this_one() -> None:
    nested = fleets.told(runs.green(), APP)
    host = report(gate=replace(gate(), summary=nested))
    assert host.exit_code is ExitCode.UNKNOWN
    assert host.summary_error is not None
    assert host.summary_error.evidence == "the last line"


def test_after_the_first_contract_was_missed_the_second_is_not_told_as_missed() -> None:
    host = report(observations={"runner-host": observations(FIRST, MISSED)}, gate=None)
    told = cases(host)
    assert told[f"runner-host.hard/{MISSED}"] == "Failure"
    assert told[f"runner.hard/{MISSED}"] == "Error"
    assert "It did not keep 'runner-host'" in host.runs[1].problem


@pytest.mark.parametrize(
    ("codes", "all_in_all"),
    [
        ([], ExitCode.UNKNOWN),
        ([ExitCode.HELD], ExitCode.HELD),
        ([ExitCode.HELD, ExitCode.UNKNOWN], ExitCode.UNKNOWN),
        ([ExitCode.UNKNOWN, ExitCode.BROKEN], ExitCode.BROKEN),
        ([ExitCode.HELD, ExitCode.MISUSED], ExitCode.UNKNOWN),
    ],
)
def test_a_proven_miss_weighs_most_and_nothing_is_not_green(
    codes: list[ExitCode], all_in_all: ExitCode
) -> None:
    assert combine_exit_codes(codes) is all_in_all


def test_the_last_line_names_who_is_not_known_to_work() -> None:
    assert runner_headline(run_of(report())) == (
        "HARDGATE RUNNER GREEN: the host is a runner that is known to work (exit 0)"
    )
    run = run_of(report(), replace(report(gate=None), name="two"))
    assert runner_headline(run) == (
        "HARDGATE RUNNER UNKNOWN: 1 of 2 hosts are runners that are known to work; "
        "not so: two (exit 3)"
    )
    stopped = run_of(report(), interrupted=ExitCode.INTERRUPTED)
    assert "it was stopped" in runner_headline(stopped)
    assert stopped.exit_code is ExitCode.INTERRUPTED
    broken = run_of(report(), problem=HardgateError("The play ended early."))
    assert broken.exit_code is ExitCode.UNKNOWN
    assert "The play ended early" in runner_headline(broken)


def test_the_first_line_says_by_what_hosts_are_judged() -> None:
    line = runner_opening(REQUEST, "r1")
    assert "2 hosts" in line
    assert all(word in line for word in ("runner-host v1", "runner v1", "t4 v1", "run r1"))


def test_a_hosts_summary_is_json_and_tells_all_parts() -> None:
    host = report(error=LOST, notices=["Mind this.", "Mind this."])
    told = json.loads(json.dumps(summarize_host(host, run_of(host, changed=("one",))), default=str))
    assert (told["exit_code"], told["changed"], told["host"]) == (3, True, "one")
    assert told["notices"] == ["Mind this."]
    assert told["error"]["evidence"] == "ssh: no"
    assert [part["contract"]["origin"] for part in told["contracts"]] == [
        "contracts/runner-host.yaml",
        "contracts/runner.yaml",
    ]


# What is heard


def hear(*events: PlayEvent) -> RunnerEventHandler:
    hearing = RunnerEventHandler(REQUEST.hosts, Console(io.StringIO()))
    for event in events:
        hearing.handle_event(event)
    hearing.close_step()
    return hearing


def ok(result: Mapping[str, Any], *marks: TaskMark, host: str = "one", role: str = "") -> TaskOk:
    task = Task(title="Do it", action="debug", role=role, marks=frozenset(marks))
    return TaskOk(host=host, task=task, result=result)


def failed(message: str, *marks: TaskMark) -> TaskFailed:
    task = Task(title="Any title", action="assert", marks=frozenset(marks))
    return TaskFailed(host="one", task=task, result={"msg": message})


def contract_heard(name: str, *told: Mapping[str, Any]) -> TaskOk:
    answer = {
        "contract": f"/x/{name}.yaml",
        "engine": "26.1",
        "kernel": "6.1",
        "sha256": "0" * 64,
        "held": False,
        "missed": True,
        "observations": list(told),
    }
    return ok({"host_contract": answer}, role="host_contract")


def test_observations_are_kept_by_contract_and_without_secrets() -> None:
    token = "ghp_" + "a1B2" * 9
    told = {"name": "x", "execution": {"exit_status": 1, "stderr": f"token {token}"}}
    one = hear(contract_heard("runner-host", told)).host_states["one"]
    assert one.engine == "26.1"
    execution = one.observations["runner-host"][0].execution
    assert execution is not None
    assert token not in execution.stderr


def test_the_first_trouble_is_kept_and_conclusions_are_no_trouble() -> None:
    concluded = failed("It is so.", TaskMark.VERDICT)
    assert hear(concluded).host_states["one"].error is None
    one = hear(failed("It is so."), failed("It is otherwise.")).host_states["one"]
    assert one.error is not None
    assert one.error.problem == "It is so."


def test_a_host_that_is_lost_does_not_touch_another() -> None:
    seen = hear(HostUnreachable(host="two", message="no route")).host_states
    assert seen["one"].error is None
    assert seen["two"].error is not None
    assert seen["two"].error.problem == "The host could not be reached: no route"


def test_hosts_that_nobody_asked_for_are_not_heard() -> None:
    assert set(hear(ok({"changed": True}, host="else")).host_states) == {"one", "two"}


def test_changes_notices_the_gate_and_a_withdrawal_are_heard() -> None:
    one = hear(
        ok({"changed": True}, role="runner"),
        ok({"msg": "Mind this."}, TaskMark.NOTICE, role="runner"),
        ok({"msg": "Not this."}, role="runner"),
        ok({"msg": "The engine's."}, TaskMark.NOTICE, role="engine"),
        ok({"ansible_facts": {"remote_gate": {"exit_code": 0, "summary": {}, "said": ["a", "b"]}}}),
        ok({}, TaskMark.WITHDRAWN, role="runner"),
    ).host_states["one"]
    assert (one.changed, one.notices, one.withdrawn) == (True, ["Mind this."], True)
    assert one.gate == GateAnswer(exit_code=0, summary={}, output="a\nb")


# What is asked for


def test_the_play_is_given_a_folder_for_each_host_and_the_secrets() -> None:
    told = make_runner_variables(REQUEST, Path("/s.tar"), Path("/reports"))
    assert told["host_reports"] == {"one": "/reports/one/t4", "two": "/reports/two/t4"}
    assert told["remote_gate_words"] == ["--host", "direct", "--image", "app:1"]
    assert told["runner_token"] == "t0p-s3cret-registration"
    assert "t0p-s3cret" not in repr(REQUEST)


def test_secrets_come_from_the_environment_and_a_file_counts_before_it(tmp_path: Path) -> None:
    environ = {"HARDGATE_RUNNER_TOKEN": "abc", "HARDGATE_API_TOKEN": "def"}
    assert read_runner_secrets(None, environ) == {"runner_token": "abc", "runner_api_token": "def"}
    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    assert read_runner_secrets(file, environ)["runner_token"] == "from-a-file"
    assert read_runner_secrets(None, {}) == {}


def test_without_hosts_the_command_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARDGATE_RUNNER_TOKEN", raising=False)
    with pytest.raises(UsageError, match="No hosts were named"):
        main([])
    with pytest.raises(UsageError, match="no inventory"):
        main(["-i", "/nowhere/at/all"])
