"""What a terminal shows of the steps under way, and what stays when they have ended."""

import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hardgate.report.console import Console
from tests.unit import runs
from tests.unit.terminals import (
    PYTHON,
    Display,
    Terminal,
    display,
    make_environment,
    run_at_terminal,
    window,
)

HOSTILE = [
    "\x1b[2J\x1b[H\x1b[31mred\x1b[?25l\x1b]0;title\x07",
    "[red]markup[/red] [/] [bold] [link=http://evil.example]x[/link] :smile:",
    "漢字" * 300,
    "👩‍🚀" * 100,
    "x" * 5_000,
    "a\rHARDGATE GREEN: all held (exit 0)",
    "\u202eHARDGATE\u2066",
    "::error::x ##[group]y",
]


@contextmanager
def written(columns: int, rows: int, **environ: str) -> Iterator[tuple[Console, Terminal]]:
    stream = Terminal()
    yield Console(stream, environ={**window(columns, rows), **environ}), stream


def show(stream: Terminal, columns: int, rows: int) -> Display:
    return display(stream.getvalue(), columns, rows)


def wait_for(condition: str, stream: Terminal, columns: int = 80, rows: int = 24) -> Display:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        shown = show(stream, columns, rows)
        if condition in shown.shown:
            return shown
        time.sleep(0.05)
    raise AssertionError(f"'{condition}' was never shown: {shown.shown}")


def test_steps_under_way_are_shown_with_their_time_and_stage() -> None:
    with written(80, 24) as (console, stream):
        with console.step("Build the image") as step, console.step("Start the test host"):
            step.show_progress("#8 [builder 2/5] RUN make all")
            step.show_progress("#8 0.412 Get:1 http://deb.example stable InRelease")
            shown = wait_for("1 s", stream)
            assert re.search(r"(?m)^\S Build the image  \d s$", shown.shown)
            assert "    step 2 of 5 of 'builder': RUN make all" in shown.rows
            assert "    | Get:1 http://deb.example stable InRelease" in shown.rows
            assert re.search(r"(?m)^\S Start the test host  \d s$", shown.shown)
        rows = [row for row in show(stream, 80, 24).rows if row]
    assert re.fullmatch(r"✓ Start the test host  \d\.\d\d s", rows[0])
    assert re.fullmatch(r"✓ Build the image  \d\.\d\d s", rows[1])
    assert len(rows) == 2


def test_verdicts_fall_above_the_region_and_stay() -> None:
    with written(80, 24) as (console, stream), console.step("Run the probes"):
        for verdict in runs.red().verdicts:
            console.print_verdict(verdict)
        rows = [row for row in show(stream, 80, 24).everything if row]
        assert "Run the probes" in rows[-1]
        assert rows[0] == "  ✓ workspace_settings_match_tier (guard)"
        assert sum("Run the probes" in row for row in rows) == 1


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 20), (30, 10), (20, 5), (20, 2)])
def test_hostile_words_stay_text_in_every_window(columns: int, rows: int) -> None:
    with written(columns, rows) as (console, stream):
        with console.step("Build the image") as step, console.step("漢字" * 100):
            for line in HOSTILE:
                step.show_progress(f"#8 0.1 {line}")
                step.show_progress(f"Step 3/12 : RUN {line}")
                console.print_verdict(runs.failed("agent_home_writable", line))
                shown = show(stream, columns, rows)
                assert shown.is_cursor_shown
        shown = show(stream, columns, rows)
    text = stream.getvalue()
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
    assert "\x1b[?25l" not in text
    folded = "".join(shown.everything).replace(" ", "")
    assert "[red]markup[/red][/][bold][link=http://evil.example]x[/link]:smile:" in folded
    assert shown.cursor[1] == 0
    assert not any(row.startswith("HARDGATE") for row in shown.everything)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 20), (20, 5)])
def test_what_stays_is_what_a_log_has(columns: int, rows: int) -> None:
    with written(columns, rows) as (console, stream):
        plain = Terminal()
        log = Console(plain, environ={"CI": "true"})
        for one in (console, log):
            with one.step("Build the image") as step:
                step.set_outcome("sha256:9f8e")
                for line in HOSTILE:
                    step.show_progress(line)
                one.print_notice("Something that must not be missed, and is quite long in itself.")
            for verdict in runs.red().verdicts:
                one.print_verdict(verdict)
        seen = display(stream.getvalue(), columns, rows)
        expected = display(plain.getvalue(), columns, rows)

    def without_times(shown: Display) -> list[str]:  # which a narrow window breaks anywhere
        return [re.sub(r"\d", "0", row) for row in shown.everything if row]

    assert without_times(seen) == without_times(expected)


def test_a_terminal_that_wants_no_colour_gets_none() -> None:
    with written(80, 24, NO_COLOR="1") as (console, stream):
        with console.step("Build the image") as step:
            step.show_progress("Step 1/2 : FROM base")
            console.print_verdict(runs.failed("agent_home_writable", "no"))
            wait_for("step 1 of 2", stream)
        console.print_run(runs.red())
    assert not re.search(r"\x1b\[[0-9;]*m", stream.getvalue())


@pytest.mark.parametrize("environ", [{"CI": "true"}, {"TERM": "dumb"}])
def test_where_there_is_no_terminal_nothing_moves(environ: dict[str, str]) -> None:
    with written(80, 24, **environ) as (console, stream), console.step("Build the image") as step:
        step.show_progress("Step 1/2 : FROM base")
        time.sleep(0.3)
    assert re.fullmatch(r"✓ Build the image  \d\.\d\d s\n", stream.getvalue())


def test_steps_that_overlap_never_garble() -> None:
    stream = Terminal()
    console = Console(stream, environ={**window(60, 10), "NO_COLOR": "1"})
    barrier = threading.Barrier(4)

    def work(name: str) -> None:
        barrier.wait(5)
        for _ in range(25):
            with console.step(name) as step:
                step.show_progress("busy")
                console.print_verdict(runs.passed(f"by_{name}"))

    threads = [threading.Thread(target=work, args=(f"step{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = [row for row in display(stream.getvalue(), 60, 10).everything if row]
    assert len(rows) == 200
    for row in rows:
        assert re.fullmatch(r"✓ step\d  \d\.\d\d s|  ✓ by_step\d  0\.07 s", row)


def test_a_terminal_that_goes_away_costs_nothing() -> None:
    class Gone(Terminal):
        def write(self, _text: str) -> int:
            raise OSError("gone")

    console = Console(Gone(), environ=window(80, 24))
    with console.step("Build the image") as step:
        step.show_progress("Step 1/2 : FROM base")
        time.sleep(0.5)
        console.print_run(runs.red())


def test_a_terminal_without_unicode_gets_none() -> None:
    class Ascii(Terminal):
        encoding = "ascii"

    stream = Ascii()
    console = Console(stream, environ=window(80, 24))
    with console.step("Build the image") as step:
        step.show_progress("Größe " * 30)
        console.print_run(runs.red())
    assert stream.getvalue().isascii()


STEP_PROGRAM = textwrap.dedent(
    """
    import sys, time
    from hardgate.system.interruption import Interrupted, raise_on_signals
    from hardgate.report.console import Console
    console = Console(sys.stdout)
    try:
        with raise_on_signals(), console.step("Build the image") as step:
            step.show_progress("Step 3/12 : RUN make")
            time.sleep(60)
    except Interrupted as interruption:
        console.print_line(f"ended by {interruption}")
        sys.exit(int(interruption.exit_code))
    """
)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_a_signal_leaves_the_terminal_clean(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    sent: list[float] = []

    def send_once(text: str, process: subprocess.Popen[bytes]) -> None:
        if "step 3 of 12" in text and not sent:
            sent.append(time.monotonic())
            process.send_signal(number)

    ran = run_at_terminal(
        [PYTHON, "-c", STEP_PROGRAM], columns=60, rows=12, folder=tmp_path, on_written=send_once
    )
    assert ran.status == status
    shown = display(ran.written + "$ ", 60, 12)
    assert shown.is_cursor_shown
    assert "\x1b[?25l" not in ran.written
    if number is not signal.SIGKILL:
        rows = [row for row in shown.rows if row]
        assert re.fullmatch(r"✗ Build the image  \d+\.\d+ s", rows[0])
        assert rows[1].startswith("ended by SIG")
        assert rows[2:] == ["$"]


LOADED = (
    "import sys; from hardgate.report.console import Console\n"
    "console = Console(sys.stdout)\n"
    "with console.step('Build the image'): pass\n"
    "from tests.unit import runs\n"
    "console.print_run(runs.red())\n"
    "print('LOADED' if 'rich' in sys.modules else 'NOT THERE')"
)


@pytest.mark.parametrize(
    ("environ", "loaded"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, True),
        ({"CI": "true"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_rich_is_loaded_where_there_is_a_terminal(environ: dict[str, str], loaded: bool) -> None:
    top = Path(__file__).parents[3]
    ran = run_at_terminal([PYTHON, "-c", LOADED], columns=80, rows=24, folder=top, environ=environ)
    assert ran.status == 0, ran.written
    assert ("NOT THERE" not in ran.written) is loaded
    assert ("LOADED" in ran.written) is loaded


def test_rich_is_not_loaded_where_there_is_none() -> None:
    top = Path(__file__).parents[3]
    ran = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=top,
        env=make_environment({}),
        capture_output=True,
        check=True,
        text=True,
    )
    assert "NOT THERE" in ran.stdout
