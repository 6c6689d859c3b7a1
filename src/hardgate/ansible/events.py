"""Turns ansible-runner's events into values, once, for everybody who follows a play.

What a task means to hardgate stands in its playbook or role as a tag (`TaskMark`), and never in its
title. ansible-runner's events carry no tags, but each names its task's file and line
(https://ansible.readthedocs.io/projects/runner/en/stable/intro/#artifactevents); so the tags are
read from there.
See D33 in ARCHITECTURE.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hardgate.ansible.task_result import ERROR_KEY
from hardgate.errors import HardgateError, PlaybookError

RawEvent = Mapping[str, Any]
"""An event as ansible-runner gives it."""

MARK_PREFIX = "hardgate_"

_SELF_EXPLAINING_ACTIONS = frozenset({"fail", "assert"})
"""Actions whose message was written for the reader, and needs no task's name before it."""
_ARGUMENT_CHECK = "validate_argument_spec"
"""The action that Ansible itself puts before a role with argument specs."""


class TaskMark(StrEnum):
    """What a task means, written among its tags."""

    SILENT = f"{MARK_PREFIX}silent"
    """It waits, includes other tasks, or is reported in another way: no step of its own."""
    VERDICT = f"{MARK_PREFIX}verdict"
    """It fails for what was seen: the verdicts report it, and it is not a trouble of its own."""
    NOTICE = f"{MARK_PREFIX}notice"
    """Its message is for the reader of the run."""
    WITHDRAWN = f"{MARK_PREFIX}withdrawn"
    """Where it ends well, a runner was unregistered."""
    SECOND = f"{MARK_PREFIX}second"
    """With it ends the first of the two checks that share a test host."""
    PROBED = f"{MARK_PREFIX}probed"
    """All probes have run when it starts."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task that an event is about."""

    title: str
    """As its file has it, without its role's name."""
    action: str
    """The module's short name, such as `command`."""
    role: str = ""
    file: str = ""
    """The stem of the file that it stands in, such as `main`."""
    marks: frozenset[TaskMark] = frozenset()

    @property
    def is_silent(self) -> bool:
        """Tell whether it has no step of its own."""
        return TaskMark.SILENT in self.marks or self.action == _ARGUMENT_CHECK


@dataclass(frozen=True, kw_only=True)
class TaskStarted:
    """A task began, on whatever hosts."""

    task: Task


@dataclass(frozen=True, kw_only=True)
class TaskOk:
    """A task, or one item of its loop, ended well on a host."""

    host: str
    task: Task
    result: Mapping[str, Any]
    is_item: bool = False

    @property
    def messages(self) -> tuple[str, ...]:
        """The lines of a task that is a notice; none of any other."""
        if TaskMark.NOTICE not in self.task.marks:
            return ()
        message = self.result.get("msg", ())
        return tuple(map(str, message)) if isinstance(message, list) else (str(message),)


@dataclass(frozen=True, kw_only=True)
class TaskFailed:
    """A task failed on a host, and the play does not ignore it."""

    host: str
    task: Task
    result: Mapping[str, Any]

    @property
    def reported_error(self) -> HardgateError | None:
        """The error that an action plugin of ours reported; None where it was another failure."""
        reported = self.result.get(ERROR_KEY)
        if not reported:
            return None
        return HardgateError(reported["problem"], reported["remedy"], evidence=reported["evidence"])


@dataclass(frozen=True, kw_only=True)
class HostUnreachable:
    """Ansible lost a host, or never reached it."""

    host: str
    message: str


@dataclass(frozen=True, kw_only=True)
class PlayEnded:
    """A play came to its end, with so many tasks of each outcome over all hosts."""

    ok: int
    changed: int
    failed: tuple[str, ...] = ()
    """Hosts where a task failed, sorted."""
    unreachable: tuple[str, ...] = ()
    """Hosts that Ansible lost, or never reached, sorted."""


PlayEvent = TaskStarted | TaskOk | TaskFailed | HostUnreachable | PlayEnded


def read_play_event(event: RawEvent) -> PlayEvent | None:  # noqa: PLR0911 - one for each kind
    """Read one event of ansible-runner's; None for those that nobody follows."""
    data: Mapping[str, Any] = event.get("event_data") or {}
    host, result = str(data.get("host", "")), data.get("res") or {}
    match event.get("event"):
        case "playbook_on_task_start":
            return TaskStarted(task=_read_task(data))
        case "runner_on_ok":
            return TaskOk(host=host, task=_read_task(data), result=result)
        case "runner_item_on_ok":
            return TaskOk(host=host, task=_read_task(data), result=result, is_item=True)
        case "runner_on_failed" if not data.get("ignore_errors"):
            return TaskFailed(host=host, task=_read_task(data), result=result)
        case "runner_on_unreachable":
            return HostUnreachable(host=host, message=str(result.get("msg") or "").strip())
        case "playbook_on_stats":
            return PlayEnded(
                ok=sum(data.get("ok", {}).values()),
                changed=sum(data.get("changed", {}).values()),
                failed=tuple(sorted(data.get("failures", {}))),
                unreachable=tuple(sorted(data.get("dark", {}))),
            )
        case _:
            return None


def make_task_error(failure: TaskFailed) -> PlaybookError:
    """Describe a failed task: what it is, and all that it printed."""
    result = _find_failed_item(failure.result)
    message = str(result.get("msg") or "It gave no reason.").strip()
    outputs = [str(result.get(key) or "").strip() for key in ("stderr", "stdout")]
    first, _, rest = message.partition("\n")
    if failure.task.action not in _SELF_EXPLAINING_ACTIONS:
        first = f"Task '{failure.task.title}' failed: {first.rstrip('.')}."
    return PlaybookError(
        first, evidence="\n".join(part for part in (rest, *outputs) if part).strip()
    )


def _find_failed_item(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find the item that failed in a task with a loop, whose own message names none."""
    for item in result.get("results", ()):
        if item.get("failed"):
            return dict(item)
    return result


def _read_task(data: Mapping[str, Any]) -> Task:
    path, _, line = str(data.get("task_path") or "").rpartition(":")
    return Task(
        title=str(data.get("task") or data.get("name") or "").rpartition(" : ")[2],
        action=str(data.get("task_action") or "").rpartition(".")[2],
        role=str(data.get("role") or ""),
        file=Path(path).stem,
        marks=read_task_marks(path).get(int(line), frozenset()) if line.isdigit() else frozenset(),
    )


@cache
def read_task_marks(path: str) -> Mapping[int, frozenset[TaskMark]]:
    """Read the marks of a file's tasks, by the line on which each task begins.

    Raises PlaybookError for a tag with our prefix that is not a mark: a typo would silence it.
    """
    try:
        root = yaml.compose(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}  # Ansible itself read it, or reports what is wrong with it.
    return {
        node.start_mark.line + 1: marks
        for node in _walk_mappings(root)
        if (marks := _read_marks(node, path))
    }


def _walk_mappings(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _walk_mappings(item)
    elif isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _walk_mappings(value)


def _read_marks(node: yaml.MappingNode, path: str) -> frozenset[TaskMark]:
    tags = next((value for key, value in node.value if key.value == "tags"), None)
    words = tags.value if isinstance(tags, yaml.SequenceNode) else [tags] if tags else []
    names = [word.value for word in words if str(word.value).startswith(MARK_PREFIX)]
    known = {mark.value for mark in TaskMark}
    for name in names:
        if name not in known:
            raise PlaybookError(
                f"A task in '{path}' has the tag '{name}', which is not a mark of hardgate's.",
                f"Use one of {', '.join(sorted(known))}.",
            )
    return frozenset(map(TaskMark, names))
