"""Clues about what the workspace may do: capabilities, rights, time, memory."""

import re
import signal
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.step import ProbeStep
from hardgate.diagnosis.finders.messages import format_failed_call
from hardgate.diagnosis.finders.namespaces import describe_missing_privilege
from hardgate.engine.capabilities import CAPABILITY_NAMES
from hardgate.model.observation import Execution

_CAPABILITY_FIELD = re.compile(r"Cap(?:Eff|Prm|Inh|Amb)")
_BOUNDING_SET = re.compile(r"CapBnd|\bcapsh\b|\bgetpcaps\b")
PRIVILEGED_CALLS = frozenset(
    "mount umount2 setns unshare mknod mknodat chroot pivot_root init_module syslog".split()
)
PRIVILEGED_PROGRAMS = frozenset(
    "mount umount unshare chroot chown sysctl modprobe iptables ip losetup mknod dmesg".split()
)
_DENIED = re.compile(
    r"[Pp]ermission denied|[Oo]peration not permitted|must be superuser|you must be root"
)
MAX_NAMED_CAPABILITIES = 4
"""Capabilities that are named before the rest is counted."""
TIMEOUT_STATUS = 124
SIGNAL_STATUS_BASE = 128


def find_privilege_problems(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Look at what the step is about: capabilities, a right that root has, its end, the locale."""
    about = " ".join(
        (
            step.text,
            *(
                input_step.text
                for input_step in probe.input_steps(step)
                if not input_step.has_failed
            ),
        )
    )
    yield from _match_capabilities(probe, step, about)
    yield from _match_not_permitted(probe, step)
    first = probe.observation.execution
    if not (first and first.timed_out):
        yield from _match_ended_command(step)
    yield from _match_locale(probe, step)


def _match_capabilities(probe: FailedProbe, step: ProbeStep, about: str) -> Iterator[Match]:
    own, host = probe.bounding_set, probe.host_bounding_set
    field = _CAPABILITY_FIELD.search(about) or (
        step.program == "grep" and _CAPABILITY_FIELD.search(probe.script)
    )
    field = field or _find_zero_field(probe, step)
    if own is None:
        return
    evidence = f"seen from outside: CapBnd {own:016x}"
    if field and probe.uid != 0:
        full = ", the host's own" if own == host else ""
        if host is not None and host & ~own:
            full = f"; the host's is {host:016x}, and it lacks {_format_capabilities(host & ~own)}"
        fields = {"field": field[0], "uid": str(probe.uid), "bounding": f"{own:016x}", "full": full}
        yield Match(cause="capeff_of_agent", quotes=(step.text, evidence), fields=fields)
    elif _BOUNDING_SET.search(about) and host is not None:
        both = (step.text, f"{evidence}, on the host {host:016x}")
        fields = {"bounding": f"{own:016x}", "host": f"{host:016x}"}
        if host & ~own:
            fields |= {
                "lacking": _format_capabilities(host & ~own),
                "privileged": describe_missing_privilege(probe),
            }
            yield Match(cause="capability_lacking", quotes=both, fields=fields)
        elif lacking := _all_capabilities(host) & ~host:
            fields["lacking"] = _format_capabilities(lacking)
            yield Match(cause="capability_lacking_on_host", quotes=both, fields=fields)


def _find_zero_field(probe: FailedProbe, step: ProbeStep) -> re.Match[str] | None:
    """Find an earlier step that read a set, where a test then compares nothing but zero."""
    compared = step.comparison
    if not compared or compared.left.strip("0x") or not compared.left:
        return None
    read = (
        _CAPABILITY_FIELD.search(earlier_step.text)
        for earlier_step in probe.steps_before(step)
        if earlier_step.status == 0
    )
    return next(filter(None, read), None)


def _all_capabilities(host: int) -> int:
    last = max(host.bit_length(), len(CAPABILITY_NAMES))
    return int((1 << last) - 1)


def _format_capabilities(bits: int) -> str:
    known = [f"cap_{name.lower()}" for bit, name in enumerate(CAPABILITY_NAMES) if bits >> bit & 1]
    shown = known[:MAX_NAMED_CAPABILITIES] + (
        [f"{len(known) - MAX_NAMED_CAPABILITIES} more"]
        if len(known) > MAX_NAMED_CAPABILITIES
        else []
    )
    return ", ".join(shown)


def _match_not_permitted(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Say that a command takes root, or a capability that the workspace was not given."""
    lines = [
        line for line in step.output if PRIVILEGED_PROGRAMS & step.programs and _DENIED.search(line)
    ]
    lines += [
        format_failed_call(failure)
        for failure in step.failures
        if failure.errno in {"EPERM", "EACCES"} and failure.call in PRIVILEGED_CALLS
    ]
    lacking = describe_missing_privilege(probe)
    for line in lines[:1]:
        programs = ", ".join(sorted(PRIVILEGED_PROGRAMS & step.programs)) or step.program
        fields = {"program": programs, "what": line, "uid": str(probe.uid), "lacking": lacking}
        if not step.uses_sudo and probe.uid:
            yield Match(cause="not_permitted_as_agent", quotes=(step.text, line), fields=fields)
        elif lacking:
            yield Match(cause="not_privileged", quotes=(step.text, line), fields=fields)


def _match_ended_command(step: ProbeStep) -> Iterator[Match]:
    for command, status in ((step.text, step.status), *step.failed_commands):
        if status == TIMEOUT_STATUS and command.split()[:1] == ["timeout"]:
            arguments = [word for word in command.split()[1:] if not word.startswith("-")]
            fields = {"command": " ".join(arguments[1:]), "seconds": arguments[0].rstrip("s")}
            quotes = (f"{command}: exit status {TIMEOUT_STATUS}",)
            yield Match(cause="timeout_command", quotes=quotes, fields=fields, subject=command)
        elif command and (name := _signal_name(status)):
            fields = {"command": command, "signal": name}
            quotes = (f"{command}: exit status {status}",)
            yield Match(cause="killed", quotes=quotes, fields=fields, subject=command)


def _signal_name(status: int | None) -> str:
    """Name the signal that an exit status stands for; nothing for one that means no harm."""
    try:
        number = signal.Signals((status or 0) - SIGNAL_STATUS_BASE)
    except ValueError:
        return ""
    return "" if number is signal.SIGPIPE else number.name


def _match_locale(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    before = probe.steps_before(step)
    compared = step.comparison
    if compared and before and " ".join(before[0].argv) == "locale charmap" and not compared.holds:
        fields = {"got": compared.left, "wanted": compared.right}
        yield Match(cause="locale_other", quotes=(before[0].text, step.text), fields=fields)


def match_run_outcomes(probe: FailedProbe) -> Iterator[Match]:
    """Look at how the probe itself ended: over its time, or well at the second look."""
    first, second = probe.observation.execution, probe.observation.rerun
    if second and second.exit_status == 0:
        evidence = f"first: exit status {first.exit_status if first else None}; second: 0"
        yield Match(cause="flaky", quotes=(evidence,))
    if first and second and _exit_statuses_differ(first, second):
        fields = {"first": str(first.exit_status), "second": str(second.exit_status)}
        evidence = f"first: exit status {first.exit_status}; second: {second.exit_status}"
        yield Match(cause="second_look_differs", quotes=(evidence,), fields=fields)
    last = probe.steps[-1] if probe.steps else None
    if first and first.timed_out and second and second.timed_out and last and last.text:
        last_output = last.output[-1:]
        fields = {
            "command": last.text,
            "said": "".join(f"; it had said: {line}" for line in last_output),
        }
        quotes = (f"its last command at the second look: {last.text}", *last_output)
        yield Match(cause="timed_out", quotes=quotes, fields=fields, subject=last.text)


def _exit_statuses_differ(first: Execution, second: Execution) -> bool:
    """Tell two failures of one probe from each other: what was seen of one is not the other's."""
    if first.timed_out or second.timed_out or not second.exit_status:
        return False
    return first.exit_status is not None and first.exit_status != second.exit_status
