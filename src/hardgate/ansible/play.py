"""Plays a playbook of ours, from its variables to how it ended.

A play is told by its events, as they happen; nothing that it read or wrote outlives it.

What it costs (medians of five, two cores, seconds of CPU): an empty play 0.61, as much as a bare
ansible-playbook; 0.7 to 1.2 by the clock, with others at work. Gathering facts adds 1.05, and each
task whose module is a program of its own (command, copy, uri) 0.38; a role's argument specs 0.03.
So facts are gathered only where a role asks for some, and what is done often is an action plugin.
Inventory plugins, collection paths and pipelining make no difference that could be measured; they
are set so that nothing of the user's is read and nothing is written outside of the folder.
"""

import contextlib
import json
import os
import shutil
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, assert_never

from hardgate.ansible.ahead import take_play_ahead
from hardgate.ansible.environment import build_ansible_environment
from hardgate.ansible.events import (
    HostUnreachable,
    PlayEnded,
    PlayEvent,
    TaskFailed,
    make_task_error,
    read_play_event,
)
from hardgate.ansible.inventory import Inventory
from hardgate.ansible.playbook_process import (
    make_play_folder,
    make_runner,
    run_to_end,
    write_extra_vars,
)
from hardgate.errors import PlaybookError, UsageError
from hardgate.system.process import CommandResult, run_command

PLAY_TERMINATE_SECONDS = 5.0
"""Seconds between the polite and the impolite end of a play that is broken off."""

PLAY_END_SECONDS = 10.0
"""Seconds that Ansible gets to end by itself once it has reported the end of its play."""

PLAY_EVIDENCE_LINES = 60
"""How much of Ansible's own words is kept for a play that did not get to a task."""


class PlayInterruptedError(PlaybookError):
    """A play was broken off because the caller said so, or a signal came."""


def mark_unsafe(value: Any) -> Any:
    """Mark every string in `value` as text that Ansible must not read as a template.

    https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_advanced_syntax.html
    """
    if isinstance(value, str):
        return {"__ansible_unsafe": value}
    if isinstance(value, Mapping):
        return {key: mark_unsafe(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [mark_unsafe(item) for item in value]
    return value


def run_playbook(
    playbook: str,
    extra_vars: Mapping[str, Any],
    *,
    on_event: Callable[[PlayEvent], None] | None = None,
    interrupt: Callable[[], bool] | None = None,
    timeout: float | None = None,
    directory: Path | None = None,
    inventory: Inventory | None = None,
    checks_arguments: bool = True,
) -> PlayEnded:
    """Run `playbook`, a file's name in our playbooks or a path, on this machine or an inventory.

    Its private folder is made in `directory`, else where temporary files go. What `on_event`
    raises ends the play and is raised again; so are SIGINT and SIGTERM, once it has ended. On this
    machine a task that fails is raised too; of an inventory's hosts, how each ended is the answer.
    `checks_arguments` has Ansible hold the variables against the roles' argument specs.
    """
    progress = _PlayProgress(
        playbook=playbook,
        on_event=on_event,
        interrupt=interrupt,
        deadline=None if timeout is None else time.monotonic() + timeout,
        by_host=inventory is not None,
    )
    with _hold_back_signals(progress):
        ahead = take_play_ahead(playbook) if inventory is None else None
        if ahead is not None:
            status = ahead.play(extra_vars, progress.handle_event, progress.is_over)
        else:
            status = _run_now(
                playbook, extra_vars, progress, directory, inventory, checks_arguments
            )
    return progress.conclude_play(status)


def _run_now(
    playbook: str,
    extra_vars: Mapping[str, Any],
    progress: "_PlayProgress",
    directory: Path | None,
    inventory: Inventory | None,
    checks_arguments: bool,
) -> int:
    with make_play_folder(directory) as folder:
        write_extra_vars(folder, extra_vars)
        runner = make_runner(
            playbook,
            folder,
            handle_event=progress.handle_event,
            is_over=progress.is_over,
            inventory=inventory,
            checks_arguments=checks_arguments,
        )
        return run_to_end(runner, folder)


@dataclass(kw_only=True)
class _PlayProgress:
    """What is known of a play while it runs: the one thing here that changes."""

    playbook: str
    on_event: Callable[[PlayEvent], None] | None
    interrupt: Callable[[], bool] | None
    deadline: float | None
    by_host: bool = False
    pid: int | None = None
    ended: PlayEnded | None = None
    ended_at: float = 0.0
    failure: TaskFailed | HostUnreachable | None = None
    output_lines: deque[str] = field(default_factory=lambda: deque(maxlen=PLAY_EVIDENCE_LINES))
    raised: BaseException | None = None
    held_signal: int | None = None
    end_reason: str = ""

    def handle_event(self, raw: dict[str, Any]) -> bool:
        """Take in one event. False: the runner need not write it down."""
        self.pid = raw.get("pid") or self.pid
        self.output_lines.extend(raw.get("stdout", "").splitlines())
        try:
            self._follow_event(raw)
        except BaseException as error:
            self.raised = self.raised or error
        return False

    def _follow_event(self, raw: dict[str, Any]) -> None:
        event = read_play_event(raw)
        match event:
            case None:
                return
            case PlayEnded():
                self.ended, self.ended_at = event, time.monotonic()
            case TaskFailed() | HostUnreachable():
                self.failure = event
            case _:
                pass
        if self.on_event is not None and self.raised is None:
            self.on_event(event)

    def is_over(self) -> bool:
        """Say whether the play must end now, and end it."""
        if not self.end_reason:
            self.end_reason = self._find_end_reason()
            if self.end_reason and self.pid is not None:
                _terminate_play(self.pid)
        return bool(self.end_reason)

    def _find_end_reason(self) -> str:
        if self.raised is not None:
            return "its events could not be taken in"
        if self.held_signal is not None:
            return f"{signal.Signals(self.held_signal).name} came"
        if self._may_be_interrupted() and self.interrupt is not None and self.interrupt():
            return "it was interrupted"
        if self.deadline is not None and time.monotonic() > self.deadline:
            return "its time was over"
        return ""

    def _may_be_interrupted(self) -> bool:
        """Leave a play alone that is at its end: it would be taken for one that was broken off."""
        return self.ended is None or time.monotonic() - self.ended_at > PLAY_END_SECONDS

    def conclude_play(self, status: int) -> PlayEnded:
        """Tell how it ended, or raise."""
        if self.raised is not None:
            raise self.raised
        if self.end_reason and status:
            kind = PlaybookError if self.end_reason == "its time was over" else PlayInterruptedError
            raise kind(f"Play '{self.playbook}' was broken off: {self.end_reason}.")
        if self.ended is None or (status and not self.by_host):
            raise self._make_play_error(status)
        return self.ended

    def _make_play_error(self, status: int) -> PlaybookError:
        match self.failure:
            case TaskFailed() as failure:
                return make_task_error(failure)
            case HostUnreachable(host=host, message=message):
                return PlaybookError(f"Ansible lost the host '{host}': {message}")
            case None:
                return PlaybookError(
                    f"Play '{self.playbook}' ended with status {status} before any task failed.",
                    "Read Ansible's output.",
                    evidence="\n".join(self.output_lines).strip(),
                )
            case _:
                assert_never(self.failure)


def _terminate_play(pid: int) -> None:
    """Ask ansible-playbook to end with its workers, which are in sessions of their own.

    The runner itself only knows how to kill, and would leave these workers' commands behind.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + PLAY_TERMINATE_SECONDS
        while time.monotonic() < deadline and not _has_ended(pid):
            time.sleep(0.05)


def _has_ended(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


@contextlib.contextmanager
def _hold_back_signals(progress: _PlayProgress) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the play first, and reach the caller's handlers afterwards.

    A handler that raises would come out of the runner in mid-play, and leave the play behind.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def hold_signal(number: int, _frame: object) -> None:
        progress.held_signal = number

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, hold_signal)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, before[number])
        if progress.held_signal is not None:
            signal.raise_signal(progress.held_signal)


def list_inventory_hosts(inventory: Inventory) -> tuple[str, ...]:
    """Name the hosts that a play on an inventory is for, sorted; UsageError where there are none.

    They are asked for first: a host that no event ever tells of is missed all the same.
    """
    arguments = ["all", "--list-hosts", "--inventory", str(inventory.path.resolve())]
    arguments += ["--limit", inventory.limit] if inventory.limit else []
    listed = _run_ansible_tool("ansible", arguments)
    hosts = sorted(line.strip() for line in listed.stdout.splitlines()[1:])
    if not listed.ok or not hosts:
        raise UsageError(
            f"The inventory '{inventory.path}' has no host"
            + (f" that '--limit {inventory.limit}' leaves." if inventory.limit else "."),
            "Write one as Ansible reads it, and look at it by 'ansible-inventory --graph'.",
            evidence=listed.stderr.strip(),
        )
    return tuple(hosts)


def read_inventory_groups(inventory: Inventory) -> dict[str, tuple[str, ...]]:
    """Give the inventory's groups with all of their hosts, those of their children too."""
    arguments = ["--list", "--inventory", str(inventory.path.resolve())]
    listed = _run_ansible_tool("ansible-inventory", arguments)
    if not listed.ok:
        raise UsageError(
            f"The groups of the inventory '{inventory.path}' cannot be read.",
            "Look at it by 'ansible-inventory --graph'.",
            evidence=listed.stderr.strip(),
        )
    listing: dict[str, dict[str, list[str]]] = json.loads(listed.stdout)
    groups = {name: group for name, group in listing.items() if name != "_meta"}
    return {name: tuple(dict.fromkeys(_iterate_group_hosts(name, groups))) for name in groups}


def _iterate_group_hosts(name: str, groups: Mapping[str, Mapping[str, list[str]]]) -> Iterator[str]:
    group = groups.get(name, {})
    yield from group.get("hosts", ())
    for child in group.get("children", ()):
        yield from _iterate_group_hosts(child, groups)


def _run_ansible_tool(program: str, arguments: Sequence[str]) -> CommandResult:
    """Run one of Ansible's small programs, under the settings of a play elsewhere."""
    with make_play_folder() as folder:
        environment = build_ansible_environment(os.environ, folder, callback={}, elsewhere=True)
        found = shutil.which(program, path=environment["PATH"]) or program
        return run_command([found, *arguments], env=environment)
