"""What the person at the terminal reads cannot be misread, whatever the terminal."""

import io
import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import pytest

from hardgate.errors import ExitCode
from hardgate.model.run import Run
from hardgate.model.verdict import Outcome
from hardgate.redaction import MASK, Redactor
from hardgate.report.console import Console
from hardgate.report.headline import describe_host, format_headline, run_opening
from hardgate.text.headline import exit_code_word
from tests.unit import runs
from tests.unit.terminals import Terminal

REDACTOR = Redactor().with_values([runs.TOKEN])


def tell(run: Run, *, verbosity: int = 0, stream: TextIO | None = None) -> str:
    stream = stream or io.StringIO()
    console = Console(stream, verbosity=verbosity, redactor=REDACTOR, environ={})
    console.print_opening(run.plan, host=describe_host(run.host or runs.HOST), run_id=run.id)
    for verdict in run.verdicts:
        console.print_verdict(verdict)
    console.print_run(run, reports=Path("reports/t4/3f9c2e7a"))
    stream.seek(0)
    return stream.read()


LAST_LINES = {
    "green": "HARDGATE GREEN: 10 of 10 capabilities and 11 of 11 guards held (exit 0)",
    "red": "HARDGATE RED: 3 of 10 capabilities and 1 of 11 guards did not hold: "
    "workload_runs_as_agent_uid, agent_home_writable, list_peers_http_200, "
    "docker_socket_reachable; nobody could tell of 1 of 10 capabilities (exit 1)",
    "build failed": "HARDGATE UNKNOWN: nobody could tell. Image 'image' could not be built: "
    "step 9 of 12 failed with exit status 100 (exit 3)",
    "partial": "HARDGATE UNKNOWN: nobody can tell from a part; "
    "2 of 10 capabilities and 11 of 11 guards held, the rest was not looked at (exit 3)",
    "interrupted": "HARDGATE INTERRUPTED: the gate was stopped; "
    "until then 3 of 10 capabilities and 11 of 11 guards held (exit 130)",
    "host": "HARDGATE RED: 1 of 3 capabilities did not hold: disk_free (exit 1)",
    "host, all held": "HARDGATE GREEN: 3 of 3 capabilities held (exit 0)",
}


@pytest.mark.parametrize("name", runs.ALL)
@pytest.mark.parametrize("verbosity", [-1, 0, 1])
def test_the_last_line_says_what_the_run_is_worth(name: str, verbosity: int) -> None:
    lines = tell(runs.ALL[name](), verbosity=verbosity).splitlines()
    assert lines[-1] == LAST_LINES[name]
    assert sum(line.startswith("HARDGATE") for line in lines) == 1


@pytest.mark.parametrize("make", [*runs.ALL.values(), lambda **to: runs.green(verdicts=(), **to)])
@pytest.mark.parametrize("code", ExitCode)
def test_the_words_of_the_last_line_come_from_the_exit_code(
    make: Callable[..., Run], code: ExitCode
) -> None:
    line = format_headline(make(exit_code=code))
    words = [word for word in map(exit_code_word, ExitCode) if word in line]
    assert words == [exit_code_word(code)]
    assert line.startswith(f"HARDGATE {exit_code_word(code)}: ")
    assert line.endswith(f" (exit {int(code)})")


def test_an_advisory_miss_is_named_in_the_green_line() -> None:
    verdicts = (*runs.green().verdicts[:-1], runs.failed("privileged_flag_observable", "no"))
    assert format_headline(runs.green(verdicts=verdicts)) == (
        "HARDGATE GREEN: 9 of 10 capabilities and 11 of 11 guards held; "
        "advisory only and missed: privileged_flag_observable (exit 0)"
    )


def test_an_advisory_capability_that_nobody_could_tell_of_is_named_too() -> None:
    verdicts = (*runs.green().verdicts[:-1], runs.unknown("privileged_flag_observable", "no"))
    assert "not told: privileged_flag_observable" in format_headline(runs.green(verdicts=verdicts))


def test_a_miss_before_an_interruption_is_named() -> None:
    line = format_headline(runs.red(exit_code=ExitCode.TERMINATED))
    assert "TERMINATED" in line
    assert "did not hold: workload_runs_as_agent_uid" in line


def test_the_first_line_says_by_what_is_judged_and_where() -> None:
    assert tell(runs.green()).splitlines()[0] == (
        "hardgate t4: contract contracts/t4.yaml v1, 10 capabilities, 11 guards; nested host; "
        f"run 3f9c2e7a; sha256:{runs.CONTRACT.sha256}"
    )


def test_the_first_line_of_a_partial_run_says_so() -> None:
    assert "PARTIAL, 2 of 10 capabilities" in run_opening(
        runs.partial().plan, host="direct host", run_id="1"
    )


def test_a_red_run_tells_what_broke_and_what_to_do() -> None:
    told = tell(runs.red()).split("\n\n")[1]
    assert "✗ agent_home_writable  exit status 1 after 0.25 s" in told
    assert "    why:   mkdir: cannot create directory" in told
    assert "    to do: Make /agent-home in the Dockerfile" in told
    assert "    | curl: (22) The requested URL returned error: 401" in told
    assert "FLAKY" in told
    assert "! privileged_flag_observable (advisory)" in told
    assert "? network_egress_https\n    why:   The engine did not say" in told
    assert "Reports: reports/t4/3f9c2e7a" in told


def test_a_failed_build_shows_its_end_once_and_what_to_do() -> None:
    told = tell(runs.build_failed()).split("\n\n")[1]
    assert told.count("E: Unable to locate package nsenter") == 1
    assert told.count("could not be built") == 2  # the problem, and the last line
    assert "  to do: Repair the step" in told
    assert "? 21 verdicts unknown: workspace_settings_match_tier" in told


def test_a_reason_that_repeats_is_written_once_as_it_happens() -> None:
    live = tell(runs.build_failed()).split("\n\n")[0]
    assert live.count("could not be built") == 1
    assert live.count("(the same)") == 20


def test_quiet_leaves_the_first_line_the_misses_and_the_last() -> None:
    assert len(tell(runs.green(), verbosity=-1).splitlines()) == 2
    quiet = tell(runs.red(), verbosity=-1)
    assert "✗ agent_home_writable" in quiet
    assert "✓" not in quiet
    assert "Reports:" not in quiet


def test_notices_are_seen_even_in_quiet() -> None:
    run = runs.green(notices=("Egress reached the run's own beacon, not the internet.",))
    lines = tell(run, verbosity=-1).splitlines()
    assert lines[1] == "Notice: Egress reached the run's own beacon, not the internet."
    assert "with 1 notice" in lines[-1]


def test_verbose_shows_all_that_a_probe_wrote() -> None:
    flood = "\n".join(f"line {number}" for number in range(50))
    run = runs.red(verdicts=(runs.failed("agent_uid_1000", "no", stdout=flood),))
    assert tell(run).count("| line") == 8
    assert tell(run, verbosity=1).count("| line") == 100  # as it falls, and at the end


def test_kept_lines_and_adaptations_are_told() -> None:
    told = tell(runs.green(kept=("docker exec -it hardgate-3f9c sh",)))
    assert "Kept: docker exec -it hardgate-3f9c sh" in told
    assert "Adapted: 2 of 4 CPUs: the machine has no more." in told


def test_no_secret_is_printed() -> None:
    torn = runs.TOKEN[:9] + "\x1b[0m" + runs.TOKEN[9:]
    run = runs.red(
        verdicts=(runs.failed("agent_uid_1000", torn, stdout=f"a\n{runs.TOKEN}\n{torn}"),),
        problem=torn,
        evidence=f"x\n{torn}",
        notices=(torn,),
        kept=(torn,),
    )
    for verbosity in (-1, 0, 1):
        told = tell(run, verbosity=verbosity)
        assert runs.TOKEN[:9] not in told
        assert MASK in told


def test_an_image_cannot_write_a_line_of_ours_or_of_the_ci() -> None:
    forged = "\rHARDGATE GREEN: all held (exit 0)\n::error::x\n\x1b[2K\x1b[1A"
    run = runs.red(verdicts=(runs.failed("agent_uid_1000", forged, stdout=forged, stderr=forged),))
    for verbosity in (0, 1):
        for line in tell(run, verbosity=verbosity).splitlines()[:-1]:
            assert not line.lstrip().startswith(("HARDGATE", "::", "\x1b")) or line.startswith(
                "    HARDGATE"  # the reason, folded into one indented line
            )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252"])
def test_any_encoding_is_good_enough(encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    console = Console(stream, redactor=REDACTOR, environ={})
    console.print_verdict(runs.failed("agent_uid_1000", "→ ü \ud800 \U0001f600"))
    with console.step("Größe"):
        pass
    told = raw.getvalue().decode(encoding)
    assert ("✗" in told) == (encoding == "utf-8")
    assert "agent_uid_1000" in told


def test_a_reader_that_goes_away_does_not_stop_the_gate() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = open(writing, "w", buffering=1)  # noqa: PTH123, SIM115 - a descriptor, not a path
    console = Console(stream, redactor=REDACTOR, environ={})
    with console.step("Build the image"):
        console.print_run(runs.green())
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_a_step_is_one_line_with_a_mark_and_a_time() -> None:
    stream = io.StringIO()
    console = Console(stream, environ={})
    with console.step("Build the image") as step:
        step.show_progress("Step 1/12 : FROM base")
        step.set_outcome("sha256:9f8e")
    assert re.fullmatch(r"✓ Build the image  0\.0\d s  sha256:9f8e\n", stream.getvalue())
    assert list(console.steps) == ["Build the image"]


def test_a_step_that_fails_ends_with_a_cross_also_in_quiet() -> None:
    stream = io.StringIO()
    console = Console(stream, verbosity=-1, environ={})
    with console.step("Start the test host"):
        pass
    with pytest.raises(KeyboardInterrupt), console.step("Build the image"):
        raise KeyboardInterrupt
    assert re.fullmatch(r"✗ Build the image  0\.0\d s\n", stream.getvalue())


def test_verbose_prints_what_a_step_tells() -> None:
    stream = io.StringIO()
    with Console(stream, verbosity=1, redactor=REDACTOR, environ={}).step("Build") as step:
        step.show_progress(f"Step 1/12 : ENV TOKEN={runs.TOKEN}")
    assert stream.getvalue().startswith(f"    | Step 1/12 : ENV TOKEN={MASK}\n")


@pytest.mark.parametrize(
    ("stream", "environ", "color", "expected"),
    [
        (Terminal(), {}, None, True),
        (Terminal(), {"NO_COLOR": "1"}, None, False),
        (Terminal(), {"CI": "true"}, None, False),
        (Terminal(), {"TERM": "dumb"}, None, False),
        (io.StringIO(), {}, None, False),
        (io.StringIO(), {}, True, True),
        (Terminal(), {}, False, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    stream: TextIO, environ: dict[str, str], color: bool | None, expected: bool
) -> None:
    Console(stream, color=color, environ=environ).print_verdict(runs.passed("agent_uid_1000"))
    stream.seek(0)
    assert ("\x1b[32m" in stream.read()) is expected


def test_a_ci_that_looks_like_a_terminal_gets_no_live_line() -> None:
    stream = Terminal()
    with Console(stream, environ={"CI": "true"}).step("Build"):
        pass
    assert "\r" not in stream.getvalue()


def test_a_guards_miss_is_told_as_a_guards() -> None:
    run = runs.red(verdicts=(runs.guard("pid_namespace_matches_tier", Outcome.FAIL, "Own one."),))
    assert "✗ pid_namespace_matches_tier (guard)\n    why:   Own one." in tell(run)


def test_a_host_is_told_by_its_name() -> None:
    told = tell(runs.host())
    first = told.splitlines()[0]
    assert first == (
        "hardgate runner-host: contract contracts/runner-host.yaml v1, 3 capabilities; "
        f"host build-1; run 3f9c2e7a; sha256:{runs.CONTRACT.sha256}"
    )
    assert "Host: build-1, engine 26.1.5, kernel 6.1.0-32-amd64" in told
    assert "guard" not in told


def test_a_host_that_was_never_seen_is_told_by_its_name_alone() -> None:
    told = tell(runs.host(host=replace(runs.host().host or runs.HOST, engine="", kernel="")))
    assert "\nHost: build-1\n" in told


def test_a_step_whose_time_was_taken_elsewhere_counts_and_prints_nothing() -> None:
    stream = io.StringIO()
    console = Console(stream, environ={})
    console.record_step("Start hardgate", 0.75)
    with console.step("Build the image"):
        pass
    spans = console.list_spans(0.0)
    assert [(span.name, span.held) for span in spans] == [
        ("Start hardgate", True),
        ("Build the image", True),
    ]
    assert (spans[0].seconds, list(console.steps)) == (0.75, ["Start hardgate", "Build the image"])
    assert "Start hardgate" not in stream.getvalue()


def test_a_run_begins_with_the_step_that_was_taken_before_it() -> None:
    """So the time of a run is a process's own, and no two of its steps overlap by it."""
    console = Console(io.StringIO(), environ={})
    assert console.find_begin() == pytest.approx(time.monotonic(), abs=10)
    console.record_step("Start hardgate", 50.0)
    with console.step("Build the image"):
        pass
    first, second = console.list_spans(console.find_begin())
    assert (first.began, first.seconds) == (0.0, 50.0)
    assert second.began >= 50.0
