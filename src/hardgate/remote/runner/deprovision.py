"""`hardgate runner --remove`: hosts that are runners no longer, with nothing of it left on them."""

import secrets

from hardgate.errors import ExitCode
from hardgate.redaction import Redactor
from hardgate.remote.play import play_elsewhere
from hardgate.remote.runner.events import Hearing
from hardgate.remote.runner.request import RunnerRequest
from hardgate.report.console import Console
from hardgate.report.headline import colour_word, count
from hardgate.report.terminal_summary import Tone, tone_of_code

PLAYBOOK = "runner.yml"


def dismiss(request: RunnerRequest, console: Console) -> ExitCode:
    """Take back what was made of hosts; one that was not reached is an error."""
    console.redactor = Redactor().with_values(request.secrets.values())
    hearing = Hearing(request.hosts, console)
    broken = play_elsewhere(
        PLAYBOOK,
        lambda _source: {"runner_state": "absent", **request.secrets},
        inventory=request.inventory,
        run_id=secrets.token_hex(4),
        on_event=hearing.hear,
    )
    hearing.close()
    lost = [seen.name for seen in hearing.seen.values() if seen.error or not seen.heard]
    for seen in hearing.seen.values():
        for line in (seen.error.evidence if seen.error else "").splitlines():
            console.line(f"    {line}", Tone.UNSURE)
        for notice in seen.notices:
            console.note(notice)
    code = broken.interrupted or ExitCode.HELD
    if code is ExitCode.HELD and (lost or broken.problem):
        code = ExitCode.UNKNOWN
    gone = f"{len(hearing.seen) - len(lost)} of {count(len(hearing.seen), 'host')}"
    parts = [
        f"no runners any more: {gone}",
        f"not so, or not known: {', '.join(lost)}" if lost else "",
        broken.problem.problem.rstrip(".") if broken.problem else "",
    ]
    story = "; ".join(part for part in parts if part)
    line = f"HARDGATE RUNNER {colour_word(code)}: {story} (exit {int(code)})"
    console.line(line, tone_of_code(code))
    return code
