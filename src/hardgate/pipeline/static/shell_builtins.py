"""A shell's own commands, as far as they decide where a script goes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from hardgate.pipeline.static.shell_arrays import make_array
from hardgate.pipeline.static.shell_scripts import evaluate_text, source_file
from hardgate.pipeline.static.shell_state import (
    FAILED,
    JOB,
    OTHER,
    UNKNOWN,
    Call,
    State,
    change,
    is_known,
)
from hardgate.pipeline.static.shell_ways import shell_options

if TYPE_CHECKING:
    from hardgate.pipeline.static.shell_machine import Machine

Builtin = Callable[["Machine", Call, State, bool], list[State]]

PLAIN = frozenset(
    {"echo", "printf", "sleep", "date", "rm", "mkdir", "touch", "cat", "tee", "ls", "env", "sync"}
    | {"chmod", "chown", "cp", "mv", "ln", "logger", "umask", "export", "uname", "hostname"}
)
"""Programs whose own failure is not looked for: they say or tidy something."""
ENDS = frozenset({"die", "fail", "error", "abort", "bail", "fatal", "err"})
"""Names that people give to functions that end a script: where none is seen, nothing is known."""
_LETTERS = {"e": "errexit"}


def _set(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    del machine, guarded
    options, rest = shell_options(call.argv[1:])
    for option in options:
        name = _LETTERS.get(option[1:], option.lstrip("+"))
        if name in {"errexit", "pipefail"}:
            state = change(state, **{name: not option.startswith("+")})
    if rest or "--" in call.argv:
        state = change(state, arguments=None if UNKNOWN in rest else tuple(rest))
    return [change(state, status="0")]


def _exit(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    del machine, guarded
    bare = state.trapped_status or state.status
    status = _status(call.argv[1]) if len(call.argv) > 1 else bare
    return [_noting_zero(call, change(state, status=status, flow="exit"))]


def _return(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    del machine, guarded
    status = _status(call.argv[1] if len(call.argv) > 1 else state.status)
    return [_noting_zero(call, change(state, status=status, flow="return"))]


def _status(word: str) -> str:
    if word in {FAILED, OTHER}:
        return word
    if not is_known(word) or not word.strip().isdigit():
        return UNKNOWN
    return str(int(word) % 256)


def _noting_zero(call: Call, state: State) -> State:
    shown = " ".join(call.written[:2])
    return state.losing(call.line, shown) if state.status == "0" else state


def _jump(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    del machine, guarded
    levels = int(call.argv[1]) if len(call.argv) > 1 and call.argv[1].isdigit() else 1
    return [change(state, flow=call.argv[0], levels=min(max(levels, 1), 99), status="0")]


def _true(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    del machine, call, guarded
    return [change(state, status="0")]


def _cd(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    del machine
    ways = ("0", "1") if guarded else ("0",)
    folder = posixpath.join(state.variables.get("PWD", ""), call.argv[-1])
    if len(call.argv) > 1 and call.argv[-1] != "-":
        state = state.having("PWD", posixpath.normpath(folder))
    return [change(state, status=way) for way in ways]


def _false(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    del machine, call, guarded
    return [change(state, status="1")]


def _trap(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    del machine, guarded
    words = [word for word in call.argv[1:] if word not in {"--", "-l", "-p"}]
    if len(words) < 2:  # noqa: PLR2004 - what to do, and when
        return [change(state, status="0")]
    body = "" if words[0] == "-" else words[0]
    names = {"0": "EXIT"}
    signals = [names.get(word, word.removeprefix("SIG")) for word in words[1:]]
    traps = {**state.traps, **dict.fromkeys(signals, body)}
    return [change(state, traps=traps, trap_line=call.line, status="0")]


def _shift(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    del machine, guarded
    count = int(call.argv[1]) if len(call.argv) > 1 and call.argv[1].isdigit() else 1
    left = None if state.arguments is None else state.arguments[count:]
    return [change(state, arguments=left, status="0")]


def _unset(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    del machine, guarded
    for name in call.argv[1:]:
        state = state.having(name, "")
    return [change(state, status="0")]


def _read(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    del machine
    words = [word for word in call.argv[1:] if word not in {"-r", "-s", "-rs", "-sr"}]
    names = [word for word in words if re.fullmatch(r"[A-Za-z_]\w*", word)]
    if state.stdin is not None and len(names) == len(words):
        return [_take_line(names or ["REPLY"], state, state.stdin)]
    state = change(state, stdin=None)
    for name in names:
        state = state.having(name, UNKNOWN)
    ways = ("0", "1") if guarded else ("0",)
    return [change(state, status=way) for way in ways]


def _take_line(names: Sequence[str], state: State, stdin: str) -> State:
    """Read a line into variables; the last one gets what is left of it."""
    line, end, rest = stdin.partition("\n")
    pieces = line.split(None, len(names) - 1) if len(names) > 1 else [line.strip()]
    for name, piece in zip_longest(names, pieces, fillvalue=""):
        state = state.having(name, piece.rstrip())
    return change(state, stdin=rest, status="0" if end else "1")


def _map_lines(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    """`mapfile` and `readarray`: all lines of the input are an array's elements."""
    del machine, guarded
    name = call.argv[-1]
    if len(call.argv) < 2 or not re.fullmatch(r"[A-Za-z_]\w*", name):  # noqa: PLR2004
        name = "MAPFILE"
    simple = set(call.argv[1:]) <= {"-t", name}
    known = state.stdin is not None and simple
    value = make_array((state.stdin or "").splitlines()) if known else UNKNOWN
    return [change(state.having(name, value), stdin="" if known else None, status="0")]


def _let(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    del guarded
    states = [state]
    for text in call.argv[1:]:
        states = [after for one in states for after in machine.calculated(text, call, one)]
    return states


def _eval(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    text = " ".join(call.argv[1:])
    if not is_known(text):
        names = re.findall(r"(?:^|[;\s])([A-Za-z_]\w*)=", text)
        for name in names:
            state = state.having(name, UNKNOWN)
        return [change(state, status="0" if names else OTHER, opaque=state.opaque or not names)]
    return evaluate_text(machine, text, call, state, guarded=guarded)


def _source(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    if len(call.argv) < 2:  # noqa: PLR2004 - the command, and a file
        return [change(state, status="1")]
    return source_file(machine, call.argv[1], state, guarded=guarded)


def _wait(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    del machine, guarded
    waits_for_one = any(JOB in word or word == "-n" for word in call.argv[1:])
    fails = state.failed and waits_for_one
    return [change(state, status=FAILED if fails else "0")]


def _exec(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    """Reached where `exec` has redirects alone; with a program it is a wrapper."""
    del machine, call, guarded
    return [change(state, status="0")]


def _command(machine: Machine, call: Call, state: State, guarded: bool) -> list[State]:
    """`command -v NAME`, `type NAME`, `which NAME`: whether there is such a program."""
    del guarded
    names = [word for word in call.argv[1:] if not word.startswith("-")]
    known = [machine.world.has_command(name.rpartition("/")[2]) for name in names]
    if names and all(known):
        return [change(state, status="0")]
    if any(answer is False for answer in known):
        return [change(state, status="1")]
    return machine.undecided("\0".join(call.argv), state)


BUILTINS: Mapping[str, Builtin] = {
    "set": _set,
    "exit": _exit,
    "return": _return,
    "break": _jump,
    "continue": _jump,
    "true": _true,
    ":": _true,
    "false": _false,
    "trap": _trap,
    "shift": _shift,
    "unset": _unset,
    "read": _read,
    "mapfile": _map_lines,
    "readarray": _map_lines,
    "let": _let,
    "eval": _eval,
    ".": _source,
    "source": _source,
    "wait": _wait,
    "exec": _exec,
    "command": _command,
    "type": _command,
    "which": _command,
    "hash": _command,
    "cd": _cd,
    "pushd": _cd,
    "popd": _true,
    "shopt": _true,
    "ulimit": _true,
    "readonly": _true,
    "export": _true,
    "local": _true,
    "declare": _true,
    "typeset": _true,
}
