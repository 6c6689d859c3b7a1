"""A shell's simple commands: what they are given, what they write, and what becomes of them."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hardgate.pipeline.static.shell_scripts import (
    run_script,
)
from hardgate.pipeline.static.shell_state import (
    FAILED,
    Call,
    State,
    change,
    distinct,
    is_known,
)
from hardgate.pipeline.static.shell_tree import (
    Output,
    Redirect,
    Simple,
)
from hardgate.pipeline.static.shell_ways import (
    add_xargs_input,
    has_substitution,
)
from hardgate.pipeline.static.shell_wrappers import unwrap

if TYPE_CHECKING:
    from hardgate.pipeline.static.shell_machine import Machine


def run_simple(machine: Machine, node: Simple, state: State, guarded: bool) -> list[State]:
    """Run a simple command, and end the script where `set -e` does."""
    return machine.check_errexit(
        run_each_reading(machine, node, state, guarded=guarded), guarded=guarded
    )


def read_input(machine: Machine, redirects: Sequence[Redirect], state: State) -> str | None:
    """Give what is redirected to standard input; None where it cannot be told."""
    one = next(one for one in redirects if one.operator.startswith("<"))
    if one.operator not in {"<<", "<<<"}:
        part = one.target.parts[0] if len(one.target.parts) == 1 else None
        items = part.script.items if isinstance(part, Output) and part.is_file else ()
        return machine.expander.printed(items[0], state) if len(items) == 1 else None
    text = machine.expander.text(one.target, state) + "\n" * (one.operator == "<<<")
    return text if is_known(text) else None


def note_redirects(
    machine: Machine, redirects: Sequence[Redirect], state: State, line: int
) -> State:
    """Note the files that a group writes, as if a `tee` did."""
    for path in list_written(machine, redirects, state):
        call = Call(file=machine.file, line=line, argv=("{",), written=("{",), writes=(path,))
        state = machine.called(call, state)
    return state


def list_written(machine: Machine, redirects: Sequence[Redirect], state: State) -> tuple[str, ...]:
    """Give the files that redirections write."""
    targets = [one.target for one in redirects if one.operator in {">", ">>", ">|", "&>"}]
    return tuple(machine.expander.text(target, state) for target in targets)


def run_each_reading(machine: Machine, node: Simple, state: State, *, guarded: bool) -> list[State]:
    """Run a simple command in each way that its words may be read."""
    ended: list[State] = []
    for values, begun in machine.expander.assignments(node.assignments, state):
        for words, ready in machine.expander.words(node.words, begun):
            if words[:1] == ["[["]:
                words = machine.expander.tested(node.words, ready)  # noqa: PLW2901
            if node.declares or not words:
                ended.append(assign(machine, node, values, words, state, ready))
            else:
                ended += run_command(machine, node, tuple(words), values, ready, guarded=guarded)
    return distinct(ended)


def assign(
    machine: Machine,
    node: Simple,
    values: Sequence[tuple[str, str]],
    words: Sequence[str],
    before: State,
    state: State,
) -> State:
    """Set the variables of a command that has no program, or declares them."""
    for name, value in values:
        state = state.having(name, value)
    if node.redirects:
        state = note_redirects(machine, node.redirects, state, node.line)
    if node.declares:
        if state.status == FAILED and before.status != FAILED:
            state = state.losing(node.line, f"{words[0]} …=$(…)")
        return change(state, status="0")
    has_output = any(has_substitution(one.value) for one in node.assignments)
    return state if has_output else change(state, status="0")


def run_command(
    machine: Machine,
    node: Simple,
    words: tuple[str, ...],
    values: Sequence[tuple[str, str]],
    state: State,
    *,
    guarded: bool,
) -> list[State]:
    """Call a program with its redirections, as what it is unwrapped to."""
    unwrapped = unwrap(words)
    if "xargs" in unwrapped.wrappers:
        unwrapped = replace(unwrapped, argv=add_xargs_input(unwrapped.argv, state))
    given = any(one.operator.startswith("<") for one in node.redirects)
    stdin = read_input(machine, node.redirects, state) if given else None
    document = next((r.target for r in node.redirects if r.operator in {"<<", "<<<"}), None)
    call = Call(
        file=machine.file,
        line=node.line,
        argv=unwrapped.argv,
        written=words,
        user=unwrapped.user or state.user,
        wrappers=unwrapped.wrappers,
        writes=list_written(machine, node.redirects, state),
        stdin=machine.expander.text(document, state) if document else None,
        replaces="exec" in unwrapped.wrappers[:1] or words[0] == "exec",
        ends_script=state.errexit and not guarded,
        folder=state.variables.get("PWD", ""),
    )
    inner = change(state, stdin=stdin) if given else state
    for name, value in (*values, *unwrapped.variables.items()):
        inner = inner.having(name, value)
    for target in (r.target for r in node.redirects if r.operator.startswith("<")):
        inner = machine.expander.fed(target, inner, node.line)
    if unwrapped.script is not None:
        arguments = unwrapped.arguments
        inner = change(inner, arguments=arguments[1:], script=(*arguments, "sh")[0])
        ended = run_as_user(machine, call, unwrapped.script, inner)
        ended = [change(one, arguments=state.arguments, script=state.script) for one in ended]
    else:
        ended = machine.dispatch(call, inner, guarded=guarded)
    if given:
        ended = [change(one, stdin=state.stdin) for one in ended]
    ended = [note_files(call, one) for one in ended]
    if values:
        ended = [change(one, variables=state.variables) for one in ended]
    return [note_replaced(call, one) for one in ended] if call.replaces else ended


def note_files(call: Call, state: State) -> State:
    """Note the files that a command makes or removes."""
    made = [path for path in call.writes if not path.startswith("/dev/")]
    operands = [word for word in call.argv[1:] if not word.startswith("-")]
    if call.name in {"touch", "mkdir"} and state.status != "1":
        made += operands
    gone = operands if call.name in {"rm", "rmdir"} else []
    gone += operands[:-1] if call.name == "mv" else []
    if not made and not gone:
        return state
    files = dict(state.files)
    for paths, there in ((made, True), (gone, False)):
        plain = (path for path in paths if is_known(path) and not set("*?[") & set(path))
        files |= {posixpath.normpath(posixpath.join(call.folder, path)): there for path in plain}
    return change(state, files=files)


def run_as_user(machine: Machine, call: Call, text: str, state: State) -> list[State]:
    """Run what `su -c` is given, as that user; su itself waits for it."""
    noted = change(machine.called(call, state), user=machine.uid_of(call.user))
    ended = run_script(machine, text, noted, call, options=())
    return [
        change(one, user=state.user, replaced_by=state.replaced_by, flow=state.flow)
        for one in ended
    ]


def note_replaced(call: Call, state: State) -> State:
    """Note that a command takes the shell's place, and ends the script by that."""
    if call.argv[:1] == ("exec",) or state.flow == "exit":
        return state
    return change(state, flow=state.flow or "exit", replaced_by=state.replaced_by or call)
