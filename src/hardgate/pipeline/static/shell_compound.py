"""A shell's lists, pipelines and compound commands, as ways through a script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from hardgate.pipeline.static.shell_commands import (
    note_redirects,
    read_input,
)
from hardgate.pipeline.static.shell_state import (
    FAILED,
    JOB,
    OTHER,
    UNKNOWN,
    State,
    change,
    distinct,
    is_known,
)
from hardgate.pipeline.static.shell_tree import (
    Background,
    Block,
    Case,
    Chain,
    For,
    Function,
    If,
    Loop,
    Node,
    Opaque,
    Pipeline,
    Script,
    Simple,
)
from hardgate.pipeline.static.shell_ways import (
    distinct_ways,
    leave_subshell,
    matches_pattern,
    note_handled_failure,
    pass_over,
    start_folders,
    state_line,
)

if TYPE_CHECKING:
    from hardgate.pipeline.static.shell_machine import Machine


MAX_ROUNDS = 3
"""How often a loop's body is gone through at most; a fourth round tells nothing new."""
MAX_LISTED = 12


def run_pipeline(machine: Machine, node: Pipeline, state: State, guarded: bool) -> list[State]:
    """Run a pipeline, and end the script where `set -e` does."""
    return machine.check_errexit(
        pipe_through(machine, node, state, guarded=guarded), guarded=guarded
    )


def define_function(machine: Machine, node: Function, state: State, guarded: bool) -> list[State]:
    """Note a function."""
    del machine, guarded
    return [change(state, functions={**state.functions, node.name: node.body}, status="0")]


def note_opaque(machine: Machine, node: Opaque, state: State, guarded: bool) -> list[State]:
    """Take a piece that cannot be read for one that may end in any way."""
    del machine, node, guarded
    return [change(state, status=UNKNOWN, opaque=True, astray=True)]


def run_chain(machine: Machine, node: Chain, state: State, guarded: bool) -> list[State]:
    """Run `left && right` or `left || right`."""
    ended: list[State] = []
    for left in machine.node(node.left, state, guarded=True):
        goes_on, stops = list_status_ways(left, wanted=node.operator == "&&")
        if left.flow:
            ended.append(left)
            continue
        if stops:
            status = left.status if node.operator == "&&" else "0"
            ended.append(change(left, status=status, immune=True))
        if goes_on:
            what = f"{node.operator} {machine.expander.show(node.right)}"
            begun = left.losing(node.right.line, what) if left.status == FAILED else left
            after = machine.node(node.right, begun, guarded=guarded)
            ended += [note_handled_failure(left, one, node.right.line, what) for one in after]
    return distinct(ended)


def list_status_ways(state: State, *, wanted: bool) -> tuple[bool, bool]:
    """Tell whether a status may be the wanted one, and whether it may be the other."""
    if state.status in {OTHER, UNKNOWN}:
        return True, True
    return (state.status == "0") is wanted, (state.status == "0") is not wanted


def pipe_through(machine: Machine, node: Pipeline, state: State, *, guarded: bool) -> list[State]:
    """Run each command of a pipeline with what those before it print."""
    ways: list[tuple[State, tuple[str, ...]]] = [(state, ())]
    for number, part in enumerate(node.parts):
        is_last = number == len(node.parts) - 1
        following: list[tuple[State, tuple[str, ...]]] = []
        for before, statuses in ways:
            inner = change(before, flow="", status="0")
            if number:
                inner = feed(machine, node.parts[:number], inner, state)
            watched = guarded or node.negated if is_last else state.pipefail and guarded
            results = machine.node(part, inner, guarded=watched) if len(node.parts) == 1 else (
                run_apart(machine, part, inner, guarded=watched)
            )  # fmt: skip
            following += [(one, (*statuses, one.status)) for one in results]
        ways = distinct_ways(following)
    return [end for one, statuses in ways for end in end_pipeline(machine, node, one, statuses)]


def feed(machine: Machine, before: Sequence[Node], state: State, outer: State) -> State:
    """Give a pipeline's next command what those before it print, as far as that is known."""
    printed = machine.expander.printed(Pipeline(line=0, parts=tuple(before)), outer)
    last = before[-1]
    found: tuple[str, ...] = ()
    if isinstance(last, Simple) and last.words:
        words = machine.expander.fields(last.words, outer)
        if words[:1] == ["find"]:
            found = tuple(start_folders(words))
    return change(state, stdin=printed, found=found)


def run_apart(machine: Machine, node: Node, state: State, *, guarded: bool) -> list[State]:
    """Run a command in a shell of its own: its variables and its exit stay there."""
    inner = change(state, traps={})
    ended = machine.end_shells(machine.node(node, inner, guarded=guarded))
    return distinct(leave_subshell(state, one) for one in ended)


def end_pipeline(
    machine: Machine, node: Pipeline, state: State, statuses: tuple[str, ...]
) -> Iterator[State]:
    """Give the status of a pipeline, as `pipefail` and `!` let it."""
    status = statuses[-1]
    if state.pipefail:
        status = next((s for s in reversed(statuses) if s not in {"0", OTHER}), status)
    ended = change(state, status=status, pipe_statuses=statuses, found=())
    if FAILED in statuses[:-1] and status in {"0", OTHER}:
        shown = machine.expander.show(node.parts[statuses.index(FAILED) + 1])
        ended = ended.losing(node.line, f"| {shown}", in_pipe=True)
    if not node.negated or ended.flow:
        yield ended
        return
    for way in ("0", "1") if status in {OTHER, UNKNOWN} else (status,):
        turned = "1" if way == "0" else "0"
        after = ended.losing(node.line, "!") if way == FAILED else ended
        yield change(after, status=turned, immune=True)


def run_background(machine: Machine, node: Background, state: State, guarded: bool) -> list[State]:
    """Run a command in the background: its failure is left for `wait`."""
    del guarded
    ended = []
    for after in run_apart(machine, node.body, state, guarded=False):
        job = JOB if after.status == FAILED else UNKNOWN
        lost = after.losing(node.line, "&") if job == JOB else after
        ended.append(change(lost.having("!", job), status="0"))
    return distinct(ended)


def run_block(machine: Machine, node: Block, state: State, guarded: bool) -> list[State]:
    """Run a group, in this shell or in one of its own."""
    begun = note_redirects(machine, node.redirects, state, node.line)
    if any(one.operator.startswith("<") for one in node.redirects):
        begun = change(begun, stdin=read_input(machine, node.redirects, state))
    if not node.subshell:
        ended = machine.run(node.body, [begun], guarded=guarded)
        if begun.stdin is not state.stdin:
            ended = distinct(change(one, stdin=state.stdin) for one in ended)
        return ended
    inner = machine.run(node.body, [change(begun, traps={})], guarded=guarded)
    ended = distinct(leave_subshell(begun, one) for one in machine.end_shells(inner))
    return machine.check_errexit(ended, guarded=guarded)


def run_if(machine: Machine, node: If, state: State, guarded: bool) -> list[State]:
    """Run the branches that a condition may lead to."""
    ended: list[State] = []
    waiting = [state]
    for condition, body in node.branches:
        after = machine.run(condition, waiting, guarded=True)
        ended += [one for one in after if one.flow]
        going = [one for one in after if not one.flow]
        ended += run_branch(machine, body, going, wanted=True, guarded=guarded)
        waiting = [one for one in going if list_status_ways(one, wanted=False)[0]]
    if node.otherwise is None:
        passed = [pass_over(one, node.line, "if … fi") for one in waiting]
        return distinct([*ended, *passed])
    ended += run_branch(machine, node.otherwise, waiting, wanted=False, guarded=guarded)
    return distinct(ended)


def run_branch(
    machine: Machine, body: Script, states: Sequence[State], *, wanted: bool, guarded: bool
) -> list[State]:
    """Run a branch where its condition may have come to `wanted`."""
    ended = []
    for state in states:
        if not list_status_ways(state, wanted=wanted)[0]:
            continue
        before = state.losing(state_line(body), "if … fi") if state.status == FAILED else state
        after = machine.run(body, [before], guarded=guarded)
        ended += [note_handled_failure(state, one, state_line(body), "if … fi") for one in after]
    return ended


def run_loop(machine: Machine, node: Loop, state: State, guarded: bool) -> list[State]:
    """Run a `while` or `until` loop as often as it is followed."""
    ended: list[State] = []
    if (state.stdin or "").count("\n") > MAX_LISTED:
        state = change(state, stdin=None)
    current = [state]
    for number in range(MAX_ROUNDS if state.stdin is None else MAX_LISTED + 1):
        entered: list[State] = []
        for before in current:
            entered += enter_loop(machine, node, before, ended, is_first=number == 0)
        current = sort_rounds(machine.run(node.body, entered, guarded=guarded), ended)
        if not current:
            break
    return distinct(ended)


def enter_loop(
    machine: Machine, node: Loop, before: State, ended: list[State], *, is_first: bool
) -> list[State]:
    """Ask a loop's condition; where it ends the loop, the status is that of its body."""
    status = "0" if is_first else before.status
    if node.condition is None:
        ended.append(change(before, status=status, immune=True))
        return [before]
    entered = []
    for after in machine.run(node.condition, [before], guarded=True):
        if after.flow:
            ended.append(after)
            continue
        if list_status_ways(after, wanted=not node.until)[0]:
            entered.append(after)
        if list_status_ways(after, wanted=node.until)[0]:
            passed = pass_over(after, node.line, "while … done")
            ended.append(change(passed, status=status, immune=True))
    return entered


def sort_rounds(states: Iterable[State], ended: list[State]) -> list[State]:
    """Sort out what a loop's body came to: another round, or the end of the loop."""
    current = []
    for state in states:
        if state.flow in {"break", "continue"}:
            if state.levels > 1:
                ended.append(change(state, levels=state.levels - 1))
            elif state.flow == "break":
                ended.append(change(state, flow="", levels=0, status="0"))
            else:
                current.append(change(state, flow="", levels=0))
        elif state.flow:
            ended.append(state)
        else:
            current.append(state)
    return distinct(current)


def run_for(machine: Machine, node: For, state: State, guarded: bool) -> list[State]:
    """Run a `for` loop once for each word that is known."""
    ended: list[State] = []
    for words, begun in machine.expander.words(node.words, state):
        listed = words[:MAX_LISTED]
        rounds = listed if all(map(is_known, listed)) else [*listed, UNKNOWN]
        open_ended = not all(map(is_known, listed)) or len(words) > MAX_LISTED
        current = [begun]
        if not rounds:
            current = [change(begun, status="0")]
        for number, word in enumerate(rounds):
            if open_ended:
                ended += [change(one, status="0") if number == 0 else one for one in current]
            entered = [one.having(node.name, word) for one in current]
            current = sort_rounds(machine.run(node.body, entered, guarded=guarded), ended)
        ended += current
    return distinct(ended)


def run_case(machine: Machine, node: Case, state: State, guarded: bool) -> list[State]:
    """Run the bodies of a `case` whose patterns may match."""
    subject = machine.expander.text(node.subject, state)
    ended: list[State] = []
    falling: list[State] = []
    is_over = False
    for patterns, body, end in node.items:
        matches = matches_pattern(subject, [machine.expander.text(one, state) for one in patterns])
        begun = [*falling, *([] if is_over or matches is False else [state])]
        if not begun:
            continue
        entered = begun if body.items else [change(one, status="0") for one in begun]
        after, falling = machine.run(body, entered, guarded=guarded), []
        if end == ";&":
            falling = [one for one in after if not one.flow]
            ended += [one for one in after if one.flow]
        else:
            ended += after
        is_over = is_over or (matches is True and end != ";;&")
        if is_over and not falling:
            return distinct(ended)
    passed = [] if is_over else [change(state, status="0")]
    return distinct([*ended, *falling, *passed])
