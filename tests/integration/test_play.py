"""Real plays by ansible-playbook; they need no engine."""

import os
import shlex
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hardgate.ansible.events import PlayEvent, TaskMark, TaskOk
from hardgate.ansible.inventory import Inventory
from hardgate.ansible.play import (
    PlayInterruptedError,
    list_inventory_hosts,
    mark_unsafe,
    run_playbook,
)
from hardgate.errors import PlaybookError, UsageError

pytestmark = pytest.mark.independent

HEAD = "- name: Try\n  hosts: localhost\n  gather_facts: false\n  tasks:\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a user who has a home of his own, and in it a configuration that breaks every play."""
    folder = tmp_path / "a home"
    folder.mkdir()
    (folder / ".ansible.cfg").write_text("[defaults]\nstrategy = no_such_strategy\n")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("ANSIBLE_CONFIG", str(folder / ".ansible.cfg"))
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "no_such_callback")
    monkeypatch.setenv("LC_ALL", "POSIX")
    return folder


def write(folder: Path, tasks: str) -> str:
    file = folder / "try it.yml"
    file.write_text(HEAD + tasks)
    return str(file)


def test_text_reaches_a_task_untouched_and_nothing_outlives_the_play(
    home: Path, tmp_path: Path
) -> None:
    seen: list[str] = []
    modes: set[int] = set()
    folder = tmp_path / "with a space"
    folder.mkdir()

    def look(event: PlayEvent) -> None:
        modes.update(stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir())
        if isinstance(event, TaskOk):
            seen.append(event.result["stdout"])

    text = "a {{ b }} 'c' \"d\" $e ü"
    file = write(
        tmp_path,
        "    - name: Say\n      ansible.builtin.command:\n"
        "        argv: [printf, '%s', '{{ text }}']\n      changed_when: false\n",
    )
    end = run_playbook(file, {"text": mark_unsafe(text)}, on_event=look, directory=folder)
    assert seen == [text]
    assert (end.ok, end.changed) == (1, 0)
    assert modes == {0o700}
    assert list(folder.iterdir()) == []
    assert [path.name for path in home.iterdir()] == [".ansible.cfg"]


def test_events_come_while_the_play_runs(home: Path, tmp_path: Path) -> None:
    del home
    times: list[float] = []
    file = write(
        tmp_path,
        "    - name: Wait\n      ansible.builtin.command: sleep 1\n      changed_when: false\n" * 2,
    )
    run_playbook(
        file,
        {},
        on_event=lambda event: (
            times.append(time.monotonic()) if isinstance(event, TaskOk) else None
        ),
    )
    assert times[1] - times[0] > 0.8


def test_a_tasks_marks_come_with_its_events(home: Path, tmp_path: Path) -> None:
    del home
    marked: dict[str, frozenset[TaskMark]] = {}
    file = write(
        tmp_path,
        "    - name: Unmarked\n      ansible.builtin.debug:\n"
        "    - name: Marked\n      tags: [hardgate_verdict]\n      ansible.builtin.debug:\n"
        "    - block:\n        - tags: hardgate_silent\n          ansible.builtin.debug:\n",
    )

    def look(event: PlayEvent) -> None:
        if isinstance(event, TaskOk):
            marked[event.task.title] = event.task.marks

    run_playbook(file, {}, on_event=look)
    assert list(marked.values()) == [frozenset(), {TaskMark.VERDICT}, {TaskMark.SILENT}]


def test_a_play_that_does_not_parse_is_told_in_ansibles_words(home: Path, tmp_path: Path) -> None:
    del home
    with pytest.raises(PlaybookError, match="before any task failed") as caught:
        run_playbook(write(tmp_path, "    - name: Nothing\n      no_such_module_at_all:\n"), {})
    assert "no_such_module_at_all" in caught.value.evidence


def test_a_failed_task_raises_with_its_words(home: Path, tmp_path: Path) -> None:
    del home
    with pytest.raises(PlaybookError, match="Task 'Break' failed") as caught:
        run_playbook(
            write(
                tmp_path,
                "    - name: Let pass\n      ansible.builtin.command: 'false'\n"
                "      ignore_errors: true\n"
                "    - name: Break\n      ansible.builtin.shell: echo why >&2; exit 7\n",
            ),
            {},
        )
    assert "why" in caught.value.evidence


@pytest.fixture
def sleeper(tmp_path: Path) -> str:
    return write(
        tmp_path,
        "    - name: Sleep\n"
        "      ansible.builtin.shell: echo $$ > {{ pid_file | quote }}; sleep 97; true\n",
    )


def test_a_deadline_ends_the_play_with_its_commands(
    home: Path, tmp_path: Path, sleeper: str
) -> None:
    del home
    file = tmp_path / "pid"
    for seconds in (4, 16, 64):
        with pytest.raises(PlaybookError, match="its time was over"):
            run_playbook(sleeper, {"pid_file": str(file)}, timeout=seconds)
        if has_words(file):
            break  # a deadline before the command began shows nothing
    assert_gone(int(file.read_text()))


def test_a_signal_ends_the_play_first_and_reaches_the_caller_then(
    home: Path, tmp_path: Path, sleeper: str
) -> None:
    del home
    file = tmp_path / "pid"
    # What a shell started in the background was told to ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt_when, args=(file,), daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_playbook(sleeper, {"pid_file": str(file)}, timeout=90)
    finally:
        signal.signal(signal.SIGINT, before)
    assert_gone(int(file.read_text()))


def test_the_caller_may_break_it_off(home: Path, tmp_path: Path, sleeper: str) -> None:
    del home
    file = tmp_path / "pid"
    with pytest.raises(PlayInterruptedError, match="it was interrupted"):
        run_playbook(
            sleeper, {"pid_file": str(file)}, interrupt=lambda: has_words(file), timeout=90
        )
    assert_gone(int(file.read_text()))


def test_what_the_caller_raises_over_an_event_ends_the_play(home: Path, tmp_path: Path) -> None:
    del home

    def refuse(event: PlayEvent) -> None:
        raise ValueError(type(event).__name__)

    with pytest.raises(ValueError, match="TaskStarted"):
        run_playbook(
            write(tmp_path, "    - name: A\n      ansible.builtin.debug:\n"),
            {},
            on_event=refuse,
        )


def test_a_signal_that_nobody_handles_leaves_no_folder(
    home: Path, tmp_path: Path, sleeper: str
) -> None:
    del home
    file, folder = tmp_path / "pid", tmp_path / "folder"
    folder.mkdir()
    script = (
        "import sys; from pathlib import Path; from hardgate.ansible.play import run_playbook;"
        "run_playbook(sys.argv[1], {'pid_file': sys.argv[2]}, directory=Path(sys.argv[3]))"
    )
    player = subprocess.Popen([sys.executable, "-c", script, sleeper, str(file), str(folder)])
    while not has_words(file):
        assert player.poll() is None
        time.sleep(0.1)
    player.terminate()
    assert player.wait(timeout=60) == -signal.SIGTERM
    assert list(folder.iterdir()) == []
    assert_gone(int(file.read_text()))


def interrupt_when(file: Path) -> None:
    while not has_words(file):
        time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)


def has_words(file: Path) -> bool:
    return file.is_file() and bool(file.read_text().strip())


def assert_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.1)


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """Name two hosts that are this machine, and one that nobody reaches."""
    file = tmp_path / "hosts.ini"
    local = f"ansible_connection=local ansible_python_interpreter={shlex.quote(sys.executable)}"
    file.write_text(
        f"[near]\none {local} word=first\ntwo {local} word=second\n"
        "[far]\naway ansible_host=127.0.0.1 ansible_port=9 word=third\n"
    )
    return file


def test_of_an_inventory_each_host_is_told(home: Path, tmp_path: Path, inventory: Path) -> None:
    del home
    said: dict[str, str] = {}
    file = tmp_path / "everywhere.yml"
    file.write_text(
        "- name: Try\n  hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - name: Say\n      ansible.builtin.command: printf {{ word }}\n"
        "    - name: Break on one\n      ansible.builtin.command: 'false'\n"
        "      when: inventory_hostname == 'two'\n"
    )

    def hear(event: PlayEvent) -> None:
        if isinstance(event, TaskOk):
            said[event.host] = event.result["stdout"]

    end = run_playbook(str(file), {}, on_event=hear, inventory=Inventory(path=inventory))
    assert said == {"one": "first", "two": "second"}
    assert (end.failed, end.unreachable) == (("two",), ("away",))


def test_an_inventorys_hosts_are_known_before_the_play(home: Path, inventory: Path) -> None:
    del home
    assert list_inventory_hosts(Inventory(path=inventory)) == ("away", "one", "two")
    assert list_inventory_hosts(Inventory(path=inventory, limit="near")) == ("one", "two")
    with pytest.raises(UsageError, match="--limit nowhere"):
        list_inventory_hosts(Inventory(path=inventory, limit="nowhere"))
    with pytest.raises(UsageError, match="no inventory"):
        Inventory(path=inventory.with_name("gone"))


def test_an_inventory_that_cannot_be_read_is_refused(home: Path, tmp_path: Path) -> None:
    del home
    file = tmp_path / "hosts.yml"
    file.write_text("all: [not, hosts")
    with pytest.raises(UsageError, match="has no host") as caught:
        list_inventory_hosts(Inventory(path=file))
    assert "hosts.yml" in caught.value.evidence
