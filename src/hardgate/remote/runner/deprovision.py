"""`hardgate runner --remove`: hosts that are runners no longer, with nothing of it left on them."""

import secrets

from hardgate.errors import ExitCode
from hardgate.redaction import Redactor
from hardgate.remote.play import play_on_hosts
from hardgate.remote.runner.events import RunnerEventHandler
from hardgate.remote.runner.request import RunnerRequest
from hardgate.report.console import Console
from hardgate.report.marks import Tone, tone_of_exit_code
from hardgate.text.headline import Headline
from hardgate.text.plain import format_count

PLAYBOOK = "runner.yml"


def remove_runners(request: RunnerRequest, console: Console) -> ExitCode:
    """Take back what was made of hosts; one that was not reached is an error."""
    console.redactor = Redactor().with_values(request.secrets.values())
    handler = RunnerEventHandler(request.hosts, console)
    failure = play_on_hosts(
        PLAYBOOK,
        lambda _source: {"runner_state": "absent", **request.secrets},
        inventory=request.inventory,
        run_id=secrets.token_hex(4),
        on_event=handler.handle_event,
    )
    handler.close_step()
    failed_hosts = [
        seen.name for seen in handler.host_states.values() if seen.error or not seen.responded
    ]
    for state in handler.host_states.values():
        for line in (state.error.evidence if state.error else "").splitlines():
            console.print_line(f"    {line}", Tone.UNSURE)
        for notice in state.notices:
            console.print_notice(notice)
    code = failure.interrupted or ExitCode.HELD
    if code is ExitCode.HELD and (failed_hosts or failure.problem):
        code = ExitCode.UNKNOWN
    removed = (
        f"{len(handler.host_states) - len(failed_hosts)} of "
        f"{format_count(len(handler.host_states), 'host')}"
    )
    parts = [
        f"no runners any more: {removed}",
        f"not so, or not known: {', '.join(failed_hosts)}" if failed_hosts else "",
        failure.problem.problem.rstrip(".") if failure.problem else "",
    ]
    story = "; ".join(part for part in parts if part)
    line = str(Headline(subject="RUNNER", exit_code=code, story=story))
    console.print_line(line, tone_of_exit_code(code))
    return code
