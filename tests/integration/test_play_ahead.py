"""Real plays that were started before they were wanted; they need no engine."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hardgate.ansible.ahead import PROGRAM, start_ahead
from hardgate.ansible.events import PlayEvent, TaskOk
from hardgate.ansible.play import mark_unsafe, run_playbook
from hardgate.cli.start import ROLES_OF_GATES
from hardgate.errors import PlaybookError
from hardgate.resources import ROLES

pytestmark = pytest.mark.independent

PLUGINS = [ROLES / name / "action_plugins" / f"{name}.py" for name in ROLES_OF_GATES]


@pytest.fixture
def playbook(tmp_path: Path) -> str:
    """Write a play that says one of its variables."""
    file = tmp_path / "say it.yml"
    file.write_text(
        "- name: Try\n  hosts: localhost\n  gather_facts: false\n  tasks:\n"
        "    - name: Say\n      ansible.builtin.debug:\n        msg: '{{ text }}'\n"
    )
    return str(file)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let folders be made in a place that holds nothing else."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_a_play_that_waited_takes_the_variables_of_its_caller(
    playbook: str, temporary: Path
) -> None:
    said: list[str] = []

    def hear(event: PlayEvent) -> None:
        if isinstance(event, TaskOk):
            said.append(event.result["msg"])

    with start_ahead(playbook, PLUGINS):
        wait_until(lambda: len(find_waiting_processes(temporary)) == 1)
        end = run_playbook(playbook, {"text": mark_unsafe("a {{ b }}")}, on_event=hear)
        assert find_waiting_processes(temporary) == []
        run_playbook(playbook, {"text": "the next one starts anew"}, on_event=hear)
    assert end.ok == 1
    assert said == ["a {{ b }}", "the next one starts anew"]
    assert list(temporary.iterdir()) == []


def test_a_play_that_nobody_wants_goes_with_all_that_it_has(playbook: str, temporary: Path) -> None:
    with start_ahead(playbook, PLUGINS):
        wait_until(lambda: len(find_waiting_processes(temporary)) == 1)
    assert find_waiting_processes(temporary) == []
    assert list(temporary.iterdir()) == []


def test_another_playbook_does_not_take_it(playbook: str, tmp_path: Path, temporary: Path) -> None:
    other = tmp_path / "other.yml"
    other.write_text(Path(playbook).read_text().replace("{{ text }}", "other"))
    with start_ahead(playbook, PLUGINS):
        assert run_playbook(str(other), {}).ok == 1
        wait_until(lambda: len(find_waiting_processes(temporary)) == 1)


def test_a_play_that_cannot_load_says_why(playbook: str, tmp_path: Path) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text("raise RuntimeError('this plugin is broken')\n")
    with start_ahead(playbook, [plugin]), pytest.raises(PlaybookError) as caught:
        run_playbook(playbook, {"text": "a"})
    assert "RuntimeError: this plugin is broken" in caught.value.evidence


def test_a_play_is_broken_off_as_any_other(tmp_path: Path, temporary: Path) -> None:
    file = tmp_path / "long.yml"
    file.write_text(
        "- name: Try\n  hosts: localhost\n  gather_facts: false\n  tasks:\n"
        "    - name: Sleep\n      ansible.builtin.command: sleep 600\n"
    )
    with start_ahead(str(file), PLUGINS), pytest.raises(PlaybookError, match="time was over"):
        run_playbook(str(file), {}, timeout=3)
    assert find_waiting_processes(temporary) == []


@pytest.mark.parametrize("begins", ["ahead", "now"])
def test_what_hears_of_no_end_goes_with_a_play_that_is_broken_off(
    tmp_path: Path, temporary: Path, begins: str
) -> None:
    playbook, mark = tmp_path / "deaf.yml", tmp_path / "deaf"
    deaf = f"trap '' TERM; echo up >{mark}; sleep 603 & wait"
    playbook.write_text(
        "- name: Try\n  hosts: localhost\n  gather_facts: false\n  tasks:\n"
        f'    - name: Hear nothing\n      ansible.builtin.command: setsid sh -c "{deaf}"\n'
    )
    ahead = start_ahead(str(playbook), []) if begins == "ahead" else contextlib.nullcontext()
    with ahead, pytest.raises(PlaybookError, match="interrupted"):
        run_playbook(str(playbook), {}, interrupt=mark.exists)
    assert find_processes_in(temporary) == []


PLAYER = """
import signal, sys, time
from hardgate.ansible.ahead import start_ahead
from hardgate.ansible.play import run_playbook
if sys.argv[3] == "nobody hangs up":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
with start_ahead(sys.argv[1], []):
    print("up", flush=True)
    if sys.argv[2] == "waiting":
        time.sleep(600)
    run_playbook(sys.argv[1], {}, on_event=lambda event: print(type(event).__name__, flush=True))
"""


@pytest.mark.parametrize("terminal", ["hangs up", "nobody hangs up"])
@pytest.mark.parametrize("moment", ["waiting", "playing"])
def test_killed_it_leaves_nothing(
    tmp_path: Path, temporary: Path, moment: str, terminal: str
) -> None:
    playbook = tmp_path / "long.yml"
    playbook.write_text(
        "- name: Try\n  hosts: localhost\n  gather_facts: false\n  tasks:\n"
        "    - name: Sleep\n      ansible.builtin.command: sleep 601\n"
    )
    words = [sys.executable, "-c", PLAYER, str(playbook), moment, terminal]
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as caller:
        try:
            assert caller.stdout is not None
            assert caller.stdout.readline() == "up\n"
            if moment == "playing":
                assert caller.stdout.readline() == "TaskStarted\n"
            wait_until(lambda: bool(find_waiting_processes(temporary)))
        finally:
            caller.send_signal(signal.SIGKILL)
    wait_until(lambda: not find_processes_in(temporary) and not list(temporary.iterdir()))


@pytest.mark.parametrize(
    "words",
    [["gate", "--contract", "no such file"], ["gate", "--no-such-option"], ["runtime", "--only=a"]],
)
def test_a_mistake_in_the_words_gives_it_up(words: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    ended = subprocess.run(
        [sys.executable, "-m", "hardgate", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(ROLES.parent / "src")},
    )
    assert ended.returncode == 2, ended.stderr
    assert find_waiting_processes(folder) == []
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("moment", ["hardgate loads", "it asks the engine"])
def test_an_interruption_before_there_is_a_run_ends_with_a_last_line(
    tmp_path: Path, moment: str
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    silent = socket.create_server(("127.0.0.1", 0))  # an engine that never answers
    accepted: list[socket.socket] = []
    url = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
    variables = {"TMPDIR": str(folder), "PYTHONPATH": str(ROLES.parent / "src"), "DOCKER_HOST": url}
    with (
        silent,
        subprocess.Popen(
            [sys.executable, "-m", "hardgate", "gate", "--context", str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=tmp_path,
            env=os.environ | variables,
        ) as started,
    ):
        if moment == "hardgate loads":
            wait_until(lambda: bool(find_waiting_processes(folder)))
            lasts, codes = ["HARDGATE INTERRUPTED", "hardgate: exit 130"], {130, -signal.SIGINT}
        else:
            accepted.append(silent.accept()[0])
            lasts, codes = ["HARDGATE INTERRUPTED"], {130}
        started.send_signal(signal.SIGINT)
        output, _ = started.communicate(timeout=60)
    for connection in accepted:
        connection.close()
    # Python ends itself by the signal where that came in text that it compiles (a dataclass's
    # methods), also if it was caught: a shell's status is 130 either way.
    assert started.returncode in codes, output
    assert output.splitlines()[-1].startswith(tuple(lasts))
    assert "Traceback" not in output
    assert find_waiting_processes(folder) == []
    assert list(folder.iterdir()) == []


def find_waiting_processes(folder: Path) -> list[int]:
    """List the processes that wait with a FIFO below this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if PROGRAM in words and any(word.startswith(f"{folder}/") for word in words):
            found.append(int(entry.name))
    return found


def find_processes_in(folder: Path) -> list[int]:
    """List the processes whose environment names something in this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{folder}/".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def wait_until(is_so: object) -> None:
    """Wait until something is so, a minute at most."""
    assert callable(is_so)
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
