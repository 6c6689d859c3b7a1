"""A script run in thought: each way through it that its text allows, and what becomes of a failure.

Programs are not run. One kind of command can be watched: it fails wherever it is called, or holds.
Of other programs nothing is known but what a World says; where their status decides, both ways are
gone. So "it cannot end well" means: on no way that the text allows.
See D39 in ARCHITECTURE.md.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from hardgate.pipeline.static.shell_arithmetic import calculate, update_variable
from hardgate.pipeline.static.shell_builtins import BUILTINS, ENDS, PLAIN
from hardgate.pipeline.static.shell_commands import run_simple
from hardgate.pipeline.static.shell_compound import (
    define_function,
    note_opaque,
    run_background,
    run_block,
    run_case,
    run_chain,
    run_for,
    run_if,
    run_loop,
    run_pipeline,
)
from hardgate.pipeline.static.shell_filters import run_filter
from hardgate.pipeline.static.shell_reader import TooLargeError, lines_of, read_script
from hardgate.pipeline.static.shell_scripts import run_make, run_shell
from hardgate.pipeline.static.shell_state import (
    FAILED,
    OTHER,
    UNKNOWN,
    Call,
    State,
    change,
    distinct,
)
from hardgate.pipeline.static.shell_tests import judge_test
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
    Variable,
)
from hardgate.pipeline.static.shell_ways import (
    note_handed_on,
)
from hardgate.pipeline.static.shell_words import Expander
from hardgate.pipeline.static.shell_world import TooManyWaysError, World

MAX_STEPS = 20_000
MAX_NESTED = 12
TESTS = frozenset({"[", "[[", "test", "(("})


_UPDATED = re.compile(r"(?<!\w)([A-Za-z_]\w*+)\s*+(?:\+\+|--|[-+*/%]?=[^=])")
"""What is set in arithmetic that is not worked out."""


class Machine:
    """One look at a script and at those that it runs."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.steps = 0
        self.nested = 0
        self.file = world.file
        self.calls: dict[Call, None] = {}
        """All calls, in the order in which they were first come upon."""
        self.expander = Expander(self)

    def finish(self, script: Script, state: State) -> list[State]:
        """Run a whole script, with its EXIT trap; `flow` is empty in what comes of it."""
        ended = []
        for final in self.run(script, [state], guarded=False):
            ended += self.run_exit_trap(final)
        return distinct(change(final, flow="", levels=0) for final in ended)

    def run_exit_trap(self, state: State) -> list[State]:
        """Run the trap on EXIT."""
        body = state.traps.get("EXIT")
        if not body:
            return [state]
        before = change(
            state, flow="", traps={**state.traps, "EXIT": ""}, trapped_status=state.status
        )
        ended = []
        for after in self.run(self.parse(body, 0), [before], guarded=False):
            if after.flow == "exit":
                after = change(after, loss=state.loss)  # noqa: PLW2901
                lost = after.losing(state.trap_line, f"trap '{body}' EXIT")
                ended.append(lost if after.status == "0" else after)
            else:
                ended.append(change(after, status=state.status, flow=state.flow))
        return ended

    def parse(self, text: str, line: int) -> Script:
        """Read a script; raises TooManyWaysError where it is too large."""
        try:
            return _read_once(text, line)
        except TooLargeError as error:
            raise TooManyWaysError(str(error)) from None

    def run(self, script: Script, states: Iterable[State], *, guarded: bool) -> list[State]:
        """Run commands one after the other; `guarded`: `set -e` does not look at them."""
        current = list(states)
        for item in script.items:
            following = []
            for state in current:
                if state.flow:
                    following.append(state)
                    continue
                begun = self._begun(item, state)
                following += self.node(item, begun, guarded=guarded)
            current = distinct(following)
        return current

    def _begun(self, item: Node, state: State) -> State:
        """Note that a failure is passed by, where the next command simply begins."""
        if state.status != FAILED:
            return state
        return state.losing(item.line, f"; {self.expander.show(item)}")

    def node(self, node: Node, state: State, *, guarded: bool) -> list[State]:
        """Run one command of any kind."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooManyWaysError("there are too many ways through it")
        state = change(state, immune=False)
        runner = _RUNNERS[type(node)]
        return runner(self, node, state, guarded)

    def check_errexit(self, states: Iterable[State], *, guarded: bool) -> list[State]:
        """End the script where `set -e` does, or a trap on ERR."""
        checked: list[State] = []
        for state in states:
            trap = state.traps.get("ERR", "")
            fails = state.status not in {"0", OTHER, UNKNOWN}
            if state.flow or guarded or state.immune or not fails:
                checked.append(state)
            elif trap:
                before = change(state, traps={**state.traps, "ERR": ""})
                for after in self.run(self.parse(trap, 0), [before], guarded=False):
                    by = f"trap '{trap}' ERR"
                    after = change(after, loss=state.loss)  # noqa: PLW2901
                    lost = after.losing(state.trap_line, by) if after.flow else after
                    back = lost if after.flow else change(state, may=after.may, must=after.must)
                    checked.append(self._exited(back) if not after.flow else back)
            else:
                checked.append(self._exited(state))
        return checked

    @staticmethod
    def _exited(state: State) -> State:
        return change(state, flow="exit") if state.errexit else state

    def end_shells(self, states: Iterable[State]) -> list[State]:
        """Let shells of their own end: each runs its EXIT trap."""
        return [end for state in states for end in self.run_exit_trap(state)]

    def uid_of(self, user: str) -> str:
        """Give the uid of a user as written in a script."""
        name = user.partition(":")[0]
        return name if name.isdigit() or not name else self.world.users(name)

    def called(self, call: Call, state: State) -> State:
        """Note a call."""
        known = {call}
        self.calls.setdefault(call)
        return change(state, may=state.may | known, must=state.must | known, last=call)

    def dispatch(self, call: Call, state: State, *, guarded: bool) -> list[State]:
        """Run a command by what it is: a test, a function, a builtin, a shell, or a program."""
        if call.argv[0] in TESTS:
            return self._test(call, state)
        if call.argv[0] in state.functions:
            return self._function(call, state, guarded=guarded)
        if call.name in {"make", "gmake"} and (made := run_make(self, call, state)) is not None:
            return made
        if self.world.watches(call):
            return [self._watched(call, state)]
        if call.argv[0] in BUILTINS:
            return BUILTINS[call.argv[0]](self, call, state, guarded)
        ended = run_shell(self, call, state)
        return ended if ended is not None else self._program(call, state, guarded=guarded)

    def _watched(self, call: Call, state: State) -> State:
        noted = change(self.called(call, state), ran=True)
        if self.world.fails(call):
            return change(noted, failed=True, status=FAILED)
        return change(noted, rescues=noted.rescues + 1, status="0")

    def _program(self, call: Call, state: State, *, guarded: bool) -> list[State]:
        noted = self.called(call, state)
        answer = run_filter(call.argv, state.stdin)
        if any("GITHUB_OUTPUT" in path or "GITHUB_ENV" in path for path in call.writes):
            noted = note_handed_on(call, answer.text if answer else None, noted)
        if answer is not None and call.name not in PLAIN:
            return [change(noted, status=answer.status)]
        if call.name in ENDS or (state.opaque and call.name not in PLAIN):
            return [change(noted, status=UNKNOWN)]
        if guarded and call.name not in PLAIN:
            return [change(noted, status="0"), change(noted, status="1")]
        plain = call.name in PLAIN or state.errexit
        return [change(noted, status="0" if plain else OTHER)]

    def _test(self, call: Call, state: State) -> list[State]:
        closing = {"[": "]", "[[": "]]"}.get(call.argv[0])
        words = call.argv[1:-1] if closing and call.argv[-1] == closing else call.argv[1:]
        if call.argv[0] == "((":
            return self.calculated(words[0] if words else "", call, state)
        here = posixpath.normpath(call.folder or ".")
        inside = [path for path in state.files if (posixpath.dirname(path) or ".") == here]
        files = {
            **state.files,
            **{posixpath.basename(path): state.files[path] for path in inside},
        }
        answer = judge_test(words, patterns=call.argv[0] == "[[", files=files)
        if answer is None:
            return self.undecided("\0".join(call.argv), state)
        return [change(state, status="0" if answer else "1")]

    def calculated(self, text: str, call: Call, state: State) -> list[State]:
        """Run `(( … ))` or `let`: it may set a variable, and holds where it comes to any but 0."""

        text = text.replace("\\\n", "")

        def number(name: str) -> str:
            return state.status if name == "?" else self.expander.number(name, state)

        update = update_variable(text, number)
        if update is not None:
            name, made, value = update
            state = state.having(name, made)
        else:
            value = calculate(text, number)
            for name in _UPDATED.findall(text) if value == UNKNOWN else ():
                state = state.having(name, UNKNOWN)
        if value in {UNKNOWN, OTHER}:
            return self.undecided("\0".join(call.argv), state)
        return [change(state, status="1" if value == "0" else "0")]

    def undecided(self, text: str, state: State) -> list[State]:
        """Go both ways, and the same one again where the same is asked again."""
        if text in state.assumptions:
            return [change(state, status="0" if state.assumptions[text] else "1")]
        return [
            change(
                state,
                status="0" if held else "1",
                assumptions={**state.assumptions, text: held},
            )
            for held in (True, False)
        ]

    def value(self, name: str, state: State) -> str:
        """Give a variable's value."""
        return self.expander.value(Variable(name=name), state)

    def _function(self, call: Call, state: State, *, guarded: bool) -> list[State]:
        self.enter()
        body = state.functions[call.argv[0]]
        begun = change(state, arguments=call.argv[1:], status="0")
        ended = [
            change(
                after,
                arguments=state.arguments,
                flow="" if after.flow == "return" else after.flow,
                immune=False,
            )
            for after in self.node(body, begun, guarded=guarded)
        ]
        self.nested -= 1
        return ended

    def enter(self) -> None:
        """Note that one more script or function is nested."""
        self.nested += 1
        if self.nested > MAX_NESTED:
            raise TooManyWaysError("scripts and functions in it are nested too deeply")


_RUNNERS: Mapping[type, Callable[[Machine, Any, State, bool], list[State]]] = {
    Simple: run_simple,
    Pipeline: run_pipeline,
    Chain: run_chain,
    Background: run_background,
    Block: run_block,
    If: run_if,
    Loop: run_loop,
    For: run_for,
    Case: run_case,
    Function: define_function,
    Opaque: note_opaque,
}


@lru_cache(maxsize=256)
def _read_once(text: str, line: int) -> Script:
    """Read a text once, however often it is run; all of it is on one line, where one is given."""
    return read_script(text, (lambda _: line) if line else lines_of(text))
