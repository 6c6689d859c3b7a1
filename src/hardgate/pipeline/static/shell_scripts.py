"""Scripts that a script runs: by a shell, by make, in its own shell, or as a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from hardgate.pipeline.static.makefile import MAX_LINES, Line, read_request
from hardgate.pipeline.static.shell_state import (
    OTHER,
    UNKNOWN,
    Call,
    State,
    change,
    distinct,
    is_known,
)
from hardgate.pipeline.static.shell_ways import (
    leave_script,
    leave_subshell,
    make_last_by_exec,
    set_options,
    shebang_of,
    shell_options,
    with_source_name,
)
from hardgate.pipeline.static.shell_wrappers import EXPAND_BRACES, SHELLS

if TYPE_CHECKING:
    from hardgate.pipeline.static.shell_machine import Machine


_ROOT = frozenset({"", "0", "root"})
_SETS_VARIABLES = re.compile(
    r"(^|/)etc/(os-release|lsb-release|environment|profile|default/[^/]+)$|/lib/os-release$|"
    r"/activate$|\.cargo/env$|(^|/)(nvm\.sh|\.bashrc|\.profile|\.bash_profile|\.env|[^/]+\.env)$"
)
"""Files that are sourced for their variables, and end and replace nothing."""
_RELEASE = (
    *("ID", "ID_LIKE", "NAME", "VERSION", "VERSION_ID", "VERSION_CODENAME", "UBUNTU_CODENAME"),
    *("PRETTY_NAME", "DISTRIB_ID", "DISTRIB_RELEASE", "DISTRIB_CODENAME"),
)
"""What the files that name a distribution set."""


def run_make(machine: Machine, call: Call, state: State) -> list[State] | None:
    """Run what a Makefile says of the targets; None where that cannot be told."""
    request = read_request(call.argv, call.folder)
    held = request and all(map(is_known, call.argv)) and machine.world.read_makefile(request)
    if not request or not held:
        return None
    try:
        lines = tuple(islice(held[1].iter_lines(request), MAX_LINES))
    except KeyError:
        return None
    machine.enter()
    outer, machine.file = machine.file, held[0]
    begun = change(machine.called(call, state), functions={}, traps={}, status="0")
    begun = begun.having("PWD", request.folder or ".")
    ended = run_recipe(machine, lines, begun)
    machine.file = outer
    machine.nested -= 1
    return distinct(leave_subshell(state, one) for one in ended)


def run_recipe(machine: Machine, lines: Sequence[Line], state: State) -> list[State]:
    """Run each line in a shell of its own; make stops at the first that fails."""
    ended: list[State] = []
    current = [state]
    for line in lines:
        by = Call(file="", line=line.number, argv=("sh",), written=("sh",))
        following: list[State] = []
        for one in current:
            following += run_script(machine, line.text, one, by, options=(), line=line.number)
        current = []
        for after in distinct(following):
            fails = after.status not in {"0", OTHER, UNKNOWN}
            if fails and line.ignored:
                current.append(change(after.losing(line.number, "-"), status="0"))
            elif fails:
                ended.append(after)
            else:
                current.append(change(after, status="0"))
    return [*ended, *current]


def run_shell(machine: Machine, call: Call, state: State) -> list[State] | None:
    """Run another script: behind `-c`, in a file, or from a here-document."""
    words = list(call.argv)
    if machine.world.ends_at_drop and drops_root(call, state):
        return None
    if call.name not in SHELLS:
        return run_file(machine, call, words[0], tuple(words[1:]), state)
    if call.name == "busybox":
        words = words[1:]
    options, rest = shell_options(words[1:])
    as_user = change(
        state, user=machine.uid_of(call.user), expands_braces=call.name in EXPAND_BRACES
    )
    if "-c" in options and rest:
        name, arguments = rest[1] if len(rest) > 1 else words[0], tuple(rest[2:])
        inner = change(as_user, arguments=arguments, script=name)
        ended = run_script(machine, rest[0], inner, call, options=options)
        return [leave_script(state, one) for one in ended]
    if rest and rest[0] != "-" and "-s" not in options:
        ran = run_file(machine, call, rest[0], tuple(rest[1:]), as_user, options)
        return ran and [leave_script(state, one) for one in ran]
    if call.stdin is not None:
        ended = run_script(machine, call.stdin, as_user, call, options=options)
        return [leave_script(state, one) for one in ended]
    return None


def drops_root(call: Call, state: State) -> bool:
    """Tell whether a command leaves root for good."""
    name = call.user.partition(":")[0]
    return call.replaces and state.user == "0" and is_known(name) and name not in _ROOT


def run_file(
    machine: Machine,
    call: Call,
    path: str,
    arguments: tuple[str, ...],
    state: State,
    options: Sequence[str] | None = None,
) -> list[State] | None:
    """Run a file; by itself it is run with the options of its first line."""
    source = (
        machine.world.read_file(path, state.variables.get("PWD", "")) if is_known(path) else None
    )
    if source is None:
        return None
    outer, machine.file = machine.file, source.name
    inner = change(
        machine.called(call, state),
        arguments=arguments,
        script=path,
        functions={},
        user=machine.uid_of(call.user),
    )
    if options is None:
        program, *words = shebang_of(source.text) or ["sh"]
        options, _ = shell_options(words)
        inner = change(inner, expands_braces=program.rpartition("/")[2] in EXPAND_BRACES)
    ended = run_script(machine, source.text, inner, call, options=options)
    machine.file = outer
    return [leave_script(state, one) for one in ended]


def run_script(
    machine: Machine,
    text: str,
    state: State,
    call: Call,
    *,
    options: Sequence[str],
    line: int | None = None,
) -> list[State]:
    """Run a script in a shell of its own; what it defines and sets stays there.

    All of it stands on `line`, where that is given.
    """
    if not is_known(text) and text.strip(UNKNOWN) == "":
        return [change(machine.called(call, state), status=UNKNOWN, opaque=True)]
    machine.enter()
    begun = set_options(change(state, errexit=False, pipefail=False, traps={}), options)
    if line is None:
        line = 0 if machine.file != call.file else call.line
    tree = machine.parse(text.replace(UNKNOWN, "\ue000?\ue001"), line)
    if call.replaces and options and "-c" in options:
        tree = make_last_by_exec(tree)
    ended = [
        leave_subshell(state, one, replaces=call.replaces) for one in machine.finish(tree, begun)
    ]
    machine.nested -= 1
    return distinct(ended)


def evaluate_text(
    machine: Machine, text: str, call: Call, state: State, *, guarded: bool
) -> list[State]:
    """Run a text in this very shell."""
    machine.enter()
    ended = machine.run(machine.parse(text, call.line), [state], guarded=guarded)
    machine.nested -= 1
    return ended


def source_file(machine: Machine, path: str, state: State, *, guarded: bool) -> list[State]:
    """Run another file in this very shell."""
    source = (
        machine.world.read_file(path, state.variables.get("PWD", "")) if is_known(path) else None
    )
    if source is None and _SETS_VARIABLES.search(path):
        for name in _RELEASE if "release" in path else ():
            state = state.having(name, UNKNOWN)
        return [change(state, status="0" if state.errexit else OTHER)]
    if source is None:
        return [change(state, status=OTHER, opaque=True)]
    machine.enter()
    outer, machine.file = machine.file, source.name
    around = state.variables.get("BASH_SOURCE")
    begun = state.having("BASH_SOURCE", path)
    ended = machine.run(machine.parse(source.text, 0), [begun], guarded=guarded)
    machine.file = outer
    machine.nested -= 1
    back = (with_source_name(one, around) for one in ended)
    return [change(one, flow="") if one.flow == "return" else one for one in back]
