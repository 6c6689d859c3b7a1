"""The first and the last line about runners, and each host's own."""

from collections.abc import Iterable

from hardgate.errors import ExitCode
from hardgate.remote.runner.request import RunnerRequest
from hardgate.remote.runner.result import HostReport
from hardgate.remote.runner.run import RunnerRun
from hardgate.report.headline import NAMED, colour_word, count, headline
from hardgate.text.plain import one_line


def opening(request: RunnerRequest, run_id: str) -> str:
    """Say by what hosts are judged."""
    plans = (*request.plans, request.gate_plan)
    contracts = ", ".join(
        f"{plan.group} v{plan.contract.version} ({count(len(plan.capabilities), 'capability')}, "
        f"sha256:{plan.contract.sha256[:12]})"
        for plan in plans
    )
    return one_line(
        f"hardgate runner: {count(len(request.hosts), 'host')}; contracts {contracts}; run {run_id}"
    )


def run_headline(run: RunnerRun) -> str:
    """Say what came of it, in one line that cannot be misread."""
    code = run.exit_code
    return one_line(f"HARDGATE RUNNER {colour_word(code)}: {_story(run)} (exit {int(code)})")


def host_headline(host: HostReport) -> str:
    """Say what one host is worth."""
    code = host.exit_code
    return one_line(f"{host.name}: {colour_word(code)}: {_host_story(host)}")


def _story(run: RunnerRun) -> str:
    total = count(len(run.hosts), "host")
    work = f"{len(run.known_to_work)} of {total} are runners that are known to work"
    if len(run.known_to_work) == 1 == len(run.hosts):
        work = "the host is a runner that is known to work"
    others = [host for host in run.hosts if host.exit_code is not ExitCode.HELD]
    parts = [work, f"not so: {_listed(others)}" if others else ""]
    if run.problem:
        parts.append(run.problem.problem.rstrip("."))
    if run.interrupted is not None:
        parts.insert(0, "it was stopped")
    return "; ".join(part for part in parts if part)


def _listed(hosts: Iterable[HostReport]) -> str:
    names = [host.name for host in hosts]
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _host_story(host: HostReport) -> str:
    told = [
        f"{run.plan.group}: {_told(headline(run))}"
        for run in host.runs
        if run.exit_code is not ExitCode.HELD and run.verdicts
    ]
    if not told and host.said is None and host.trouble:
        told.append(f"tier 4: {host.trouble.problem.rstrip('.')}")
    elif host.said and host.said.exit_code is not ExitCode.HELD:
        told.append(f"tier 4: {_told(host.said.headline)}")
    if host.error and not any(host.error.problem.rstrip(".") in one for one in told):
        told.append(host.error.problem.rstrip("."))
    if host.withdrawn:
        told.append("it was stopped, disabled and unregistered")
    held = [f"{len(run.verdicts)} of {run.plan.group}" for run in host.runs]
    return "; ".join(told) or f"{', '.join(held)} and tier 4 held"


def _told(line: str) -> str:
    """Take what a headline tells between its word and its code."""
    return line.partition(": ")[2].rpartition(" (exit ")[0]
