"""What ansible-runner's events are read as, and what tasks are marked as; no play is run here."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hardgate.ansible.events import (
    HostUnreachable,
    PlayEnded,
    PlayEvent,
    Task,
    TaskFailed,
    TaskMark,
    TaskOk,
    TaskStarted,
    make_task_error,
    read_play_event,
    read_task_marks,
)
from hardgate.errors import PlaybookError
from hardgate.resources import PLAYBOOKS, ROLES

FILES = sorted([*PLAYBOOKS.glob("*.yml"), *ROLES.glob("*/tasks/*.yml")])
JUDGING_ACTIONS = {"ansible.builtin.assert", "ansible.builtin.fail"}


def read(kind: str, **data: Any) -> PlayEvent | None:
    return read_play_event({"event": kind, "event_data": data})


def failed(action: str = "command", **result: Any) -> TaskFailed:
    return TaskFailed(host="one", task=Task(title="Install it", action=action), result=result)


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (
            "playbook_on_task_start",
            {"name": "engine : Start it", "task_action": "ansible.builtin.command"},
            TaskStarted(task=Task(title="Start it", action="command")),
        ),
        (
            "runner_on_ok",
            {"host": "one", "task": "A", "role": "runner", "task_path": "/r/main.yml:3"},
            TaskOk(
                host="one",
                task=Task(title="A", action="", role="runner", file="main"),
                result={},
            ),
        ),
        (
            "runner_item_on_ok",
            {"host": "one", "task": "A", "res": {"item": 1}},
            TaskOk(host="one", task=Task(title="A", action=""), result={"item": 1}, is_item=True),
        ),
        ("runner_on_failed", {"host": "one", "task": "A", "ignore_errors": True}, None),
        (
            "runner_on_unreachable",
            {"host": "one", "res": {"msg": " no route\n"}},
            HostUnreachable(host="one", message="no route"),
        ),
        (
            "playbook_on_stats",
            {"ok": {"a": 2, "b": 1}, "changed": {"a": 1}, "failures": {"b": 1}, "dark": {"c": 1}},
            PlayEnded(ok=3, changed=1, failed=("b",), unreachable=("c",)),
        ),
        ("playbook_on_start", {}, None),
        ("verbose", {}, None),
    ],
)
def test_an_event_is_read_as_a_value(
    kind: str, data: dict[str, Any], expected: PlayEvent | None
) -> None:
    assert read(kind, **data) == expected


def test_an_event_without_data_is_no_event_of_ours() -> None:
    assert read_play_event({"event": "verbose"}) is None
    assert read_play_event({}) is None


@pytest.mark.parametrize("indent", ["", "  "])
def test_a_tasks_marks_are_those_of_its_line_whatever_its_title(
    tmp_path: Path, indent: str
) -> None:
    file = tmp_path / "tasks.yml"
    tasks = (
        "- name: {title}\n  tags: [other, hardgate_verdict]\n  fail:\n    msg: x\n\n"
        "# between\n- name: plain\n  tags: hardgate_silent\n  debug:\n- name: none\n  debug:\n"
    )
    for title in ("Refuse it", "Something else"):
        read_task_marks.cache_clear()
        text = tasks.replace("{title}", title)
        file.write_text("---\n" + "".join(indent + line for line in text.splitlines(True)))
        events = [read("runner_on_failed", task_path=f"{file}:{line}") for line in (2, 8, 11)]
        marks = [event.task.marks for event in events if isinstance(event, TaskFailed)]
        assert marks == [{TaskMark.VERDICT}, {TaskMark.SILENT}, frozenset()]


def test_a_mark_inside_a_block_counts(tmp_path: Path) -> None:
    file = tmp_path / "play.yml"
    file.write_text(
        "- hosts: all\n  tasks:\n    - block:\n"
        "        - name: a\n          tags: [hardgate_notice]\n"
        "      rescue:\n        - name: b\n          tags: [hardgate_verdict]\n"
    )
    marks = {4: frozenset({TaskMark.NOTICE}), 7: frozenset({TaskMark.VERDICT})}
    assert read_task_marks(str(file)) == marks


def test_a_misspelt_mark_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "tasks.yml"
    file.write_text("- name: a\n  tags: [hardgate_verdikt]\n")
    with pytest.raises(PlaybookError, match="'hardgate_verdikt', which is not a mark"):
        read_task_marks(str(file))


@pytest.mark.parametrize("content", [None, "- name: [", "\x00"])
def test_a_file_that_cannot_be_read_has_no_marks(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "tasks.yml"
    if content is not None:
        file.write_text(content)
    assert read_task_marks(str(file)) == {}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parents[1].name}-{file.stem}")
def test_each_mark_of_ours_is_one_that_is_known(file: Path) -> None:
    read_task_marks(str(file))


def test_each_mark_is_used() -> None:
    used = {
        mark for file in FILES for marks in read_task_marks(str(file)).values() for mark in marks
    }
    assert used == set(TaskMark)


def list_tasks(node: Any) -> list[dict[str, Any]]:
    """List the tasks below a playbook's or a role's node, those in blocks too."""
    if isinstance(node, list):
        return [task for item in node for task in list_tasks(item)]
    if not isinstance(node, dict):
        return []
    parts = ("tasks", "pre_tasks", "post_tasks", "block", "rescue", "always")
    return [node, *(task for part in parts for task in list_tasks(node.get(part)))]


@pytest.mark.parametrize("file", sorted(PLAYBOOKS.glob("*.yml")), ids=lambda file: file.stem)
def test_what_a_playbook_itself_refuses_is_a_verdict(file: Path) -> None:
    for task in list_tasks(yaml.safe_load(file.read_text())):
        if JUDGING_ACTIONS & set(task):
            assert TaskMark.VERDICT in task.get("tags", ()), task["name"]


@pytest.mark.parametrize("role", ["engine", "runner"])
def test_every_message_of_these_roles_is_for_the_reader(role: str) -> None:
    for file in (ROLES / role / "tasks").glob("*.yml"):
        for task in list_tasks(yaml.safe_load(file.read_text())):
            if "ansible.builtin.debug" in task:
                assert TaskMark.NOTICE in task.get("tags", ()), (file.name, task["name"])


@pytest.mark.parametrize(
    ("message", "lines"), [("one", ("one",)), (["a", "b"], ("a", "b")), ([], ())]
)
def test_a_notice_has_its_messages_lines(message: object, lines: tuple[str, ...]) -> None:
    task = Task(title="Say it", action="debug", marks=frozenset({TaskMark.NOTICE}))
    assert TaskOk(host="one", task=task, result={"msg": message}).messages == lines
    plain = Task(title="Say it", action="debug")
    assert TaskOk(host="one", task=plain, result={"msg": message}).messages == ()


def test_ansibles_own_check_of_arguments_has_no_step() -> None:
    started = read(
        "playbook_on_task_start",
        name="x : Validating arguments against arg spec 'main'",
        task_action="ansible.builtin.validate_argument_spec",
    )
    assert isinstance(started, TaskStarted)
    assert started.task.is_silent


def test_an_error_that_a_plugin_reported_is_read_back() -> None:
    reported = {"problem": "It is so.", "remedy": "Mend it.", "evidence": "line"}
    error = failed(hardgate_error=reported).reported_error
    assert error is not None
    assert (error.problem, error.remedy, error.evidence) == ("It is so.", "Mend it.", "line")
    assert failed(msg="other").reported_error is None


def test_a_failed_task_is_described_by_its_title_and_its_output() -> None:
    error = make_task_error(
        failed(msg="non-zero return code", stderr="E: no space", stdout="Reading")
    )
    assert error.problem == "Task 'Install it' failed: non-zero return code."
    assert error.evidence == "E: no space\nReading"


@pytest.mark.parametrize("action", ["fail", "assert"])
def test_a_message_written_for_the_reader_stands_alone(action: str) -> None:
    error = make_task_error(failed(action, msg="It is wrong.\nline 1\nline 2"))
    assert (error.problem, error.evidence) == ("It is wrong.", "line 1\nline 2")


def test_of_a_loop_the_item_that_failed_is_described() -> None:
    results = [{"failed": False, "msg": "fine"}, {"failed": True, "msg": "the one"}]
    error = make_task_error(failed(msg="One or more items failed", results=results))
    assert error.problem == "Task 'Install it' failed: the one."
