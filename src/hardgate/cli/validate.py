"""`hardgate validate`: one table, one exit code, from the answers of the others.

With `--run` the sessions run in this process, and hand their answers on as values: nothing that
somebody writes below `reports` meanwhile is read.
"""

import argparse
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from hardgate.attest.statement import Statement, encode_statement
from hardgate.cli.adapter import run_adapter_session
from hardgate.cli.gate import (
    EGRESS_VARIABLE,
    find_tier,
    make_gate_parser,
    make_gate_request,
    run_gate_session,
)
from hardgate.cli.options import (
    load_requested_contract,
    make_session,
    make_snapshot_opener,
    make_source_reader,
)
from hardgate.cli.parser import CommandParser
from hardgate.cli.runtime import (
    DEFAULT_TIER,
    make_runtime_plan,
    make_runtime_request,
    read_template_tier,
    run_runtime_session,
)
from hardgate.cli.secrets import run_secrets_session
from hardgate.cli.static import run_static_session
from hardgate.errors import ExitCode, HardgateError, explain_crash
from hardgate.gate.request import GateRequest
from hardgate.gate.run import run_two_gates
from hardgate.model.contract import Contract
from hardgate.model.plan import make_plan
from hardgate.model.run import Run, Source
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.git_change import Change, find_change
from hardgate.pipeline.policy import read_policy
from hardgate.pipeline.session import Session, make_change_error, state_session
from hardgate.pipeline.session_result import (
    GUTTER,
    REPORTS_FOLDER,
    SESSIONS,
    WHY,
    ResultError,
    SessionResult,
    parse_gate_summary,
)
from hardgate.pipeline.snapshot import Snapshot
from hardgate.pipeline.step_summary import name_outcome_colour
from hardgate.pipeline.template import Template
from hardgate.pipeline.trust import determine_trust
from hardgate.pipeline.validate import (
    ContractPlace,
    SessionStatus,
    ValidationContext,
    collect_session_statuses,
    hash_session_contract,
    judge_sessions,
    locate_contract,
    read_job_results,
    read_results,
)
from hardgate.report.console import Console, ConsoleStep
from hardgate.report.folder import ReportFolder
from hardgate.report.gate_summary import ExpectedRun
from hardgate.report.marks import Tone, mark_outcome
from hardgate.report.summary_json import summarize_run
from hardgate.resources import CONTRACTS, PACKAGE_FOLDER
from hardgate.system.git import UNKNOWN_COMMIT, GitRefusedError, open_repository, read_commit
from hardgate.system.interruption import Interrupted, listen_in_thread, was_interrupted
from hardgate.text.headline import Headline, exit_code_word
from hardgate.text.plain import one_line

RUN_SESSION: Mapping[
    str, Callable[[Sequence[str], Console, Snapshot | None], SessionResult | Run]
] = {
    "static": run_static_session,
    "adapter": run_adapter_session,
    "secrets": run_secrets_session,
    "runtime": run_runtime_session,
    "t4": run_gate_session,
}
GATE_SESSIONS = frozenset({"runtime", "t4"})
SHARES_HOST = True
"""Both gates are run on one test host, where that can be."""
GATE_TIER = 4
TABLE_ROWS = 9
"""Rows of the last screen: the table, where the reports are, the last line."""
SIGN_KEY_VARIABLE = "HARDGATE_SIGN_KEY"
"""Holds a private key as PEM, where `--sign-key` names none."""
ABOUT = (
    "Decide whether a template may be merged, from the answers of its six checks. Exit codes: 0 "
    "all six are green, 1 one is red, 2 the command is wrong, 3 one could not be told."
)
BASE_FILE_OPTION = "--base-file"
"""What the gates call '--base': here, as for `hardgate secrets`, that is the change's."""
OWN_OPTIONS = frozenset({"--base", "--out", "--reports", "--sign-key"})
OWN_FLAG_OPTIONS = frozenset(
    {"--run", "--no-run", "--fresh", "--comment", "-q", "--quiet", "-v", "--verbose"}
)
TEMPLATE_OPTIONS = frozenset({"--context", "--dockerfile", "--contract", "--contract-sha256"})
Results = MutableMapping[str, SessionResult | ResultError | None]


def main(argv: Sequence[str]) -> int:
    """Read the answers, after running what is missing where that is asked for."""
    values = make_validate_parser().parse_argv(argv)
    template = Template.from_folder(values.context or ".", values.dockerfile)
    context = make_validation_context(values, template, argv)
    default_session = make_session(values, "validate", template, context.contract.sha256)
    results: Results = dict.fromkeys(SESSIONS)
    open_snapshot = make_snapshot_opener(template, None, values.out, values.reports)
    session = replace(
        default_session,
        open_snapshot=None,
        read_source=make_source_reader(template, values.out, values.reports),
        print_check=_print_row,
        make_attestation=_make_signer(values, context, results, os.environ),
    )
    console = default_session.console

    def check_sessions(_session: Session, _folder: ReportFolder) -> Iterable[Check]:
        results.update({} if values.fresh else read_results(context))
        outputs = (
            _run_missing(context, results, argv, values.ref, console, open_snapshot)
            if values.run
            else {}
        )
        checks = list(judge_sessions(context, results))
        quoted = [
            check.name
            for check in checks
            if check.outcome is not Outcome.PASS
            and check.name in outputs
            and not any(line.startswith(GUTTER) for line in check.evidence.splitlines())
        ]
        for check in checks:
            yield check
            if check.name in quoted:
                beside = TABLE_ROWS + 2 * len(quoted)  # a row may be long, and a remedy follows
                console.print_excerpt(outputs[check.name], beside=beside, parts=len(quoted))

    trust_label = "trusted" if context.trust.trusted else "UNTRUSTED"
    opening = f"{trust_label} input ({context.trust.reason})"
    return session.run_checks(opening, check_sessions).exit_code


def _make_signer(
    values: argparse.Namespace,
    context: ValidationContext,
    results: Results,
    environ: Mapping[str, str],
) -> Callable[[SessionResult, Sequence[Check]], bytes] | None:
    """Give what signs the last word; None where there is no key."""
    key = environ.get(SIGN_KEY_VARIABLE, "").encode()
    if values.sign_key is None and not key.strip():
        return None
    dsse = import_module("hardgate.attest.dsse")  # of the extra, and slow to load
    if values.sign_key is not None:
        key = dsse.read_key_file(values.sign_key)
    signer = dsse.read_signer(key)

    def sign(result: SessionResult, checks: Sequence[Check]) -> bytes:
        statement = state_last_word(result, checks, context, results)
        return bytes(dsse.sign_statement(encode_statement(statement), signer))

    return sign


def state_last_word(
    result: SessionResult,
    checks: Sequence[Check],
    context: ValidationContext,
    results: Results,
) -> Statement:
    """State what the answers came to, which were read here, and made elsewhere."""
    answers = {name: one for name, one in results.items() if isinstance(one, SessionResult)}
    counting = (one for one in collect_session_statuses(context, results) if not one.rejection)
    images = {one.result.image for one in counting if one.result and one.result.image}
    read = (f"{name} {one.run or 'unknown'}" for name, one in answers.items())
    server, repository, run = (
        os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    return replace(
        state_session(result, checks),
        image=images.pop() if len(images) == 1 else "",
        contract_name=context.contract.origin,
        url=f"{server}/{repository}/actions/runs/{run}" if server and run else "",
        annotations={
            "commit": result.commit or "none",
            "run": result.run,
            "read": ", ".join(read) or "none",
        },
    )


def make_validate_parser() -> CommandParser:
    """Describe the command line: the gate's, and where the answers are."""
    parser = make_gate_parser("validate", ABOUT, base=BASE_FILE_OPTION)
    parser.add_argument(
        "--base",
        dest="ref",
        default="",
        metavar="REF",
        help="commit or branch that the change is compared with (default: the main branch)",
    )
    parser.add_argument(
        "--reports",
        type=Path,
        default=REPORTS_FOLDER,
        metavar="DIR",
        help="folder where the checks leave their answers (default: reports)",
    )
    run = "run the checks whose answer is missing, stale or not green, then decide"
    parser.add_argument("--run", dest="run", action="store_true", help=run)
    # The last of the two counts, so that `nox -s validate -- --no-run` takes the noxfile's back.
    parser.add_argument(
        "--no-run",
        dest="run",
        action="store_false",
        help="decide from the answers that are there (default)",
    )
    parser.add_argument(
        "--sign-key",
        type=Path,
        metavar="FILE",
        help=f"private key (PEM) to sign the result with (default: the key in {SIGN_KEY_VARIABLE})",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="with --run: run all checks, and use no older answer"
    )
    return parser


def make_validation_context(
    values: argparse.Namespace, template: Template, argv: Sequence[str]
) -> ValidationContext:
    """Say what the answers have to be about."""
    contract = load_requested_contract(values)
    policy = read_policy()
    return ValidationContext(
        root=template.root,
        reports=values.reports,
        source=_measure_source_or_error(template, values),
        commit=_read_commit_or_unknown(template.root),
        contract=contract,
        contract_place=_locate_requested_contract(values, contract, template),
        pin=values.contract_sha256,
        change=_find_change_or_reason(template.root, values.ref),
        trust=determine_trust(runner=policy.exists),
        policy=policy,
        expected=_expect_runs(values, template, contract, argv),
        builds=not values.image,
        jobs=read_job_results(os.environ),
    )


def _locate_requested_contract(
    values: argparse.Namespace, contract: Contract, template: Template
) -> ContractPlace:
    # An installed hardgate's own contract is nobody's change, though it lies below '.nox'.
    packed = not values.contract and CONTRACTS.is_relative_to(PACKAGE_FOLDER)
    own = packed or (not values.contract and not CONTRACTS.is_relative_to(template.root))
    return locate_contract(contract.origin, template.root, is_own=own)


def _measure_source_or_error(
    template: Template, values: argparse.Namespace
) -> Source | HardgateError:
    try:
        return make_source_reader(template, values.out, values.reports)()
    except HardgateError as error:
        return error


def _read_commit_or_unknown(root: Path) -> str:
    try:
        return read_commit(root)
    except GitRefusedError:
        return UNKNOWN_COMMIT


def _expect_runs(
    values: argparse.Namespace, template: Template, contract: Contract, argv: Sequence[str]
) -> dict[str, ExpectedRun]:
    """Say what the gates have to have looked at; any test host will do where none is asked for."""

    def has_option(name: str) -> bool:
        return any(argument.partition("=")[0] == name for argument in argv)

    tier = DEFAULT_TIER
    if has_option("--tier") or values.image:
        tier = values.tier
    else:
        with suppress(HardgateError, OSError, ValueError):  # `static` and `runtime` say what is
            tier = read_template_tier(template)
    kind = values.host if has_option("--host") else ""
    plans = {
        "runtime": make_runtime_plan(contract.agent_uid, tier),
        "t4": make_plan(contract, find_tier(GATE_TIER)),
    }
    return {
        name: ExpectedRun(reference=values.image or "", plan=plan, host_kind=kind)
        for name, plan in plans.items()
    }


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
    context: ValidationContext,
    results: Results,
    argv: Sequence[str],
    base: str,
    console: Console,
    open_snapshot: Callable[[], AbstractContextManager[Snapshot]],
) -> dict[str, list[str]]:
    """Run the sessions whose answers do not count, into `results`; give what each printed.

    All of them look at one copy of the template.
    """
    statuses = [one for one in collect_session_statuses(context, results) if not one.is_green]
    with ExitStack() as opened:
        snapshot = None
        if statuses and isinstance(context.source, Source):
            snapshot = opened.enter_context(open_snapshot())
            if snapshot.source != context.source:
                raise make_change_error()
        outputs: dict[str, list[str]] = {}

        def run_one(status: SessionStatus) -> SessionResult:
            name, words = status.session, make_session_argv(status.session, argv, base)
            result, outputs[name] = _run_and_tell(status, context, words, console, snapshot)
            results[name] = result
            return result

        def run_gates(gates: Sequence[SessionStatus]) -> None:
            for status in _run_on_one_host(gates) if SHARES_HOST else gates:
                _raise_if_interrupted(run_one(status))

        def _run_on_one_host(gates: Sequence[SessionStatus]) -> Sequence[SessionStatus]:
            """Run both gates, where there are two; give those that have to be run alone."""
            if len(gates) != len(GATE_SESSIONS):
                return gates
            both = _TwoGates((gates[0], gates[1]), context, console)
            argvs = [make_session_argv(status.session, argv, base) for status in gates]
            requests = _make_two_requests(argvs, both.consoles, snapshot)
            if requests is None:
                return gates
            try:
                both.run(requests)
            finally:
                results.update(both.results)
                outputs.update({name: both.list_lines(name) for name in both.results})
            for result in both.results.values():
                _raise_if_interrupted(result)
            return [status for status in gates if status.session not in both.results]

        _run_sessions(statuses, run_one, run_gates)
        return outputs


def _run_sessions(
    statuses: Sequence[SessionStatus],
    run_one: Callable[[SessionStatus], SessionResult],
    run_gates: Callable[[Sequence[SessionStatus]], None],
) -> None:
    """Run the gates, and beside them, one after the other, the sessions that need no test host.

    The gates wait for an engine much of the time. They have the main thread, which alone hears of
    signals; the others are told of one where they wait for a program.
    """
    gates = [status for status in statuses if status.session in GATE_SESSIONS]
    others = [status for status in statuses if status.session not in GATE_SESSIONS]

    def run_others() -> None:
        for status in others:
            if not was_interrupted():
                with listen_in_thread():
                    run_one(status)

    with ThreadPoolExecutor(max_workers=1) as thread:
        beside = thread.submit(run_others)
        run_gates(gates)
        beside.result()


def _raise_if_interrupted(result: SessionResult) -> None:
    if result.exit_code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
        raise Interrupted(result.exit_code - 128)


def _run_and_tell(
    status: SessionStatus,
    context: ValidationContext,
    argv: Sequence[str],
    console: Console,
    snapshot: Snapshot | None,
) -> tuple[SessionResult, list[str]]:
    """Run a session as a step of this one; give its answer, and what it printed."""
    with console.step(_title_step(status)) as step:
        output = _LineStream(step.show_progress)
        inner = Console(output, verbosity=-1, color=False, commands=console)
        result = _run_session(status.session, argv, context, inner, snapshot)
        _set_step_outcome(step, result)
    return result, output.lines[1:-1]


def _title_step(status: SessionStatus) -> str:
    why = status.rejection.partition(":")[0] or "not green"
    return f"Run {status.session} ({why})"


def _set_step_outcome(step: ConsoleStep, result: SessionResult) -> None:
    step.set_outcome(exit_code_word(ExitCode(result.exit_code)).lower(), result.outcome)


class _TwoGates:
    """Runs `runtime` and `t4` on one test host, each as a step of this session."""

    def __init__(
        self,
        statuses: tuple[SessionStatus, SessionStatus],
        context: ValidationContext,
        console: Console,
    ) -> None:
        """Run nothing yet."""
        self._statuses = statuses
        self._context = context
        self._console = console
        self._opened = (ExitStack(), ExitStack())
        self._steps: list[ConsoleStep] = []
        self._outputs = tuple(_LineStream(self._show_line) for _ in statuses)
        first, second = (
            Console(output, verbosity=-1, color=False, commands=console) for output in self._outputs
        )
        self.consoles = (first, second)
        self.results: dict[str, SessionResult] = {}
        """By the session's name."""

    def run(self, requests: tuple[GateRequest, GateRequest]) -> None:
        """Run both; where the second could not begin on the host of the first, it has no result."""
        with self._opened[0], self._opened[1]:
            self._open_step(0)
            _, run = run_two_gates(
                requests,
                self.consoles,
                on_first_run=lambda first: self._take_run(0, first),
                on_second_begin=lambda: self._open_step(1),
                on_second_refused=self._tell_refusal,
            )
            if run is not None:
                self._take_run(1, run)

    def list_lines(self, session: str) -> list[str]:
        """Give what a session printed."""
        names = [status.session for status in self._statuses]
        return self._outputs[names.index(session)].lines[1:-1]

    def _open_step(self, number: int) -> None:
        step = self._console.step(_title_step(self._statuses[number]))
        self._steps.append(self._opened[number].enter_context(step))

    def _take_run(self, number: int, run: Run) -> None:
        name, inner = self._statuses[number].session, self.consoles[number]
        result = _answer_session(name, self._context, inner, lambda: run)
        self.results[name] = result
        _set_step_outcome(self._steps[number], result)
        self._opened[number].close()

    def _tell_refusal(self, error: HardgateError) -> None:
        seen = f" ({error.evidence.splitlines()[0]})" if error.evidence else ""
        name = self._statuses[1].session
        self._console.print_text(f"{name} gets a test host of its own. {error.problem}{seen}")

    def _show_line(self, line: str) -> None:
        if self._steps:
            self._steps[-1].show_progress(line)


def _make_two_requests(
    argvs: Sequence[Sequence[str]], consoles: tuple[Console, Console], snapshot: Snapshot | None
) -> tuple[GateRequest, GateRequest] | None:
    """Make the requests of two gates that can share a host; None: each gets its own.

    A host that stays, and this machine itself, belong to one run alone. What is wrong in the words
    is told by the sessions themselves.
    """
    try:
        requests = (
            make_runtime_request(argvs[0], consoles[0], snapshot),
            make_gate_request(argvs[1], consoles[1], snapshot),
        )
    except (HardgateError, OSError, ValueError):
        return None
    alone = any(one.keep or one.host != "nested" for one in requests)
    return None if alone else requests


class _LineStream(io.StringIO):
    """Takes what a session prints, line by line."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._on_line = on_line

    def write(self, text: str) -> int:
        for line in text.splitlines():
            self.lines.append(line)
            self._on_line(line)
        return len(text)


def _run_session(
    name: str,
    argv: Sequence[str],
    context: ValidationContext,
    console: Console,
    snapshot: Snapshot | None = None,
) -> SessionResult:
    """Run one session here."""
    return _answer_session(
        name, context, console, lambda: RUN_SESSION[name](argv, console, snapshot)
    )


def _answer_session(
    name: str,
    context: ValidationContext,
    console: Console,
    run: Callable[[], SessionResult | Run],
) -> SessionResult:
    """Give a session's answer; what keeps it from beginning is unknown, or a wrong command."""
    try:
        made = run()
        if isinstance(made, SessionResult):
            return made
        summary = console.redactor.redact_value(summarize_run(made))
        return parse_gate_summary(summary, name, context.expected[name])
    except Interrupted:
        raise
    except HardgateError as error:
        console.print_line(str(error))
        return _make_failed_result(name, error, context)
    except Exception as error:
        failure = explain_crash(error)
        console.print_line(f"{failure}\n{failure.evidence}".rstrip())
        return _make_failed_result(name, failure, context)


def _make_failed_result(
    name: str, error: HardgateError, context: ValidationContext
) -> SessionResult:
    """Stand in for an answer that was never begun: it is about what lies here, and unknown."""
    code = ExitCode.MISUSED if error.exit_code is ExitCode.MISUSED else ExitCode.UNKNOWN
    story = one_line(error.problem.rstrip("."))
    return SessionResult(
        session=name,
        exit_code=int(code),
        headline=str(Headline(subject=name.upper(), exit_code=code, story=story)),
        commit=context.commit,
        contract=hash_session_contract(name, context.contract),
        image="",
        started_at="",
        seconds=0.0,
        source=context.source if isinstance(context.source, Source) and context.builds else None,
    )


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
    return [*selected, "-q"]


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
    label = name_outcome_colour(check.outcome)
    reason = one_line(console.clean_text(check.reason))
    tone = mark_outcome(check.outcome, check.severity).tone
    console.print_line(f"  {mark} {check.name:<9} {label:<8} {reason}", tone)
    if check.outcome is not Outcome.PASS and check.remedy:
        console.print_line(f"    to do: {one_line(console.clean_text(check.remedy))}")
    for line in check.evidence.splitlines():
        clean = one_line(console.clean_text(line))
        if line.startswith(GUTTER):
            console.print_line(f"    {clean}", Tone.FAINT)
        elif line.startswith(WHY):
            console.print_line(f"    {clean}")
        else:
            console.print_line(f"    Notice: {clean}", Tone.UNSURE)
