"""What the last block about runners tells: each cause once, with all hosts that it breaks."""

from collections.abc import Iterator

from hardgate.diagnosis.root_cause import group_root_causes
from hardgate.model.verdict import Outcome
from hardgate.remote.runner.headline import host_headline, runner_headline
from hardgate.remote.runner.result import HostReport
from hardgate.remote.runner.run import RunnerRun
from hardgate.report.closing_block import BlockCause, ClosingBlock, make_error_cause, merge_causes
from hardgate.report.console import Console
from hardgate.report.headline import join_verdict_names
from hardgate.report.marks import Mark, Tone, tone_of_exit_code


def make_runner_block(run: RunnerRun, console: Console) -> ClosingBlock:
    """Make the block: what did not hold, what nobody could tell, and a line for each host."""
    misses = merge_causes(cause for host in run.hosts for cause in _list_misses(host, console))
    errors = merge_causes(_list_errors(run, console))
    notices = dict.fromkeys(
        f"{host.name}: {notice}" for host in run.hosts for notice in host.notices
    )
    return ClosingBlock(
        causes=(*sorted(misses, key=lambda cause: -len(cause.places)), *errors),
        details=tuple(
            (tone_of_exit_code(host.exit_code), host_headline(host)) for host in run.hosts
        ),
        notices=tuple(notices),
        headline=runner_headline(run),
        tone=tone_of_exit_code(run.exit_code),
    )


def _list_misses(host: HostReport, console: Console) -> Iterator[BlockCause]:
    for run in host.runs:
        for cause in group_root_causes(run.verdicts):
            quotes = cause.reason.quotes if cause.reason and not cause.reason.general else ()
            yield BlockCause(
                mark=console.mark_of_verdict(cause.verdicts[0]),
                name=join_verdict_names(list(cause.verdicts)),
                places=(host.name,),
                why=cause.sentence,
                remedy=cause.remedy,
                evidence="\n".join(quotes),
            )
    for verdict in host.gate_summary.verdicts if host.gate_summary else ():
        if verdict.outcome is not Outcome.PASS:
            yield BlockCause(
                mark=console.mark_of_outcome(verdict.outcome, verdict.severity),
                name=f"tier 4: {verdict.name}",
                places=(host.name,),
                why=verdict.reason,
                remedy=verdict.remedy,
            )


def _list_errors(run: RunnerRun, console: Console) -> Iterator[BlockCause]:
    if run.problem:
        yield make_error_cause(console.draw_mark(Mark.UNKNOWN), "the whole run", (), run.problem)
    for host in run.hosts:
        yield from _list_unknown_verdicts(host, console)
        problems = dict.fromkeys(error for error in (host.error, host.summary_error) if error)
        told = {run.problem.problem} if run.problem else set()
        for error in problems:
            if error.problem not in told:
                told.add(error.problem)
                yield make_error_cause(
                    console.draw_mark(Mark.UNKNOWN), "unknown", (host.name,), error
                )


def _list_unknown_verdicts(host: HostReport, console: Console) -> Iterator[BlockCause]:
    for verdict in (one for run in host.runs if not run.problem for one in run.verdicts):
        if verdict.outcome is Outcome.ERROR:
            yield BlockCause(
                mark=console.draw_mark(Mark.UNKNOWN),
                name=verdict.name,
                places=(host.name,),
                why=verdict.reason,
                remedy=verdict.hint,
                tone=Tone.UNSURE,
            )
