"""The gate's variables are what the roles' argument specs ask for: Ansible does not check them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from hardgate.ansible.preloaded_playbook import unmark
from hardgate.engine.client import Engine
from hardgate.gate import play
from hardgate.gate.environment import TestEnvironment as Environment
from hardgate.gate.play import play_gate
from hardgate.gate.second_check import SecondCheck
from hardgate.gate.state import RunState
from hardgate.report.console import Console
from hardgate.resources import PLAYBOOKS, ROLES
from hardgate.system.ownership import Owner, ProcessIdentity
from tests.unit import runs
from tests.unit.gate.test_host_side import REQUEST

ENGINE = Engine(
    url="unix:///out.sock",
    found_by="DOCKER_HOST",
    info={"NCPU": 2, "ServerVersion": "20.10.24", "KernelVersion": "6.1"},
    version={},
    environment={},
)
GATE_ROLES = ("test_host", "workspace", "contract_probe")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """List what is played, and its variables."""
    plays: list[tuple[str, dict[str, Any]]] = []

    def run_playbook(name: str, extra_vars: Mapping[str, Any], **options: Any) -> None:
        assert options["checks_arguments"] is False
        plays.append((name, unmark(extra_vars)))

    monkeypatch.setattr(play, "run_playbook", run_playbook)
    return plays


def make_owner() -> Owner:
    return Owner(run="1234abcd", process=ProcessIdentity.of_current_process(), deadline=2**31)


def play_it(
    tmp_path: Path, *, host: str = "nested", session: str = "t4", both: bool = False
) -> None:
    environment = Environment(cast("docker.APIClient", None), ENGINE.url, make_owner())
    environment.folder, environment.share = tmp_path, tmp_path / "share"
    request = replace(REQUEST, host=host, plan=replace(runs.PLAN, session=session))
    second = cast("SecondCheck", SimpleNamespace(request=request, owner=make_owner()))
    console = Console(StringIO())
    play_gate(request, ENGINE, environment, console, RunState(), second if both else None)


def list_role_variables(playbook: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each role of a playbook, and what the playbook itself gives it."""
    for part in yaml.safe_load((PLAYBOOKS / playbook).read_text()):
        for role in part["roles"]:
            yield role["role"], role.get("vars", {})


@pytest.mark.parametrize(
    "how",
    [{}, {"host": "direct"}, {"session": "runtime"}, {"both": True}],
    ids=["nested", "direct", "runtime", "two checks"],
)
def test_each_role_gets_what_its_specs_ask_for(
    how: Any, tmp_path: Path, played: list[tuple[str, dict[str, Any]]]
) -> None:
    play_it(tmp_path, **how)
    [(playbook, variables)] = played
    seen = set()
    for role, given in list_role_variables(playbook):
        specs = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text())
        options = specs["argument_specs"]["main"]["options"]
        assert given.keys() <= options.keys()
        # What the playbook takes from another role's answer is not known before it runs.
        known = {name: option for name, option in options.items() if name not in given}
        own = {name: variables[name] for name in known if name in variables}
        result = ArgumentSpecValidator(known).validate(own)
        assert result.error_messages == []
        seen.add(role)
    assert seen == set(GATE_ROLES)


@pytest.mark.parametrize("broken", ["a variable of another type", "a choice that is none"])
def test_a_variable_that_a_spec_refuses_is_seen_here(broken: str) -> None:
    specs = yaml.safe_load((ROLES / "test_host" / "meta" / "argument_specs.yml").read_text())
    options = specs["argument_specs"]["main"]["options"]
    values = {name: "x" for name, option in options.items() if option.get("required")}
    values["test_host_labels"] = cast("str", {})
    if broken == "a choice that is none":
        values["test_host_kind"] = "sideways"
    else:
        values["test_host_seconds"] = "soon"
    assert ArgumentSpecValidator(options).validate(values).error_messages
