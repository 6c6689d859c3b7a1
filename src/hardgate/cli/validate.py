"""`hardgate validate`: one table, one exit code, from the answers that the others left."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hardgate import process
from hardgate.cli.gate import EGRESS_VARIABLE, make_gate_parser
from hardgate.cli.options import load_requested_contract, make_session
from hardgate.git import GitRefusedError, open_repository
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.git_change import Change, find_change
from hardgate.pipeline.policy import read_policy
from hardgate.pipeline.report import tone_of_check
from hardgate.pipeline.session import Session
from hardgate.pipeline.session_result import REPORTS_FOLDER
from hardgate.pipeline.step_summary import OUTCOME_WORDS
from hardgate.pipeline.template import Template
from hardgate.pipeline.trust import determine_trust
from hardgate.pipeline.validate import ValidationContext, collect_session_statuses, judge_sessions
from hardgate.report.console import Console, ConsoleStep
from hardgate.report.folder import ReportFolder
from hardgate.report.terminal_summary import Tone
from hardgate.resources import CONTRACTS, PACKAGE_FOLDER
from hardgate.text.plain import one_line

SESSION_COMMANDS = {"t4": "gate"}
"""What a session's command is called where it is not its name."""
GATE_SESSIONS = frozenset({"runtime", "t4"})
ABOUT = "Say one word of a template, from the answers that lie here."
BASE_FILE_OPTION = "--base-file"
"""What the gates call '--base': here, as for `hardgate secrets`, that is the change's."""
OWN_OPTIONS = frozenset({"--base", "--out", "--reports"})
OWN_FLAG_OPTIONS = frozenset({"--run", "--no-run", "-q", "--quiet", "-v", "--verbose"})
TEMPLATE_OPTIONS = frozenset({"--context", "--dockerfile", "--contract", "--contract-sha256"})
EXIT_LABELS = {0: "green", 1: "red", 2: "misused", 3: "unknown"}


def main(argv: Sequence[str]) -> int:
    """Read the answers, after running what is missing where that is asked for."""
    parser = make_gate_parser("validate", ABOUT, base=BASE_FILE_OPTION)
    parser.add_argument(
        "--base", dest="ref", default="", metavar="REF", help="default: the main branch"
    )
    parser.add_argument(
        "--reports", type=Path, default=REPORTS_FOLDER, metavar="DIR", help="answers"
    )
    run = "run first what is missing, stale or not green"
    parser.add_argument("--run", dest="run", action="store_true", help=run)
    # The last of the two counts, so that `nox -s validate -- --no-run` takes the noxfile's back.
    parser.add_argument("--no-run", dest="run", action="store_false", help="read only (default)")
    values = parser.parse_argv(argv)
    context = make_validation_context(values)
    default_session = make_session(values, "validate", context.root, context.contract.sha256)
    session, console = replace(default_session, print_check=_print_row), default_session.console

    def check_sessions(_session: Session, _folder: ReportFolder) -> Iterable[Check]:
        outputs = _run_missing(context, argv, values.ref, console) if values.run else {}
        for check in judge_sessions(context):
            yield check
            if check.outcome is not Outcome.PASS and check.name in outputs:
                for line in outputs[check.name]:
                    console.print_line(f"    | {line}", Tone.FAINT)

    trust_label = "trusted" if context.trust.trusted else "UNTRUSTED"
    return int(session.run_checks(f"{trust_label} input ({context.trust.reason})", check_sessions))


def make_validation_context(values: argparse.Namespace) -> ValidationContext:
    """Say what the answers have to be about."""
    template = Template.from_folder(values.context or ".", values.dockerfile)
    contract = load_requested_contract(values)
    policy = read_policy()
    file = Path(contract.origin).resolve() if "://" not in contract.origin else None
    # An installed hardgate's own contract is nobody's change, though it lies below '.nox'.
    packed = not values.contract and CONTRACTS.is_relative_to(PACKAGE_FOLDER)
    inside = file is not None and file.is_relative_to(template.root) and not packed
    return ValidationContext(
        root=template.root,
        reports=values.reports,
        contract=contract,
        contract_file=file if inside else None,
        pin=values.contract_sha256,
        change=_find_change_or_reason(template.root, values.ref),
        trust=determine_trust(runner=policy.exists),
        policy=policy,
    )


def _find_change_or_reason(root: Path, base: str) -> Change:
    """Find what the contract is compared with; a change without a base says why there is none."""
    try:
        with open_repository(root) as repository:
            if repository is not None:
                return find_change(repository, base, os.environ)
    except GitRefusedError as error:
        return Change(description=str(error))
    return Change(description="there is no git repository here")


def _run_missing(
    context: ValidationContext, argv: Sequence[str], base: str, console: Console
) -> dict[str, list[str]]:
    """Run the sessions whose answers do not count; give what each said, for those that miss."""
    outputs: dict[str, list[str]] = {}
    for status in collect_session_statuses(context):
        name, result = status.session, status.result
        if result and result.outcome is Outcome.PASS and not status.rejection:
            continue
        why = status.rejection.partition(":")[0] or "not green"
        with console.step(f"Run {name} ({why})") as step:
            output = _run_session(make_session_argv(name, argv, base), step)
        outputs[name] = output[1:-1]
    return outputs


def _run_session(argv: Sequence[str], step: ConsoleStep) -> list[str]:
    """Run one session in a process of its own, as a person would."""
    lines: list[str] = []

    def collect_line(line: str) -> None:
        lines.append(line)
        step.show_progress(line)

    ended = process.run_command([sys.executable, "-m", "hardgate", *argv], on_line=collect_line)
    step.set_outcome(
        ended.end_description
        if ended.status is None
        else EXIT_LABELS.get(ended.status, ended.end_description)
    )
    return lines


def make_session_argv(session: str, argv: Sequence[str], base: str) -> list[str]:
    """Give a session its share of the words: the gates take all but validate's own."""
    selected = list(_select_arguments(argv, session))
    if session in GATE_SESSIONS and not any(
        argument.startswith("--egress") for argument in selected
    ):
        # As `nox -s t4` does it: said aloud in the report.
        selected += [] if os.environ.get(EGRESS_VARIABLE) else ["--egress", "beacon"]
    if session == "secrets" and base:
        selected += ["--base", base]
    return [SESSION_COMMANDS.get(session, session), *selected, "-q"]


def _select_arguments(argv: Sequence[str], session: str) -> Iterator[str]:
    rest = iter(argv)
    for argument in rest:
        name, equals, _ = argument.partition("=")
        if name in OWN_FLAG_OPTIONS:
            continue
        value = [] if equals or name in {"--keep", "--refresh-base"} else [next(rest, "")]
        if name not in OWN_OPTIONS and (session in GATE_SESSIONS or name in TEMPLATE_OPTIONS):
            yield from (argument.replace(BASE_FILE_OPTION, "--base", 1), *value)


def _print_row(console: Console, check: Check) -> None:
    """Tell an answer in one line of the table, and what to do below it."""
    mark = console.mark_of_outcome(check.outcome, check.severity)
    label = OUTCOME_WORDS[check.outcome]
    reason = one_line(console.clean_text(check.reason))
    console.print_line(f"  {mark} {check.name:<9} {label:<8} {reason}", tone_of_check(check))
    if check.outcome is not Outcome.PASS and check.remedy:
        console.print_line(f"    to do: {one_line(console.clean_text(check.remedy))}")
    for line in check.evidence.splitlines():
        console.print_line(f"    Notice: {one_line(console.clean_text(line))}", Tone.UNSURE)
