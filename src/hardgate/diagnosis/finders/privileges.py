"""Clues about what the workspace may do: capabilities, rights, time, memory."""

import re
import signal
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.step import Step
from hardgate.diagnosis.finders.messages import quote
from hardgate.diagnosis.finders.namespaces import not_privileged
from hardgate.engine.capabilities import NAMES
from hardgate.model.observation import Execution

_FIELD = re.compile(r"Cap(?:Eff|Prm|Inh|Amb)")
_BOUNDING = re.compile(r"CapBnd|\bcapsh\b|\bgetpcaps\b")
PRIVILEGED_CALLS = frozenset(
    "mount umount2 setns unshare mknod mknodat chroot pivot_root init_module syslog".split()
)
PRIVILEGED = frozenset(
    "mount umount unshare chroot chown sysctl modprobe iptables ip losetup mknod dmesg".split()
)
_DENIED = re.compile(
    r"[Pp]ermission denied|[Oo]peration not permitted|must be superuser|you must be root"
)
NAMED = 4
"""Capabilities that are named before the rest is counted."""
TIMEOUT = 124
SIGNALLED = 128


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look at what the step is about: capabilities, a right that root has, its end, the locale."""
    about = " ".join((step.text, *(one.text for one in miss.inputs(step) if not one.failed)))
    yield from _capabilities(miss, step, about)
    yield from _not_permitted(miss, step)
    first = miss.observation.execution
    if not (first and first.timed_out):
        yield from _ended(step)
    yield from _locale(miss, step)


def _capabilities(miss: Miss, step: Step, about: str) -> Iterator[Clue]:
    own, host = miss.bounding, miss.host_bounding
    field = _FIELD.search(about) or (step.program == "grep" and _FIELD.search(miss.script))
    field = field or _read_as_zero(miss, step)
    if own is None:
        return
    told = f"seen from outside: CapBnd {own:016x}"
    if field and miss.uid != 0:
        full = ", the host's own" if own == host else ""
        if host is not None and host & ~own:
            full = f"; the host's is {host:016x}, and it lacks {_names(host & ~own)}"
        fields = {"field": field[0], "uid": str(miss.uid), "bounding": f"{own:016x}", "full": full}
        yield Clue(cause="capeff_of_agent", quotes=(step.text, told), fields=fields)
    elif _BOUNDING.search(about) and host is not None:
        both = (step.text, f"{told}, on the host {host:016x}")
        fields = {"bounding": f"{own:016x}", "host": f"{host:016x}"}
        if host & ~own:
            fields |= {"lacking": _names(host & ~own), "privileged": not_privileged(miss)}
            yield Clue(cause="capability_lacking", quotes=both, fields=fields)
        elif lacking := _everything(host) & ~host:
            fields["lacking"] = _names(lacking)
            yield Clue(cause="capability_lacking_on_host", quotes=both, fields=fields)


def _read_as_zero(miss: Miss, step: Step) -> re.Match[str] | None:
    """Find an earlier step that read a set, where a test then compares nothing but zero."""
    compared = step.comparison
    if not compared or compared.left.strip("0x") or not compared.left:
        return None
    read = (_FIELD.search(one.text) for one in miss.before(step) if one.status == 0)
    return next(filter(None, read), None)


def _everything(host: int) -> int:
    last = max(host.bit_length(), len(NAMES))
    return int((1 << last) - 1)


def _names(bits: int) -> str:
    known = [f"cap_{name.lower()}" for bit, name in enumerate(NAMES) if bits >> bit & 1]
    shown = known[:NAMED] + ([f"{len(known) - NAMED} more"] if len(known) > NAMED else [])
    return ", ".join(shown)


def _not_permitted(miss: Miss, step: Step) -> Iterator[Clue]:
    """Say that a command takes root, or a capability that the workspace was not given."""
    lines = [line for line in step.said if PRIVILEGED & step.programs and _DENIED.search(line)]
    lines += [
        quote(failure)
        for failure in step.failures
        if failure.errno in {"EPERM", "EACCES"} and failure.call in PRIVILEGED_CALLS
    ]
    lacking = not_privileged(miss)
    for line in lines[:1]:
        programs = ", ".join(sorted(PRIVILEGED & step.programs)) or step.program
        fields = {"program": programs, "what": line, "uid": str(miss.uid), "lacking": lacking}
        if not step.is_raised and miss.uid:
            yield Clue(cause="not_permitted_as_agent", quotes=(step.text, line), fields=fields)
        elif lacking:
            yield Clue(cause="not_privileged", quotes=(step.text, line), fields=fields)


def _ended(step: Step) -> Iterator[Clue]:
    for command, status in ((step.text, step.status), *step.ended):
        if status == TIMEOUT and command.split()[:1] == ["timeout"]:
            words = [word for word in command.split()[1:] if not word.startswith("-")]
            fields = {"command": " ".join(words[1:]), "seconds": words[0].rstrip("s")}
            quotes = (f"{command}: exit status {TIMEOUT}",)
            yield Clue(cause="timeout_command", quotes=quotes, fields=fields, subject=command)
        elif command and (name := _signal(status)):
            fields = {"command": command, "signal": name}
            quotes = (f"{command}: exit status {status}",)
            yield Clue(cause="killed", quotes=quotes, fields=fields, subject=command)


def _signal(status: int | None) -> str:
    """Name the signal that an exit status stands for; nothing for one that means no harm."""
    try:
        number = signal.Signals((status or 0) - SIGNALLED)
    except ValueError:
        return ""
    return "" if number is signal.SIGPIPE else number.name


def _locale(miss: Miss, step: Step) -> Iterator[Clue]:
    before = miss.before(step)
    compared = step.comparison
    if compared and before and " ".join(before[0].words) == "locale charmap" and not compared.holds:
        fields = {"got": compared.left, "wanted": compared.right}
        yield Clue(cause="locale_other", quotes=(before[0].text, step.text), fields=fields)


def find_in_all(miss: Miss) -> Iterator[Clue]:
    """Look at how the probe itself ended: over its time, or well at the second look."""
    first, second = miss.observation.execution, miss.observation.rerun
    if second and second.exit_status == 0:
        told = f"first: exit status {first.exit_status if first else None}; second: 0"
        yield Clue(cause="flaky", quotes=(told,))
    if first and second and _differ(first, second):
        fields = {"first": str(first.exit_status), "second": str(second.exit_status)}
        told = f"first: exit status {first.exit_status}; second: {second.exit_status}"
        yield Clue(cause="second_look_differs", quotes=(told,), fields=fields)
    last = miss.steps[-1] if miss.steps else None
    if first and first.timed_out and second and second.timed_out and last and last.text:
        said = last.said[-1:]
        fields = {"command": last.text, "said": "".join(f"; it had said: {line}" for line in said)}
        quotes = (f"its last command at the second look: {last.text}", *said)
        yield Clue(cause="timed_out", quotes=quotes, fields=fields, subject=last.text)


def _differ(first: Execution, second: Execution) -> bool:
    """Tell two failures of one probe from each other: what was seen of one is not the other's."""
    if first.timed_out or second.timed_out or not second.exit_status:
        return False
    return first.exit_status is not None and first.exit_status != second.exit_status
