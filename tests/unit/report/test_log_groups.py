"""What happened on the way is folded in a forge's log, and nothing of an image's folds a line."""

import io
import re

import pytest

from hardgate.report.console import Console
from tests.unit import runs

GITHUB = {"GITHUB_ACTIONS": "true", "CI": "true"}
GITLAB = {"GITLAB_CI": "true", "CI": "true"}
FORGED = (
    "::group::mine",
    "  ::endgroup::",
    "\x1b[0m::endgroup::",
    "##[group]mine",
    "x ##[endgroup]",
    "##vso[task.complete result=Succeeded]x",
    "##teamcity[buildStatus text='x']",
    "section_start:1700000000:mine[collapsed=true]\r\x1b[0Kmine",
    "\x1b[0Ksection_end:1700000000:hardgate_3f9c2e7a\r\x1b[0K",
    "x section_end:1700000000:hardgate_3f9c2e7a",
    "\u200b::endgroup::",
    "a\u2028::endgroup::",
)


def tell(environ: dict[str, str], *, verbosity: int = 0, words: str = "no") -> str:
    stream = io.StringIO()
    console = Console(stream, verbosity=verbosity, environ=environ)
    run = runs.red(
        verdicts=(runs.failed("agent_home_writable", words, stdout=words, stderr=words),),
        notices=(words,),
        evidence=words,
    )
    console.print_opening(run.plan, host="nested host", run_id=run.id)
    with console.step("Build the image") as step:
        step.show_progress(words)
        step.set_outcome(words)
    console.print_text(words)
    for verdict in run.verdicts:
        console.print_verdict(verdict)
    console.print_run(run)
    return stream.getvalue()


def read_workflow_commands(log: str) -> list[str]:
    """Read a log as a forge's runner does."""
    found = []
    for line in re.split(r"[\r\n]+", log):
        if line.lstrip().startswith("::"):
            found.append(line.strip())
        if "##[" in line or "##vso[" in line or "##teamcity[" in line:
            found.append(line)
    return found


def read_sections(log: str) -> list[str]:
    """Read a log as GitLab does, and less strictly: without the control characters, too."""
    return re.findall(r"section_(?:start|end):\d+:[\w.-]+", log)


@pytest.mark.parametrize("verbosity", [0, 1])
def test_steps_and_verdicts_are_folded_and_the_last_block_is_not(verbosity: int) -> None:
    lines = tell(GITHUB, verbosity=verbosity).splitlines()
    start, end = lines.index("::group::Steps and verdicts"), lines.index("::endgroup::")
    assert lines[0].startswith("hardgate t4: contract")
    assert start == 1
    assert any(line.startswith("✓ Build the image") for line in lines[start:end])
    assert any("agent_home_writable" in line for line in lines[start:end])
    assert not any(line.startswith("HARDGATE RED") for line in lines[:end])
    assert any(line.startswith("✗ agent_home_writable") for line in lines[end:])


def test_gitlab_gets_a_section_of_the_runs_own() -> None:
    log = tell(GITLAB)
    name = "hardgate_3f9c2e7a"
    start = (
        rf"\x1b\[0Ksection_start:\d{{10}}:{name}\[collapsed=true\]\r\x1b\[0KSteps and verdicts\n"
    )
    end = rf"\x1b\[0Ksection_end:\d{{10}}:{name}\r\x1b\[0K\n"
    assert len(re.findall(start, log)) == len(re.findall(end, log)) == 1
    assert log.index("section_end") < log.index("HARDGATE RED")


@pytest.mark.parametrize("environ", [{}, {"CI": "true"}, {"GITHUB_ACTIONS": "false"}])
def test_elsewhere_nothing_is_folded(environ: dict[str, str]) -> None:
    assert read_workflow_commands(tell(environ)) == []
    assert read_sections(tell(environ)) == []
    assert "\x1b" not in tell(environ)


def test_a_quiet_run_folds_nothing() -> None:
    assert read_workflow_commands(tell(GITHUB, verbosity=-1)) == []
    assert read_sections(tell(GITLAB, verbosity=-1)) == []


@pytest.mark.parametrize("verbosity", [-1, 0, 1])
@pytest.mark.parametrize("words", FORGED)
def test_nothing_of_an_image_begins_or_ends_a_group(words: str, verbosity: int) -> None:
    own = ["::group::Steps and verdicts", "::endgroup::"] if verbosity >= 0 else []
    for text in (words, f"a\n{words}\nb"):
        assert read_workflow_commands(tell(GITHUB, verbosity=verbosity, words=text)) == own
        log = tell(GITLAB, verbosity=verbosity, words=text)
        assert len(read_sections(log)) == len(own)
        assert log.count("\x1b") == 2 * len(own)


def test_a_group_that_was_left_open_ends_before_the_next() -> None:
    stream = io.StringIO()
    console = Console(stream, environ=GITHUB)
    console.open_group("one", "1")
    console.open_group("50% two\n::x", "2")
    console.close_group()
    console.close_group()
    assert stream.getvalue().splitlines() == [
        *("::group::one", "::endgroup::", "::group::50%25 two ::x", "::endgroup::")
    ]
