"""Clues about what the workspace may do: capabilities, namespaces, time, memory."""

import re
import signal
from collections.abc import Iterator

from hardgate.capabilities import NAMES
from hardgate.clue import Clue
from hardgate.finders.said import quote
from hardgate.miss import Miss, Step

_FIELD = re.compile(r"Cap(?:Eff|Prm|Inh|Amb)")
_BOUNDING = re.compile(r"CapBnd|\bcapsh\b|\bgetpcaps\b")
_PID_1 = re.compile(r"/proc/1\b|--target[ =]1\b|-t ?1\b|\bnsenter\b|^(?:ps|pgrep|pidof)\b")
TIMEOUT = 124
SIGNALLED = 128


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look at what the step is about: capabilities, PID 1, a right that root has, its end."""
    about = " ".join((step.text, *(one.text for one in miss.inputs(step))))
    yield from _capabilities(miss, step, about)
    if _PID_1.search(about):
        yield from _own_namespace(miss, step)
    yield from _not_permitted(miss, step)
    yield from _ended(miss, step)
    yield from _locale(miss, step)


def _capabilities(miss: Miss, step: Step, about: str) -> Iterator[Clue]:
    own, host = miss.bounding, miss.host_bounding
    field = _FIELD.search(about) or (step.program == "grep" and _FIELD.search(miss.script))
    if own is None:
        return
    told = f"seen from outside: CapBnd {own:016x}"
    if field and miss.uid != 0:
        full = ", the host's own" if own == host else ""
        fields = {"field": field[0], "uid": str(miss.uid), "bounding": f"{own:016x}", "full": full}
        yield Clue(cause="capeff_of_agent", quotes=(step.text, told), fields=fields)
    elif _BOUNDING.search(about) and host is not None:
        both = (step.text, f"{told}, on the host {host:016x}")
        fields = {"bounding": f"{own:016x}", "host": f"{host:016x}"}
        if host & ~own:
            fields |= {"lacking": _names(host & ~own), "privileged": _privileged(miss)}
            yield Clue(cause="capability_lacking", quotes=both, fields=fields)
        elif lacking := _everything(host) & ~host:
            fields["lacking"] = _names(lacking)
            yield Clue(cause="capability_lacking_on_host", quotes=both, fields=fields)


def _everything(host: int) -> int:
    last = max(host.bit_length(), len(NAMES))
    return int((1 << last) - 1)


def _names(bits: int) -> str:
    known = [f"cap_{name.lower()}" for bit, name in enumerate(NAMES) if bits >> bit & 1]
    shown = known if len(known) <= 4 else [*known[:3], f"{len(known) - 3} more"]
    return ", ".join(shown)


def _privileged(miss: Miss) -> str:
    told = miss.seen("settings").get("privileged")
    return "; the engine says that it is not privileged" if told is False else ""


def _own_namespace(miss: Miss, step: Step) -> Iterator[Clue]:
    own, host = miss.pid_namespaces
    if own and host and own != host:
        init = next((f"'{one.command}'" for one in miss.processes if one.is_init), "its own")
        quotes = (step.text, f"seen from outside: PID namespace {own}, the host's {host}")
        fields = {"workspace": own, "host": host, "init": init}
        yield Clue(cause="pid_namespace_own", quotes=quotes, fields=fields)


def _not_permitted(miss: Miss, step: Step) -> Iterator[Clue]:
    """Say that a system call takes a capability that the workspace was not given."""
    if miss.seen("settings").get("privileged") is not False:
        return
    for failure in step.failures:
        if failure.errno == "EPERM" and failure.call in {"mount", "umount2", "setns", "unshare", "mknod", "mknodat", "socket", "chroot", "pivot_root", "init_module", "finit_module", "syslog", "sethostname", "settimeofday", "clock_settime", "swapon", "reboot", "bpf", "ptrace"}:
            fields = {"program": failure.program, "what": f"{failure.call}: {failure.errno}"}
            yield Clue(cause="not_privileged", quotes=(quote(failure),), fields=fields)


def _ended(miss: Miss, step: Step) -> Iterator[Clue]:
    for command, status in ((step.text, step.status), *step.ended):
        if status == TIMEOUT and command.split()[:1] == ["timeout"]:
            words = [word for word in command.split()[1:] if not word.startswith("-")]
            fields = {"command": " ".join(words[1:]), "seconds": words[0].rstrip("s")}
            quotes = (f"{command}: exit status {TIMEOUT}",)
            yield Clue(cause="timeout_command", quotes=quotes, fields=fields, subject=command)
        elif status and SIGNALLED < status < SIGNALLED + 65 and status != SIGNALLED + signal.SIGPIPE:
            name = _signal(status - SIGNALLED)
            fields = {"command": command, "signal": name}
            quotes = (f"{command}: exit status {status}",)
            yield Clue(cause="killed", quotes=quotes, fields=fields, subject=command)
    del miss


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


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
        quotes = (f"first: exit status {first.exit_status if first else None}; second: 0",)
        yield Clue(cause="flaky", quotes=quotes)
    if not first or not first.timed_out:
        return
    running = [command.command for command in miss.observation.commands if command.exit_status is None]
    last = running[-1] if running else (miss.steps[-1].text if miss.steps else "")
    if last:
        said = miss.steps[-1].said[-1:] if miss.steps else ()
        fields = {"command": last, "said": "".join(f"; it had said: {line}" for line in said)}
        yield Clue(cause="timed_out", quotes=(f"last command: {last}",), fields=fields, subject=last)
