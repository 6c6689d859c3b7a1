"""A script run in thought: each way through it that its text allows, and what becomes of a failure.

Programs are not run. One kind of command can be watched: it fails wherever it is called, or holds.
Of other programs nothing is known but what a World says; where their status decides, both ways are
gone. So "it cannot end well" means: on no way that the text allows.
See D39 in ARCHITECTURE.md.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

from hardgate.pipeline.static.makefile import MAX_LINES, Line, read_request
from hardgate.pipeline.static.shell_arithmetic import calculate, update_variable
from hardgate.pipeline.static.shell_builtins import BUILTINS, ENDS, PLAIN, shell_options
from hardgate.pipeline.static.shell_filters import run_filter
from hardgate.pipeline.static.shell_reader import TooLargeError, lines_of, read_script
from hardgate.pipeline.static.shell_state import (
    FAILED,
    JOB,
    OTHER,
    UNKNOWN,
    Call,
    State,
    change,
    distinct,
    is_known,
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
    Output,
    Pipeline,
    Redirect,
    Script,
    Simple,
    Variable,
)
from hardgate.pipeline.static.shell_ways import (
    add_xargs_input,
    distinct_ways,
    has_substitution,
    leave_script,
    leave_subshell,
    make_last_by_exec,
    matches_pattern,
    note_handed_on,
    note_handled_failure,
    pass_over,
    set_options,
    shebang_of,
    start_folders,
    state_line,
    with_source_name,
)
from hardgate.pipeline.static.shell_words import Expander
from hardgate.pipeline.static.shell_world import TooManyWaysError, World
from hardgate.pipeline.static.shell_wrappers import EXPAND_BRACES, SHELLS, unwrap

MAX_STEPS = 20_000
MAX_NESTED = 12
MAX_ROUNDS = 3
"""How often a loop's body is gone through at most; a fourth round tells nothing new."""
MAX_LISTED = 12
_ROOT = frozenset({"", "0", "root"})
TESTS = frozenset({"[", "[[", "test", "(("})


_SETS_VARIABLES = re.compile(
    r"(^|/)etc/(os-release|lsb-release|environment|profile|default/[^/]+)$|/lib/os-release$|"
    r"/activate$|\.cargo/env$|(^|/)(nvm\.sh|\.bashrc|\.profile|\.bash_profile|\.env|[^/]+\.env)$"
)
"""Files that are sourced for their variables, and end and replace nothing."""
_UPDATED = re.compile(r"(?<!\w)([A-Za-z_]\w*+)\s*+(?:\+\+|--|[-+*/%]?=[^=])")
"""What is set in arithmetic that is not worked out."""
_RELEASE = (
    *("ID", "ID_LIKE", "NAME", "VERSION", "VERSION_ID", "VERSION_CODENAME", "UBUNTU_CODENAME"),
    *("PRETTY_NAME", "DISTRIB_ID", "DISTRIB_RELEASE", "DISTRIB_CODENAME"),
)
"""What the files that name a distribution set."""


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
        self._runners: Mapping[type, Callable[[Any, State, bool], list[State]]] = {
            Simple: self._run_simple,
            Pipeline: self._run_pipeline,
            Chain: self._chain,
            Background: self._background,
            Block: self._block,
            If: self._if,
            Loop: self._loop,
            For: self._for,
            Case: self._case,
            Function: self._run_function,
            Opaque: self._run_opaque,
        }

    def finish(self, script: Script, state: State) -> list[State]:
        """Run a whole script, with its EXIT trap; `flow` is empty in what comes of it."""
        ended = []
        for final in self.run(script, [state], guarded=False):
            ended += self._trapped(final)
        return distinct(change(final, flow="", levels=0) for final in ended)

    def _trapped(self, state: State) -> list[State]:
        body = state.traps.get("EXIT")
        if not body:
            return [state]
        before = change(
            state, flow="", traps={**state.traps, "EXIT": ""}, trapped_status=state.status
        )
        ended = []
        for after in self.run(self._read(body, 0), [before], guarded=False):
            if after.flow == "exit":
                after = change(after, loss=state.loss)  # noqa: PLW2901
                lost = after.losing(state.trap_line, f"trap '{body}' EXIT")
                ended.append(lost if after.status == "0" else after)
            else:
                ended.append(change(after, status=state.status, flow=state.flow))
        return ended

    def _read(self, text: str, line: int) -> Script:
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
        runner = self._runners[type(node)]
        return runner(node, state, guarded)

    def _run_simple(self, node: Simple, state: State, guarded: bool) -> list[State]:
        return self._checked(self._simple(node, state, guarded=guarded), guarded=guarded)

    def _run_pipeline(self, node: Pipeline, state: State, guarded: bool) -> list[State]:
        return self._checked(self._pipeline(node, state, guarded=guarded), guarded=guarded)

    def _run_function(self, node: Function, state: State, guarded: bool) -> list[State]:
        del guarded
        return [change(state, functions={**state.functions, node.name: node.body}, status="0")]

    def _run_opaque(self, node: Opaque, state: State, guarded: bool) -> list[State]:
        del node, guarded
        return [change(state, status=UNKNOWN, opaque=True, astray=True)]

    def _checked(self, states: Iterable[State], *, guarded: bool) -> list[State]:
        """End the script where `set -e` does, or a trap on ERR."""
        checked: list[State] = []
        for state in states:
            trap = state.traps.get("ERR", "")
            fails = state.status not in {"0", OTHER, UNKNOWN}
            if state.flow or guarded or state.immune or not fails:
                checked.append(state)
            elif trap:
                before = change(state, traps={**state.traps, "ERR": ""})
                for after in self.run(self._read(trap, 0), [before], guarded=False):
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

    # Lists, pipelines and compound commands

    def _chain(self, node: Chain, state: State, guarded: bool) -> list[State]:
        ended: list[State] = []
        for left in self.node(node.left, state, guarded=True):
            goes_on, stops = self._ways(left, wanted=node.operator == "&&")
            if left.flow:
                ended.append(left)
                continue
            if stops:
                status = left.status if node.operator == "&&" else "0"
                ended.append(change(left, status=status, immune=True))
            if goes_on:
                what = f"{node.operator} {self.expander.show(node.right)}"
                begun = left.losing(node.right.line, what) if left.status == FAILED else left
                after = self.node(node.right, begun, guarded=guarded)
                ended += [note_handled_failure(left, one, node.right.line, what) for one in after]
        return distinct(ended)

    @staticmethod
    def _ways(state: State, *, wanted: bool) -> tuple[bool, bool]:
        """Tell whether a status may be the wanted one, and whether it may be the other."""
        if state.status in {OTHER, UNKNOWN}:
            return True, True
        return (state.status == "0") is wanted, (state.status == "0") is not wanted

    def _pipeline(self, node: Pipeline, state: State, *, guarded: bool) -> list[State]:
        ways: list[tuple[State, tuple[str, ...]]] = [(state, ())]
        for number, part in enumerate(node.parts):
            is_last = number == len(node.parts) - 1
            following: list[tuple[State, tuple[str, ...]]] = []
            for before, statuses in ways:
                inner = change(before, flow="", status="0")
                if number:
                    inner = self._fed(node.parts[:number], inner, state)
                watched = guarded or node.negated if is_last else state.pipefail and guarded
                results = self.node(part, inner, guarded=watched) if len(node.parts) == 1 else (
                    self._apart(part, inner, guarded=watched)
                )  # fmt: skip
                following += [(one, (*statuses, one.status)) for one in results]
            ways = distinct_ways(following)
        return [end for one, statuses in ways for end in self._piped(node, one, statuses)]

    def _fed(self, before: Sequence[Node], state: State, outer: State) -> State:
        """Give a pipeline's next command what those before it print, as far as that is known."""
        printed = self.expander.printed(Pipeline(line=0, parts=tuple(before)), outer)
        last = before[-1]
        found: tuple[str, ...] = ()
        if isinstance(last, Simple) and last.words:
            words = self.expander.fields(last.words, outer)
            if words[:1] == ["find"]:
                found = tuple(start_folders(words))
        return change(state, stdin=printed, found=found)

    def _apart(self, node: Node, state: State, *, guarded: bool) -> list[State]:
        """Run a command in a shell of its own: its variables and its exit stay there."""
        inner = change(state, traps={})
        ended = self.end_shells(self.node(node, inner, guarded=guarded))
        return distinct(leave_subshell(state, one) for one in ended)

    def end_shells(self, states: Iterable[State]) -> list[State]:
        """Let shells of their own end: each runs its EXIT trap."""
        return [end for state in states for end in self._trapped(state)]

    def _piped(self, node: Pipeline, state: State, statuses: tuple[str, ...]) -> Iterator[State]:
        status = statuses[-1]
        if state.pipefail:
            status = next((s for s in reversed(statuses) if s not in {"0", OTHER}), status)
        ended = change(state, status=status, pipe_statuses=statuses, found=())
        if FAILED in statuses[:-1] and status in {"0", OTHER}:
            shown = self.expander.show(node.parts[statuses.index(FAILED) + 1])
            ended = ended.losing(node.line, f"| {shown}", in_pipe=True)
        if not node.negated or ended.flow:
            yield ended
            return
        for way in ("0", "1") if status in {OTHER, UNKNOWN} else (status,):
            turned = "1" if way == "0" else "0"
            after = ended.losing(node.line, "!") if way == FAILED else ended
            yield change(after, status=turned, immune=True)

    def _background(self, node: Background, state: State, guarded: bool) -> list[State]:
        del guarded
        ended = []
        for after in self._apart(node.body, state, guarded=False):
            job = JOB if after.status == FAILED else UNKNOWN
            lost = after.losing(node.line, "&") if job == JOB else after
            ended.append(change(lost.having("!", job), status="0"))
        return distinct(ended)

    def _block(self, node: Block, state: State, guarded: bool) -> list[State]:
        begun = self._redirected(node.redirects, state, node.line)
        if any(one.operator.startswith("<") for one in node.redirects):
            begun = change(begun, stdin=self._read_input(node.redirects, state))
        if not node.subshell:
            ended = self.run(node.body, [begun], guarded=guarded)
            if begun.stdin is not state.stdin:
                ended = distinct(change(one, stdin=state.stdin) for one in ended)
            return ended
        inner = self.run(node.body, [change(begun, traps={})], guarded=guarded)
        ended = distinct(leave_subshell(begun, one) for one in self.end_shells(inner))
        return self._checked(ended, guarded=guarded)

    def _read_input(self, redirects: Sequence[Redirect], state: State) -> str | None:
        """Give what is redirected to standard input; None where it cannot be told."""
        one = next(one for one in redirects if one.operator.startswith("<"))
        if one.operator not in {"<<", "<<<"}:
            part = one.target.parts[0] if len(one.target.parts) == 1 else None
            items = part.script.items if isinstance(part, Output) and part.is_file else ()
            return self.expander.printed(items[0], state) if len(items) == 1 else None
        text = self.expander.text(one.target, state) + "\n" * (one.operator == "<<<")
        return text if is_known(text) else None

    def _redirected(self, redirects: Sequence[Redirect], state: State, line: int) -> State:
        """Note the files that a group writes, as if a `tee` did."""
        for path in self._written(redirects, state):
            call = Call(file=self.file, line=line, argv=("{",), written=("{",), writes=(path,))
            state = self.called(call, state)
        return state

    def _written(self, redirects: Sequence[Redirect], state: State) -> tuple[str, ...]:
        targets = [one.target for one in redirects if one.operator in {">", ">>", ">|", "&>"}]
        return tuple(self.expander.text(target, state) for target in targets)

    def _if(self, node: If, state: State, guarded: bool) -> list[State]:
        ended: list[State] = []
        waiting = [state]
        for condition, body in node.branches:
            after = self.run(condition, waiting, guarded=True)
            ended += [one for one in after if one.flow]
            going = [one for one in after if not one.flow]
            ended += self._branch(body, going, wanted=True, guarded=guarded)
            waiting = [one for one in going if self._ways(one, wanted=False)[0]]
        if node.otherwise is None:
            passed = [pass_over(one, node.line, "if … fi") for one in waiting]
            return distinct([*ended, *passed])
        ended += self._branch(node.otherwise, waiting, wanted=False, guarded=guarded)
        return distinct(ended)

    def _branch(
        self, body: Script, states: Sequence[State], *, wanted: bool, guarded: bool
    ) -> list[State]:
        ended = []
        for state in states:
            if not self._ways(state, wanted=wanted)[0]:
                continue
            before = state.losing(state_line(body), "if … fi") if state.status == FAILED else state
            after = self.run(body, [before], guarded=guarded)
            ended += [
                note_handled_failure(state, one, state_line(body), "if … fi") for one in after
            ]
        return ended

    def _loop(self, node: Loop, state: State, guarded: bool) -> list[State]:
        ended: list[State] = []
        if (state.stdin or "").count("\n") > MAX_LISTED:
            state = change(state, stdin=None)
        current = [state]
        for number in range(MAX_ROUNDS if state.stdin is None else MAX_LISTED + 1):
            entered: list[State] = []
            for before in current:
                entered += self._enter_loop(node, before, ended, is_first=number == 0)
            current = self._next_round(self.run(node.body, entered, guarded=guarded), ended)
            if not current:
                break
        return distinct(ended)

    def _enter_loop(
        self, node: Loop, before: State, ended: list[State], *, is_first: bool
    ) -> list[State]:
        """Ask a loop's condition; where it ends the loop, the status is that of its body."""
        status = "0" if is_first else before.status
        if node.condition is None:
            ended.append(change(before, status=status, immune=True))
            return [before]
        entered = []
        for after in self.run(node.condition, [before], guarded=True):
            if after.flow:
                ended.append(after)
                continue
            if self._ways(after, wanted=not node.until)[0]:
                entered.append(after)
            if self._ways(after, wanted=node.until)[0]:
                passed = pass_over(after, node.line, "while … done")
                ended.append(change(passed, status=status, immune=True))
        return entered

    @staticmethod
    def _next_round(states: Iterable[State], ended: list[State]) -> list[State]:
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

    def _for(self, node: For, state: State, guarded: bool) -> list[State]:
        ended: list[State] = []
        for words, begun in self.expander.words(node.words, state):
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
                current = self._next_round(self.run(node.body, entered, guarded=guarded), ended)
            ended += current
        return distinct(ended)

    def _case(self, node: Case, state: State, guarded: bool) -> list[State]:
        subject = self.expander.text(node.subject, state)
        ended: list[State] = []
        falling: list[State] = []
        is_over = False
        for patterns, body, end in node.items:
            matches = matches_pattern(subject, [self.expander.text(one, state) for one in patterns])
            begun = [*falling, *([] if is_over or matches is False else [state])]
            if not begun:
                continue
            entered = begun if body.items else [change(one, status="0") for one in begun]
            after, falling = self.run(body, entered, guarded=guarded), []
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

    # Simple commands

    def _simple(self, node: Simple, state: State, *, guarded: bool) -> list[State]:
        ended: list[State] = []
        for values, begun in self.expander.assignments(node.assignments, state):
            for words, ready in self.expander.words(node.words, begun):
                if words[:1] == ["[["]:
                    words = self.expander.tested(node.words, ready)  # noqa: PLW2901
                if node.declares or not words:
                    ended.append(self._assigned(node, values, words, state, ready))
                else:
                    ended += self._command(node, tuple(words), values, ready, guarded=guarded)
        return distinct(ended)

    def _assigned(
        self,
        node: Simple,
        values: Sequence[tuple[str, str]],
        words: Sequence[str],
        before: State,
        state: State,
    ) -> State:
        for name, value in values:
            state = state.having(name, value)
        if node.redirects:
            state = self._redirected(node.redirects, state, node.line)
        if node.declares:
            if state.status == FAILED and before.status != FAILED:
                state = state.losing(node.line, f"{words[0]} …=$(…)")
            return change(state, status="0")
        has_output = any(has_substitution(one.value) for one in node.assignments)
        return state if has_output else change(state, status="0")

    def _command(
        self,
        node: Simple,
        words: tuple[str, ...],
        values: Sequence[tuple[str, str]],
        state: State,
        *,
        guarded: bool,
    ) -> list[State]:
        unwrapped = unwrap(words)
        if "xargs" in unwrapped.wrappers:
            unwrapped = replace(unwrapped, argv=add_xargs_input(unwrapped.argv, state))
        given = any(one.operator.startswith("<") for one in node.redirects)
        stdin = self._read_input(node.redirects, state) if given else None
        document = next((r.target for r in node.redirects if r.operator in {"<<", "<<<"}), None)
        call = Call(
            file=self.file,
            line=node.line,
            argv=unwrapped.argv,
            written=words,
            user=unwrapped.user or state.user,
            wrappers=unwrapped.wrappers,
            writes=self._written(node.redirects, state),
            stdin=self.expander.text(document, state) if document else None,
            replaces="exec" in unwrapped.wrappers[:1] or words[0] == "exec",
            ends_script=state.errexit and not guarded,
            folder=state.variables.get("PWD", ""),
        )
        inner = change(state, stdin=stdin) if given else state
        for name, value in (*values, *unwrapped.variables.items()):
            inner = inner.having(name, value)
        for target in (r.target for r in node.redirects if r.operator.startswith("<")):
            inner = self.expander.fed(target, inner, node.line)
        if unwrapped.script is not None:
            arguments = unwrapped.arguments
            inner = change(inner, arguments=arguments[1:], script=(*arguments, "sh")[0])
            ended = self._switched(call, unwrapped.script, inner)
            ended = [change(one, arguments=state.arguments, script=state.script) for one in ended]
        else:
            ended = self.dispatch(call, inner, guarded=guarded)
        if given:
            ended = [change(one, stdin=state.stdin) for one in ended]
        ended = [self._noted_files(call, one) for one in ended]
        if values:
            ended = [change(one, variables=state.variables) for one in ended]
        return [self._replaced(call, one) for one in ended] if call.replaces else ended

    def _noted_files(self, call: Call, state: State) -> State:
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
            files |= {
                posixpath.normpath(posixpath.join(call.folder, path)): there for path in plain
            }
        return change(state, files=files)

    def _switched(self, call: Call, text: str, state: State) -> list[State]:
        """Run what `su -c` is given, as that user; su itself waits for it."""
        noted = change(self.called(call, state), user=self.uid_of(call.user))
        ended = self.script(text, noted, call, options=())
        return [
            change(one, user=state.user, replaced_by=state.replaced_by, flow=state.flow)
            for one in ended
        ]

    def _replaced(self, call: Call, state: State) -> State:
        if call.argv[:1] == ("exec",) or state.flow == "exit":
            return state
        return change(state, flow=state.flow or "exit", replaced_by=state.replaced_by or call)

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
        if call.name in {"make", "gmake"} and (made := self._make(call, state)) is not None:
            return made
        if self.world.watches(call):
            return [self._watched(call, state)]
        if call.argv[0] in BUILTINS:
            return BUILTINS[call.argv[0]](self, call, state, guarded)
        ended = self._shell(call, state)
        return ended if ended is not None else self._program(call, state, guarded=guarded)

    def _make(self, call: Call, state: State) -> list[State] | None:
        """Run what a Makefile says of the targets; None where that cannot be told."""
        request = read_request(call.argv, call.folder)
        held = request and all(map(is_known, call.argv)) and self.world.read_makefile(request)
        if not request or not held:
            return None
        try:
            lines = tuple(islice(held[1].iter_lines(request), MAX_LINES))
        except KeyError:
            return None
        self._enter()
        outer, self.file = self.file, held[0]
        begun = change(self.called(call, state), functions={}, traps={}, status="0")
        begun = begun.having("PWD", request.folder or ".")
        ended = self._run_recipe(lines, begun)
        self.file = outer
        self.nested -= 1
        return distinct(leave_subshell(state, one) for one in ended)

    def _run_recipe(self, lines: Sequence[Line], state: State) -> list[State]:
        """Run each line in a shell of its own; make stops at the first that fails."""
        ended: list[State] = []
        current = [state]
        for line in lines:
            by = Call(file="", line=line.number, argv=("sh",), written=("sh",))
            following: list[State] = []
            for one in current:
                following += self.script(line.text, one, by, options=(), line=line.number)
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
        self._enter()
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

    def _enter(self) -> None:
        self.nested += 1
        if self.nested > MAX_NESTED:
            raise TooManyWaysError("scripts and functions in it are nested too deeply")

    def _shell(self, call: Call, state: State) -> list[State] | None:
        """Run another script: behind `-c`, in a file, or from a here-document."""
        words = list(call.argv)
        if self.world.ends_at_drop and self._drops(call, state):
            return None
        if call.name not in SHELLS:
            return self._file(call, words[0], tuple(words[1:]), state)
        if call.name == "busybox":
            words = words[1:]
        options, rest = shell_options(words[1:])
        as_user = change(
            state, user=self.uid_of(call.user), expands_braces=call.name in EXPAND_BRACES
        )
        if "-c" in options and rest:
            name, arguments = rest[1] if len(rest) > 1 else words[0], tuple(rest[2:])
            inner = change(as_user, arguments=arguments, script=name)
            ended = self.script(rest[0], inner, call, options=options)
            return [leave_script(state, one) for one in ended]
        if rest and rest[0] != "-" and "-s" not in options:
            ran = self._file(call, rest[0], tuple(rest[1:]), as_user, options)
            return ran and [leave_script(state, one) for one in ran]
        if call.stdin is not None:
            ended = self.script(call.stdin, as_user, call, options=options)
            return [leave_script(state, one) for one in ended]
        return None

    def _drops(self, call: Call, state: State) -> bool:
        name = call.user.partition(":")[0]
        return call.replaces and state.user == "0" and is_known(name) and name not in _ROOT

    def _file(
        self,
        call: Call,
        path: str,
        arguments: tuple[str, ...],
        state: State,
        options: Sequence[str] | None = None,
    ) -> list[State] | None:
        """Run a file; by itself it is run with the options of its first line."""
        source = (
            self.world.read_file(path, state.variables.get("PWD", "")) if is_known(path) else None
        )
        if source is None:
            return None
        outer, self.file = self.file, source.name
        inner = change(
            self.called(call, state),
            arguments=arguments,
            script=path,
            functions={},
            user=self.uid_of(call.user),
        )
        if options is None:
            program, *words = shebang_of(source.text) or ["sh"]
            options, _ = shell_options(words)
            inner = change(inner, expands_braces=program.rpartition("/")[2] in EXPAND_BRACES)
        ended = self.script(source.text, inner, call, options=options)
        self.file = outer
        return [leave_script(state, one) for one in ended]

    def script(
        self,
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
            return [change(self.called(call, state), status=UNKNOWN, opaque=True)]
        self._enter()
        begun = set_options(change(state, errexit=False, pipefail=False, traps={}), options)
        if line is None:
            line = 0 if self.file != call.file else call.line
        tree = self._read(text.replace(UNKNOWN, "\ue000?\ue001"), line)
        if call.replaces and options and "-c" in options:
            tree = make_last_by_exec(tree)
        ended = [
            leave_subshell(state, one, replaces=call.replaces) for one in self.finish(tree, begun)
        ]
        self.nested -= 1
        return distinct(ended)

    def evaluated(self, text: str, call: Call, state: State, *, guarded: bool) -> list[State]:
        """Run a text in this very shell."""
        self._enter()
        ended = self.run(self._read(text, call.line), [state], guarded=guarded)
        self.nested -= 1
        return ended

    def sourced(self, path: str, state: State, *, guarded: bool) -> list[State]:
        """Run another file in this very shell."""
        source = (
            self.world.read_file(path, state.variables.get("PWD", "")) if is_known(path) else None
        )
        if source is None and _SETS_VARIABLES.search(path):
            for name in _RELEASE if "release" in path else ():
                state = state.having(name, UNKNOWN)
            return [change(state, status="0" if state.errexit else OTHER)]
        if source is None:
            return [change(state, status=OTHER, opaque=True)]
        self._enter()
        outer, self.file = self.file, source.name
        around = state.variables.get("BASH_SOURCE")
        begun = state.having("BASH_SOURCE", path)
        ended = self.run(self._read(source.text, 0), [begun], guarded=guarded)
        self.file = outer
        self.nested -= 1
        back = (with_source_name(one, around) for one in ended)
        return [change(one, flow="") if one.flow == "return" else one for one in back]


@lru_cache(maxsize=256)
def _read_once(text: str, line: int) -> Script:
    """Read a text once, however often it is run; all of it is on one line, where one is given."""
    return read_script(text, (lambda _: line) if line else lines_of(text))
