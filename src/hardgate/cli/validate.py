"""`hardgate validate`: one table, one exit code, from the answers that the others left."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hardgate import process
from hardgate.cli.gate import EGRESS_VARIABLE, make_parser
from hardgate.cli.options import contract_of, inquiry_of
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Point
from hardgate.pipeline.git_change import find_change
from hardgate.pipeline.policy import read_policy
from hardgate.pipeline.report import tone_of_point
from hardgate.pipeline.session import Inquiry
from hardgate.pipeline.session_result import REPORTS
from hardgate.pipeline.step_summary import WORDS
from hardgate.pipeline.template import Template
from hardgate.pipeline.trust import trust_here
from hardgate.pipeline.validate import Scene, points, standings
from hardgate.report.console import Console, Step
from hardgate.report.folder import Folder
from hardgate.report.terminal_summary import Tone
from hardgate.resources import CONTRACTS, PACKAGE
from hardgate.text.plain import one_line

COMMANDS = {"t4": "gate"}
"""What a session's command is called where it is not its name."""
GATES = frozenset({"runtime", "t4"})
ABOUT = "Say one word of a template, from the answers that lie here."
BASE_FILE = "--base-file"
"""What the gates call '--base': here, as for `hardgate secrets`, that is the change's."""
OWN = frozenset({"--base", "--out", "--reports"})
OWN_FLAGS = frozenset({"--run", "--no-run", "-q", "--quiet", "-v", "--verbose"})
TEMPLATE = frozenset({"--context", "--dockerfile", "--contract", "--contract-sha256"})
WORDS_OF_EXIT = {0: "green", 1: "red", 2: "misused", 3: "unknown"}


def main(words: Sequence[str]) -> int:
    """Read the answers, after running what is missing where that is asked for."""
    parser = make_parser("validate", ABOUT, base=BASE_FILE)
    parser.add_argument(
        "--base", dest="ref", default="", metavar="REF", help="default: the main branch"
    )
    parser.add_argument("--reports", type=Path, default=REPORTS, metavar="DIR", help="answers")
    run = "run first what is missing, stale or not green"
    parser.add_argument("--run", dest="run", action="store_true", help=run)
    # The last of the two counts, so that `nox -s validate -- --no-run` takes the noxfile's back.
    parser.add_argument("--no-run", dest="run", action="store_false", help="read only (default)")
    values = parser.read(words)
    scene = make_scene(values)
    asked = inquiry_of(values, "validate", scene.root, scene.contract.sha256)
    inquiry, console = replace(asked, tell=_row), asked.console

    def look(_inquiry: Inquiry, _folder: Folder) -> Iterable[Point]:
        said = _run_missing(scene, words, values.ref, console) if values.run else {}
        for point in points(scene):
            yield point
            if point.outcome is not Outcome.PASS and point.name in said:
                for line in said[point.name]:
                    console.line(f"    | {line}", Tone.FAINT)

    whose = "trusted" if scene.trust.trusted else "UNTRUSTED"
    return int(inquiry.run(f"{whose} input ({scene.trust.reason})", look))


def make_scene(values: argparse.Namespace) -> Scene:
    """Say what the answers have to be about."""
    template = Template.find(values.context or ".", values.dockerfile)
    contract = contract_of(values)
    policy = read_policy()
    file = Path(contract.origin).resolve() if "://" not in contract.origin else None
    # An installed hardgate's own contract is nobody's change, though it lies below '.nox'.
    packed = not values.contract and CONTRACTS.is_relative_to(PACKAGE)
    inside = file is not None and file.is_relative_to(template.root) and not packed
    return Scene(
        root=template.root,
        reports=values.reports,
        contract=contract,
        contract_file=file if inside else None,
        pin=values.contract_sha256,
        change=find_change(template.root, values.ref, os.environ),
        trust=trust_here(runner=policy.there),
        policy=policy,
    )


def _run_missing(
    scene: Scene, words: Sequence[str], base: str, console: Console
) -> dict[str, list[str]]:
    """Run the sessions whose answers do not count; give what each said, for those that miss."""
    said: dict[str, list[str]] = {}
    for standing in standings(scene):
        name, answer = standing.session, standing.answer
        if answer and answer.outcome is Outcome.PASS and not standing.why_not:
            continue
        why = standing.why_not.partition(":")[0] or "not green"
        with console.step(f"Run {name} ({why})") as step:
            told = _run(words_for(name, words, base), step)
        said[name] = told[1:-1]
    return said


def _run(words: Sequence[str], step: Step) -> list[str]:
    """Run one session in a process of its own, as a person would."""
    told: list[str] = []

    def hear(line: str) -> None:
        told.append(line)
        step.tell(line)

    ended = process.run([sys.executable, "-m", "hardgate", *words], on_line=hear)
    step.remark(ended.how if ended.status is None else WORDS_OF_EXIT.get(ended.status, ended.how))
    return told


def words_for(session: str, words: Sequence[str], base: str) -> list[str]:
    """Give a session its share of the words: the gates take all but validate's own."""
    kept = list(_share(words, session))
    if session in GATES and not any(word.startswith("--egress") for word in kept):
        # As `nox -s t4` does it: said aloud in the report.
        kept += [] if os.environ.get(EGRESS_VARIABLE) else ["--egress", "beacon"]
    if session == "secrets" and base:
        kept += ["--base", base]
    return [COMMANDS.get(session, session), *kept, "-q"]


def _share(words: Sequence[str], session: str) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        name, equals, _ = word.partition("=")
        if name in OWN_FLAGS:
            continue
        value = [] if equals or name in {"--keep", "--refresh-base"} else [next(rest, "")]
        if name not in OWN and (session in GATES or name in TEMPLATE):
            yield from (word.replace(BASE_FILE, "--base", 1), *value)


def _row(console: Console, point: Point) -> None:
    """Tell an answer in one line of the table, and what to do below it."""
    mark = console.mark(point.outcome, point.severity)
    word = WORDS[point.outcome]
    reason = one_line(console.clean(point.reason))
    console.line(f"  {mark} {point.name:<9} {word:<8} {reason}", tone_of_point(point))
    if point.outcome is not Outcome.PASS and point.remedy:
        console.line(f"    to do: {one_line(console.clean(point.remedy))}")
    for line in point.evidence.splitlines():
        console.line(f"    Notice: {one_line(console.clean(line))}", Tone.UNSURE)
