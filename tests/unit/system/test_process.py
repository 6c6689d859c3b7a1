"""How a program is run, and how its end is told."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from hardgate.system import process
from hardgate.system.process import CommandMissingError, run_command


def shell(script: str, **options: object) -> process.CommandResult:
    return run_command(["sh", "-c", script], **options)  # type: ignore[arg-type] # passed on unchanged


@pytest.mark.parametrize("status", [0, 1, 37, 255])
def test_an_exit_status_is_an_exit_status(status: int) -> None:
    finished = shell(f"exit {status}")
    assert (finished.status, finished.signal) == (status, None)
    assert finished.ok == (status == 0)


def test_a_signal_is_no_exit_status() -> None:
    finished = shell("kill -9 $$")
    assert (finished.status, finished.signal) == (None, signal.SIGKILL)
    assert finished.end_description == "was killed by signal 9"


def test_a_program_that_is_not_there_has_no_end_at_all() -> None:
    with pytest.raises(CommandMissingError, match="no program 'no-such-program'"):
        run_command(["no-such-program"])


def test_a_file_that_is_no_program_cannot_be_started(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("just words")
    with pytest.raises(CommandMissingError, match="Permission denied"):
        run_command([tmp_path / "text"])


def test_a_folder_that_is_not_there_is_not_taken_for_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(CommandMissingError, match="which is not a folder"):
        run_command(["true"], cwd=tmp_path / "nowhere")


def test_stdout_and_stderr_stay_apart() -> None:
    finished = shell("echo one; echo two >&2")
    assert (finished.stdout, finished.stderr) == ("one\n", "two\n")


def test_input_larger_than_a_pipe_passes_through() -> None:
    text = b"x" * 1_000_000
    assert run_command(["cat"], input=text).stdout == text.decode()


def test_input_that_nobody_reads_is_no_error() -> None:
    assert run_command(["true"], input=b"x" * 1_000_000).ok


def test_lines_are_handed_over_while_the_program_runs() -> None:
    seen: list[tuple[str, float]] = []
    started = time.monotonic()
    shell(
        "echo first; sleep 0.5; printf 'last'",
        on_line=lambda line: seen.append((line, time.monotonic() - started)),
    )
    assert [line for line, _ in seen] == ["first", "last"]
    assert seen[1][1] - seen[0][1] > 0.3


def test_output_is_kept_from_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_OUTPUT_BYTES", 10)
    finished = shell("printf '%s' 0123456789abc")
    assert (finished.stdout, finished.truncated) == ("3456789abc", True)


def test_output_that_is_not_text_is_read_all_the_same() -> None:
    assert shell(r"printf '\377'").stdout == "\N{REPLACEMENT CHARACTER}"


def test_at_its_deadline_the_whole_group_is_ended() -> None:
    finished = shell("sleep 60 & echo $!; wait", timeout=0.3)
    assert finished.timed_out
    assert not finished.ok
    assert finished.end_description == "was still running after 0 s"
    assert not is_running(int(finished.stdout))


def test_an_exception_on_the_way_ends_the_program() -> None:
    pids: list[int] = []

    def interrupted(line: str) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shell("echo $$; sleep 60", on_line=interrupted)
    assert not is_running(pids[0])


def test_a_program_left_in_the_background_does_not_hold_up_the_end() -> None:
    finished = shell("sleep 5 & echo started")
    assert finished.stdout == "started\n"
    assert finished.seconds < 3


def test_the_environment_is_the_one_given() -> None:
    finished = run_command(
        [sys.executable, "-c", "import os; print(os.environ.get('HOME'), os.environ['A'])"],
        env={"A": "b"},
    )
    assert finished.stdout == "None b\n"


def is_running(pid: int) -> bool:
    """Say whether a process lives; one that only waits to be reaped does not."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return False
        except (ProcessLookupError, FileNotFoundError):
            return False
        time.sleep(0.05)
    return True


def test_a_file_takes_the_whole_output(tmp_path: Path) -> None:
    size = process.MAX_OUTPUT_BYTES + 1
    finished = run_command(
        ["sh", "-c", f"head -c {size} /dev/zero; echo no >&2"], output_file=tmp_path / "out"
    )
    assert (tmp_path / "out").stat().st_size == size
    assert (finished.stdout, finished.stderr, finished.truncated) == ("", "no\n", False)


def test_what_a_program_leaves_in_the_background_ends_with_it(tmp_path: Path) -> None:
    """L4: an adapter's test could write reports after its answer."""
    pid_file = tmp_path / "pid"
    script = f"sleep 4321 >/dev/null 2>&1 & echo $! >{pid_file}; exit 0"
    assert run_command(["sh", "-c", script]).ok
    state = Path(f"/proc/{pid_file.read_text().strip()}/stat")
    deadline = time.monotonic() + 10
    while state.exists() and time.monotonic() < deadline:
        if state.read_text().rpartition(")")[2].split()[0] == "Z":
            break  # ended; whoever took it over has not waited for it yet
        time.sleep(0.05)
    else:
        assert not state.exists()
