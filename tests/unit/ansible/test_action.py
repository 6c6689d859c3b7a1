"""What an action plugin of ours is given; no play is run here."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible.config.manager import ConfigManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from hardgate.ansible.action import Action
from hardgate.ansible.playbook_process import ANSIBLE_SETTINGS
from hardgate.ansible.task_result import TaskArguments


class CountingTemplar(Templar):  # type: ignore[misc]
    """Ansible's own, which counts how often it is asked."""

    asked = 0

    def template(self, variable: Any, **options: Any) -> Any:
        type(self).asked += 1
        return super().template(variable, **options)


class EchoingAction(Action):
    """Answers what it was given."""

    def perform_task(self, values: TaskArguments) -> Mapping[str, Any]:
        return {"given": dict(values)}


def run_item(task: str, arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
    """Run one item of a task's loop, as Ansible does: with a plugin of its own."""
    action = EchoingAction.__new__(EchoingAction)
    action._task = SimpleNamespace(_uuid=task, args=arguments, async_val=0, check_mode=False)
    action._templar = CountingTemplar(loader=DataLoader(), variables=dict(variables))
    action._connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    return action.run(task_vars=dict(variables))["given"]


def test_the_context_of_a_loop_is_templated_once_and_given_to_each_item() -> None:
    variables = {"place": {"host": {"kind": "nested"}}}
    CountingTemplar.asked = 0
    for item in ("one", "two", "three"):
        given = run_item("loop", {"context_variable": "place", "guard": item}, variables)
        assert (given["host"], given["guard"]) == ({"kind": "nested"}, item)
    assert CountingTemplar.asked == 1


def test_another_task_reads_its_own_context() -> None:
    for task, kind in (("first", "nested"), ("second", "direct")):
        assert run_item(task, {"context_variable": "place"}, {"place": {"kind": kind}})["kind"] == (
            kind
        )


def test_a_task_that_names_no_context_gets_its_arguments_alone() -> None:
    assert run_item("plain", {"step": "create"}, {"place": {"kind": "nested"}}) == {
        "step": "create"
    }


def test_ansible_looks_for_a_tasks_end_two_hundred_times_a_second(tmp_path: Path) -> None:
    file = tmp_path / "ansible.cfg"
    file.write_text(ANSIBLE_SETTINGS)
    manager = ConfigManager(conf_file=str(file))
    assert manager.get_config_value("DEFAULT_INTERNAL_POLL_INTERVAL") == 0.005
