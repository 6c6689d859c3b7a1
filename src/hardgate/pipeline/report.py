"""The points of an answer, on the terminal and in JUnit."""

from collections.abc import Iterator, Sequence

from hardgate import __version__
from hardgate.errors import ExitCode
from hardgate.model.contract import Severity
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Point
from hardgate.pipeline.session_result import Answer
from hardgate.redaction import Redactor
from hardgate.report.console import Console
from hardgate.report.junit import WHOLE_RUN, kind_of_case
from hardgate.report.junit_xml import Case, Suite
from hardgate.report.terminal_summary import Tone, gutter
from hardgate.text.plain import duration, one_line, plain

EXCERPT = 12
"""Lines of evidence under a point; all of them with `-v`."""


def tell(console: Console, point: Point) -> None:
    """Tell a point, with reason, remedy and evidence where it is not a pass."""
    passed = point.outcome is Outcome.PASS
    if passed and console.verbosity < 0:
        return
    advisory = " (advisory)" if point.severity is Severity.ADVISORY else ""
    mark = console.mark(point.outcome, point.severity)
    time = f"  {duration(point.seconds)}" if point.seconds >= 1 else ""
    console.line(f"  {mark} {point.name}{advisory}{time}", tone_of_point(point))
    why, to_do = (one_line(console.clean(text)) for text in (point.reason, point.remedy))
    if why:
        console.line(f"    {why}" if passed else f"    why:   {why}")
    if to_do and not passed:
        console.line(f"    to do: {to_do}")
    if point.evidence and (not passed or console.verbosity > 0):
        lines = 1_000_000 if console.verbosity > 0 else EXCERPT
        for tone, line in gutter(console.clean(point.evidence), lines):
            console.line(line, tone)


def tone_of_point(point: Point) -> Tone:
    """Say how a point is meant."""
    if point.outcome is Outcome.PASS:
        return Tone.GOOD
    hard_miss = point.outcome is Outcome.FAIL and point.severity is Severity.HARD
    return Tone.BAD if hard_miss else Tone.UNSURE


def tone_of(answer: Answer) -> Tone:
    """Say how an answer's headline is meant."""
    return {ExitCode.HELD: Tone.GOOD, ExitCode.BROKEN: Tone.BAD}.get(
        ExitCode(answer.exit_code), Tone.UNSURE
    )


def junit(answer: Answer, points: Sequence[Point], run_id: str, redactor: Redactor) -> bytes:
    """Write the points as cases; never greener than the exit code."""

    def clean(text: str) -> str:
        return redactor.text(plain(text))

    return Suite(
        name=f"hardgate {answer.session}",
        title=one_line(clean(answer.headline)),
        id=run_id,
        timestamp=answer.started_at,
        properties={name: one_line(clean(text)) for name, text in _properties(answer)},
        cases=tuple(_cases(answer, points, redactor)),
    ).to_bytes()


def _cases(answer: Answer, points: Sequence[Point], redactor: Redactor) -> Iterator[Case]:
    red = False
    for point in points:
        kind = kind_of_case(point.outcome, point.severity)
        red = red or kind in {"failure", "error"}
        told = (point.reason, point.remedy and f"What to do: {point.remedy}", point.evidence)
        text = redactor.text(plain("\n\n".join(part for part in told if part)))
        yield Case(
            name=redactor.text(one_line(point.name)),
            classname=f"{answer.session}.{point.group}",
            kind=kind,
            message=one_line(redactor.text(plain(point.reason))) or "It gave no reason.",
            body=text if kind else "",
            stdout="" if kind else text,
            seconds=point.seconds,
        )
    if answer.exit_code != ExitCode.HELD and not red:
        yield Case(
            name=WHOLE_RUN,
            classname=f"{answer.session}.run",
            kind="error",
            message=one_line(answer.headline),
            body=answer.headline,
        )


def _properties(answer: Answer) -> Iterator[tuple[str, str]]:
    yield "headline", answer.headline
    yield "exit_code", str(answer.exit_code)
    yield "commit", answer.commit or "unknown"
    yield "contract.sha256", answer.contract or "none"
    yield "image.digest", answer.image or "none"
    yield "notices", " ".join(answer.notices)
    yield "hardgate.version", __version__
