"""The last screen of a run says what it is worth, why, and what to do, in the window there is."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from hardgate.errors import ExitCode
from hardgate.model.run import Run
from hardgate.model.verdict import Diagnosis, Reason
from hardgate.redaction import Redactor
from hardgate.report.console import Console
from hardgate.report.headline import format_headline
from hardgate.report.screen import count_rows, fold_line
from hardgate.report.summary_json import summarize_run
from tests.unit import runs
from tests.unit.terminals import HARDGATE, Display, Terminal, display, run_at_terminal, window

FOLDER = Path("reports/t4/3f9c2e7a")
SIZES = [(80, 24), (40, 20)]
HOME = "agent_home_writable"
WHY = "mkdir: cannot create directory '/agent-home/x': No such file or directory"
REMEDY = "Make /agent-home in the Dockerfile and, for volumes, in the entrypoint again."


def one_miss() -> Run:
    miss = runs.failed(HOME, WHY, hint=REMEDY, stderr=f"{WHY}\n")
    verdicts = tuple(miss if one.name == HOME else one for one in runs.green().verdicts)
    return runs.green(verdicts=verdicts, exit_code=ExitCode.BROKEN)


def many_misses(number: int) -> Run:
    names = [f"promise_{index:02}" for index in range(number)]
    contract = replace(runs.CONTRACT, capabilities=tuple(runs.capability(name) for name in names))
    plan = replace(runs.PLAN, contract=contract, capabilities=contract.capabilities)
    verdicts = tuple(
        runs.failed(
            name,
            f"{name} is broken in a way of its own, {index} times over.",
            hint=f"Repair {name} in the Dockerfile, and look at its owner and mode.",
            stderr=f"line one of {name}\nline two of {name}\n",
        )
        for index, name in enumerate(names)
    )
    return runs.red(plan=plan, verdicts=verdicts)


def show(run: Run, columns: int, rows: int, **options: int) -> Display:
    stream = Terminal()
    console = Console(stream, environ=window(columns, rows), **options)  # type: ignore[arg-type]
    for verdict in run.verdicts:
        console.print_verdict(verdict)
    console.print_run(run, reports=FOLDER)
    stream.write("$ ")
    return display(stream.getvalue(), columns, rows)


def unfold(shown: str) -> str:
    """Join what a narrow window broke: words at their spaces, the last line anywhere."""
    return " ".join(shown.split())


def last_block(shown: Display) -> list[str]:
    """Give the rows below the last empty one."""
    rows = shown.rows
    while rows and not rows[-1]:
        rows = rows[:-1]
    empty = [index for index, row in enumerate(rows) if not row]
    assert empty, "the block is longer than the window"
    return rows[empty[-1] + 1 :]


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_one_miss_fits_with_verdict_cause_and_remedy(columns: int, rows: int) -> None:
    shown = show(one_miss(), columns, rows)
    block = last_block(shown)
    assert block[-1] == "$"
    text = unfold("\n".join(block))
    assert "✗ agent_home_writable exit status 1" in text
    assert f"why: {WHY}" in text
    assert f"to do: {REMEDY}" in text
    assert "HARDGATE RED: 1 of 10 capabilities" in text


@pytest.mark.parametrize(("columns", "rows"), SIZES)
@pytest.mark.parametrize("number", [20, 60])
def test_many_misses_are_counted_and_say_where_the_rest_is(
    number: int, columns: int, rows: int
) -> None:
    shown = show(many_misses(number), columns, rows)
    block = last_block(shown)
    text = unfold("\n".join(block))
    assert block[0] == f"{number} causes:"
    assert "why: promise_00 is broken" in text
    assert "to do: Repair promise_00" in text
    assert f"hardgate explain --run {FOLDER}" in text
    assert f"HARDGATE RED: {number} of {number}" in text


def test_as_many_misses_as_there_is_room_for_have_a_line_each() -> None:
    text = "\n".join(last_block(show(many_misses(20), 80, 24)))
    assert "✗ promise_02: promise_02 is broken in a way of its own, 2 times over." in text
    assert "and " in text
    assert text.count("✗") >= 9


@pytest.mark.parametrize("name", runs.ALL)
@pytest.mark.parametrize(("columns", "rows"), [*SIZES, (120, 50), (20, 30)])
def test_every_kind_of_run_fits(name: str, columns: int, rows: int) -> None:
    run = runs.ALL[name]()
    block = last_block(show(run, columns, rows))
    assert format_headline(run).replace(" ", "") in "".join(block).replace(" ", "")


def test_a_window_with_room_shows_all_of_it() -> None:
    shown = "\n".join(last_block(show(runs.red(), 160, 60)))
    assert "Shortened" not in shown
    assert f"Reports: {FOLDER}" in shown
    assert "Image: image sha256:" in shown


def test_evidence_goes_before_causes_do() -> None:
    reason = Reason(
        cause="x",
        subject="x",
        sentence=WHY,
        remedy=REMEDY,
        quotes=tuple(f"quote {n}" for n in range(30)),
    )
    seen = Diagnosis(trace="", exit_status=1, flaky=False, reason=reason)
    miss = runs.failed(HOME, WHY, diagnosis=seen)
    run = runs.red(verdicts=(miss, *runs.red().verdicts[1:4]))
    text = "\n".join(last_block(show(run, 80, 24)))
    assert f"to do: {REMEDY[:40]}" in text
    assert "quote 0" in text
    assert "quote 9" not in text


def test_no_row_of_an_image_passes_for_a_line_of_ours() -> None:
    forged = "x" * 69 + " HARDGATE GREEN: 10 of 10 capabilities held (exit 0) " * 5
    run = one_miss()
    miss = runs.failed(HOME, forged, stderr=f"{forged}\n{'y' * 5000}")
    run = replace(run, verdicts=(miss, *run.verdicts[:3]))
    block = last_block(show(run, 80, 24))
    assert [row for row in block if row.startswith("HARDGATE")] == [
        "HARDGATE RED: 1 of 10 capabilities did not hold: agent_home_writable (exit 1)"
    ]
    forged_rows = [row for row in block if "GREEN" in row or "held (exit 0)" in row]
    assert forged_rows
    assert all(row.startswith("    ") for row in forged_rows)


LONG = {
    "wide": "漢字" * 400,
    "accents": "a\u0301" * 400,
    "emoji": "👩‍🚀" * 200,
    "markup": "[red]x[/red] [/] :smile: " * 40,
    "one word": "x" * 100_000,
}


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_long_and_wide_words_fit_too(kind: str, columns: int, rows: int) -> None:
    reason = LONG[kind]
    run = replace(one_miss(), verdicts=(runs.failed(HOME, reason, hint=reason, stderr=reason),))
    block = last_block(show(run, columns, rows))
    assert "exit 1" in "".join(block)


@pytest.mark.parametrize("verbosity", [0, 1])
def test_step_times_are_for_the_verbose(verbosity: int) -> None:
    for stream in (io.StringIO(), Terminal()):
        console = Console(stream, verbosity=verbosity, environ=window(80, 50))
        console.print_run(runs.green(), reports=FOLDER)
        assert ("Start the test host 2.25 s" in stream.getvalue()) is (verbosity > 0)
        assert "Time: 25.1 s" in stream.getvalue()


def test_a_log_gets_the_whole_block() -> None:
    for environ in ({**window(40, 20), "CI": "true"}, {**window(40, 20), "TERM": "dumb"}):
        stream = Terminal()
        Console(stream, environ=environ).print_run(many_misses(20), reports=FOLDER)
        plain = io.StringIO()
        Console(plain, environ={}).print_run(many_misses(20), reports=FOLDER)
        assert stream.getvalue() == plain.getvalue()
        assert plain.getvalue().count("to do:") == 20
        assert "Shortened" not in plain.getvalue()


@pytest.mark.parametrize("columns", [20, 33, 80])
@pytest.mark.parametrize(
    "line",
    [
        "    why:   " + "word " * 60,
        "    | " + "z" * 300,
        "Notice: " + "漢" * 90,
        "✗ " + "name, " * 50,
        "no_spaces" * 40,
    ],
)
def test_a_folded_line_has_rows_that_fit_and_all_its_words(line: str, columns: int) -> None:
    rows = fold_line(line, columns)
    assert all(count_rows(row, columns) == 1 for row in rows)
    gutter = "    | " if line.startswith("    | ") else ""
    joined = "".join(row.removeprefix(gutter) for row in rows)
    assert joined.replace(" ", "") == line.removeprefix(gutter).replace(" ", "")
    assert all(row.startswith(gutter) for row in rows)


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_the_command_line_shows_a_finished_run_in_its_window(
    tmp_path: Path, columns: int, rows: int
) -> None:
    summary = Redactor().redact_value(summarize_run(many_misses(20)))
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    ran = run_at_terminal([*HARDGATE, "report", "."], columns=columns, rows=rows, folder=tmp_path)
    assert ran.status == 0, ran.written
    text = unfold("\n".join(last_block(display(ran.written, columns, rows))))
    assert "20 causes:" in text
    assert "to do: Repair promise_00" in text
    assert "hardgate explain --run ." in text


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_each_session_of_several_has_its_part_of_the_window(parts: int) -> None:
    words = ["✗ agent_home_writable", f"    why:   {WHY} {WHY}", *(f"line {n}" for n in range(60))]
    stream = Terminal()
    console = Console(stream, environ=window(80, 40))
    for _ in range(parts):
        console.print_excerpt(words, beside=10, parts=parts)
    rows = [row for row in display(stream.getvalue(), 80, 40).rows if row]
    assert len(rows) <= 27
    assert all(row.startswith("    | ") for row in rows)
    assert sum(row.startswith("    | ✗ agent_home_writable") for row in rows) == parts
    assert sum(" more lines" in row for row in rows) == parts


def test_a_log_gets_all_that_a_session_printed() -> None:
    for stream, verbosity in ((io.StringIO(), 0), (Terminal(), 1)):
        console = Console(stream, verbosity=verbosity, environ={**window(80, 24), "NO_COLOR": "1"})
        console.print_excerpt([f"line {n}" for n in range(60)], beside=10, parts=3)
        assert stream.getvalue() == "".join(f"    | line {n}\n" for n in range(60))
