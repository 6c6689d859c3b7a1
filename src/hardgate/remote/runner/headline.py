"""The first and the last line about runners, and each host's own."""

from collections.abc import Iterable

from hardgate.errors import ExitCode
from hardgate.remote.runner.request import RunnerRequest
from hardgate.remote.runner.result import HostReport
from hardgate.remote.runner.run import RunnerRun
from hardgate.report.headline import MAX_LISTED_NAMES, format_headline
from hardgate.text.headline import Headline, exit_code_word, read_headline_story
from hardgate.text.plain import format_count, one_line


def runner_opening(request: RunnerRequest, run_id: str) -> str:
    """Say by what hosts are judged."""
    plans = (*request.plans, request.gate_plan)
    contracts = ", ".join(
        f"{plan.group} v{plan.contract.version} "
        f"({format_count(len(plan.capabilities), 'capability')}, "
        f"sha256:{plan.contract.sha256[:12]})"
        for plan in plans
    )
    return one_line(
        f"hardgate runner: {format_count(len(request.hosts), 'host')}; contracts "
        f"{contracts}; run {run_id}"
    )


def runner_headline(run: RunnerRun) -> str:
    """Say what came of it, in one line that cannot be misread."""
    return str(Headline(subject="RUNNER", exit_code=run.exit_code, story=_runner_story(run)))


def host_headline(host: HostReport) -> str:
    """Say what one host is worth."""
    code = host.exit_code
    return one_line(f"{host.name}: {exit_code_word(code)}: {_host_story(host)}")


def _runner_story(run: RunnerRun) -> str:
    total = format_count(len(run.hosts), "host")
    work = f"{len(run.working_hosts)} of {total} are runners that are known to work"
    if len(run.working_hosts) == 1 == len(run.hosts):
        work = "the host is a runner that is known to work"
    others = [host for host in run.hosts if host.exit_code is not ExitCode.HELD]
    parts = [work, f"not so: {_list_hosts(others)}" if others else ""]
    if run.problem:
        parts.append(run.problem.problem.rstrip("."))
    if run.interrupted is not None:
        parts.insert(0, "it was stopped")
    return "; ".join(part for part in parts if part)


def _list_hosts(hosts: Iterable[HostReport]) -> str:
    names = [host.name for host in hosts]
    rest = len(names) - MAX_LISTED_NAMES
    return ", ".join(names[:MAX_LISTED_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _host_story(host: HostReport) -> str:
    stories = [
        f"{run.plan.group}: {read_headline_story(format_headline(run))}"
        for run in host.runs
        if run.exit_code is not ExitCode.HELD and run.verdicts
    ]
    if not stories and host.gate_summary is None and host.summary_error:
        stories.append(f"tier 4: {host.summary_error.problem.rstrip('.')}")
    elif host.gate_summary and host.gate_summary.exit_code is not ExitCode.HELD:
        stories.append(f"tier 4: {read_headline_story(host.gate_summary.headline)}")
    if host.error and not any(host.error.problem.rstrip(".") in story for story in stories):
        stories.append(host.error.problem.rstrip("."))
    if host.withdrawn:
        stories.append("it was stopped, disabled and unregistered")
    held = [f"{len(run.verdicts)} of {run.plan.group}" for run in host.runs]
    return "; ".join(stories) or f"{', '.join(held)} and tier 4 held"
