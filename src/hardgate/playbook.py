"""Plays a playbook of ours: the one module that knows ansible-runner.

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
import shlex
import shutil
import signal
import sys
import sysconfig
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_runner.interface import init_runner
from ansible_runner.utils import get_callback_dir

import hardgate
from hardgate.content import PLAYBOOKS, ROLES
from hardgate.errors import PlaybookError

Event = dict[str, Any]

PATIENCE = 5.0
"""Seconds between the polite and the impolite end of a play that is broken off."""

EVIDENCE_LINES = 60
"""How much of Ansible's own words is kept for a play that did not get to a task."""

_SPEAKS_FOR_ITSELF = frozenset({"fail", "assert"})
"""Actions whose message was written for the reader, and needs no task's name before it."""


class PlayInterruptedError(PlaybookError):
    """A play was broken off because the caller said so, or a signal came."""


@dataclass(frozen=True, kw_only=True)
class PlayEnd:
    """What a play that ended well came to."""

    ok: int
    changed: int
    skipped: int
    seconds: float


def unsafe(value: Any) -> Any:
    """Mark every string in `value` as text that Ansible must not read as a template.

    https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_advanced_syntax.html
    """
    if isinstance(value, str):
        return {"__ansible_unsafe": value}
    if isinstance(value, Mapping):
        return {key: unsafe(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [unsafe(item) for item in value]
    return value


def play(
    playbook: str,
    extra_vars: Mapping[str, Any],
    *,
    on_event: Callable[[Event], None] | None = None,
    interrupt: Callable[[], bool] | None = None,
    timeout: float | None = None,
    directory: Path | None = None,
    quiet: bool = True,
    environment: Mapping[str, str] | None = None,
) -> PlayEnd:
    """Run `playbook`, a file's name in our playbooks or a path, on this machine.

    Its private folder is made in `directory`, else where temporary files go. What `on_event`
    raises ends the play and is raised again; so are SIGINT and SIGTERM, once it has ended.
    """
    started = time.monotonic()
    course = _Course(
        playbook=playbook,
        on_event=on_event,
        interrupt=interrupt,
        deadline=None if timeout is None else started + timeout,
    )
    with _signals_held_back(course), _private_folder(directory) as folder:
        _write(folder / "env" / "extravars", json.dumps(dict(extra_vars)))
        runner = init_runner(
            private_data_dir=str(folder),
            playbook=str(PLAYBOOKS / playbook),
            inventory=_inventory(),
            settings=_SETTINGS,
            quiet=quiet,
            event_handler=course.handle,
            cancel_callback=course.is_over,
        )
        runner.config.env = _environment(
            environment or os.environ, folder, callback=runner.config.env
        )
        runner.run()
    return course.end(runner.rc, time.monotonic() - started)


_SETTINGS = {
    # How long a signal or a deadline may go unnoticed; the runner looks up this often.
    "pexpect_timeout": 0.2,
    # The events are handed over as they come, and nothing is to be left on the disk.
    "suppress_output_file": True,
}


@dataclass(kw_only=True)
class _Course:
    """What is known of a play while it runs: the one thing here that changes."""

    playbook: str
    on_event: Callable[[Event], None] | None
    interrupt: Callable[[], bool] | None
    deadline: float | None
    pid: int | None = None
    stats: Mapping[str, Any] | None = None
    failure: Mapping[str, Any] | None = None
    words: deque[str] = field(default_factory=lambda: deque(maxlen=EVIDENCE_LINES))
    raised: BaseException | None = None
    held_signal: int | None = None
    over: str = ""

    def handle(self, event: Event) -> bool:
        """Take in one event. False: the runner need not write it down."""
        self.pid = event.get("pid") or self.pid
        self.words.extend(event.get("stdout", "").splitlines())
        kind, data = event.get("event"), event.get("event_data", {})
        if kind == "playbook_on_stats":
            self.stats = data
        elif kind == "runner_on_unreachable" or (
            kind == "runner_on_failed" and not data.get("ignore_errors")
        ):
            self.failure = data
        if self.on_event is not None and self.raised is None:
            try:
                self.on_event(event)
            except BaseException as error:
                self.raised = error
        return False

    def is_over(self) -> bool:
        """Say whether the play must end now, and end it."""
        if not self.over:
            self.over = self._reason()
            if self.over and self.pid is not None:
                _end(self.pid)
        return bool(self.over)

    def _reason(self) -> str:
        if self.raised is not None:
            return "its events could not be taken in"
        if self.held_signal is not None:
            return f"{signal.Signals(self.held_signal).name} came"
        if self.interrupt is not None and self.interrupt():
            return "it was interrupted"
        if self.deadline is not None and time.monotonic() > self.deadline:
            return "its time was over"
        return ""

    def end(self, status: int, seconds: float) -> PlayEnd:
        """Tell how it ended, or raise."""
        if self.raised is not None:
            raise self.raised
        if self.over and status:
            kind = PlaybookError if self.over == "its time was over" else PlayInterruptedError
            raise kind(f"Play '{self.playbook}' was broken off: {self.over}.")
        if status or self.stats is None:
            raise self._error(status)
        return PlayEnd(
            ok=_total(self.stats, "ok"),
            changed=_total(self.stats, "changed"),
            skipped=_total(self.stats, "skipped"),
            seconds=seconds,
        )

    def _error(self, status: int) -> PlaybookError:
        if self.failure is not None:
            return failure_of(self.failure)
        return PlaybookError(
            f"Play '{self.playbook}' ended with status {status} before any task failed.",
            "Read what Ansible said.",
            evidence="\n".join(self.words).strip(),
        )


def failure_of(data: Mapping[str, Any]) -> PlaybookError:
    """Tell a failed task, from its event's data: what it is, and all that it said."""
    result = _first_failed(data.get("res", {}))
    message = str(result.get("msg") or "It gave no reason.").strip()
    said = [str(result.get(key) or "").strip() for key in ("stderr", "stdout")]
    action = str(data.get("task_action", "")).rpartition(".")[2]
    first, _, rest = message.partition("\n")
    if action not in _SPEAKS_FOR_ITSELF:
        first = f"Task '{data.get('task', '')}' failed: {first.rstrip('.')}."
    return PlaybookError(first, evidence="\n".join(part for part in (rest, *said) if part).strip())


def _first_failed(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find the item that failed in a task with a loop, whose own message names none."""
    for item in result.get("results", ()):
        if item.get("failed"):
            return dict(item)
    return result


def _total(stats: Mapping[str, Any], key: str) -> int:
    return sum(stats.get(key, {}).values())


def _end(pid: int) -> None:
    """Ask ansible-playbook to end with its workers, which are in sessions of their own.

    The runner itself only knows how to kill, and would leave these workers' commands behind.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not _has_ended(pid):
            time.sleep(0.05)


def _has_ended(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


@contextlib.contextmanager
def _private_folder(directory: Path | None) -> Iterator[Path]:
    """Make a folder that only this user can look into, and remove it with all it holds."""
    folder = Path(tempfile.mkdtemp(prefix="hardgate-play-", dir=directory)).resolve()
    try:
        (folder / "env").mkdir(mode=0o700)
        _write(folder / "env" / "ansible.cfg", "")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _signals_held_back(course: _Course) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the play first, and reach the caller's handlers afterwards.

    A handler that raises would come out of the runner in mid-play, and leave the play behind.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def hold(number: int, _frame: object) -> None:
        course.held_signal = number

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, hold)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, before[number])
        if course.held_signal is not None:
            signal.raise_signal(course.held_signal)


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _inventory() -> dict[str, Any]:
    """Name this machine alone, as data: a line of text would break at a space in a path."""
    return {
        "all": {
            "hosts": {
                "localhost": {
                    "ansible_connection": "local",
                    "ansible_python_interpreter": shlex.quote(sys.executable),
                }
            }
        }
    }


def _environment(
    caller: Mapping[str, str], folder: Path, *, callback: Mapping[str, str]
) -> dict[str, str]:
    """Give the caller's environment, with Ansible's own settings ours and nobody else's.

    `callback` is the environment that the runner prepared, for what its events depend on.
    """
    programs = os.pathsep.join(
        (str(Path(sys.executable).parent), sysconfig.get_path("scripts"), caller.get("PATH", ""))
    )
    if shutil.which("ansible-playbook", path=programs) is None:
        raise PlaybookError(
            f"There is no 'ansible-playbook' beside '{sys.executable}'.",
            "Install 'ansible-core' into the same environment as 'hardgate'.",
        )
    kept = {
        name: value
        for name, value in caller.items()
        if not name.startswith(_ANSIBLES_OWN) and name not in _STRAYS
    }
    needed = {name: callback[name] for name in _CALLBACKS_OWN if name in callback}
    return {
        **kept,
        **needed,
        **_fixed_settings(folder),
        **_import_path(caller),
        "PATH": programs,
    }


_ANSIBLES_OWN = ("ANSIBLE_", "AWX_")
_STRAYS = frozenset({"LANGUAGE", "ORIGINAL_STDOUT_CALLBACK", "AD_HOC_COMMAND_ID"})
_CALLBACKS_OWN = (
    "ANSIBLE_STDOUT_CALLBACK",
    "AWX_ISOLATED_DATA_DIR",
    "RUNNER_OMIT_EVENTS",
    "RUNNER_ONLY_FAILED_EVENTS",
)


def _fixed_settings(folder: Path) -> dict[str, str]:
    private = str(folder)
    return {
        # No setting made an empty play measurably faster (its second goes into imports): these
        # are here to keep the user's own configuration out, and ours in one place.
        # An empty file of ours: /dev/null has no extension that Ansible knows.
        "ANSIBLE_CONFIG": f"{private}/env/ansible.cfg",
        "ANSIBLE_HOME": f"{private}/ansible",
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_REMOTE_TMP": str(folder / "tmp"),
        "ANSIBLE_ROLES_PATH": str(ROLES),
        "ANSIBLE_CALLBACK_PLUGINS": get_callback_dir(),
        "ANSIBLE_COLLECTIONS_PATH": f"{private}/collections",
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_INJECT_FACT_VARS": "False",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_NOCOLOR": "1",
        # Ansible refuses to start in a locale that is not UTF-8; tools are read in English.
        "LC_ALL": "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8",
    }


def _import_path(caller: Mapping[str, str]) -> dict[str, str]:
    """Let our plugins import this very package, also from a checkout that is not installed."""
    home = Path(hardgate.__file__).resolve().parents[1]
    if home.name in {"site-packages", "dist-packages"}:
        return {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(home), caller.get("PYTHONPATH"))))}
