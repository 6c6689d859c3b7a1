"""What the words of a script come to: variables, defaults, and what commands in them do."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from hardgate.pipeline.static.dockerfile_words import strip_pattern
from hardgate.pipeline.static.shell_state import FAILED, UNKNOWN, State, change, is_known
from hardgate.pipeline.static.shell_tree import (
    Assignment,
    Block,
    Node,
    Output,
    Part,
    Pipeline,
    Script,
    Simple,
    Text,
    Unknown,
    Variable,
    Word,
)

if TYPE_CHECKING:
    from hardgate.pipeline.static.shell_machine import Machine

MAX_WAYS = 4
MAX_LENGTH = 4000
_DEFAULTS = frozenset({"-", ":-", "=", ":="})


class Expander:
    """Expands words in a state; a command in a word may change what was called and what failed."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def words(self, words: Sequence[Word], state: State) -> Iterator[tuple[list[str], State]]:
        """Yield what words come to, split as a shell does, for each way of commands in them."""
        for after in self._outputs(words, state):
            yield [text for word in words for text in self._fields(word, after)], after

    def tested(self, words: Sequence[Word], state: State) -> list[str]:
        """Give what the words of `[[` come to: they are not split, and may be patterns."""
        return [self.text(word, state) for word in words]

    def assignments(
        self, assignments: Sequence[Assignment], state: State
    ) -> Iterator[tuple[list[tuple[str, str]], State]]:
        """Yield names and values, for each way that commands in them go."""
        for after in self._outputs([one.value for one in assignments], state):
            values: list[tuple[str, str]] = []
            current = after
            for one in assignments:
                value = self.text(one.value, current)
                if one.appends:
                    value = self.value(Variable(name=one.name), current) + value
                values.append((one.name, value[:MAX_LENGTH]))
                current = current.having(one.name, value[:MAX_LENGTH])
            yield values, after

    def text(self, word: Word, state: State) -> str:
        """Give what a word comes to where it is not split."""
        if word.role:
            return "".join(self._pattern(part, word.role, state) for part in word.parts)
        return "".join(self._part(part, state) for part in word.parts)[:MAX_LENGTH]

    def _pattern(self, part: Part, role: str, state: State) -> str:
        text = self._part(part, state)
        if not part.quoted:
            return text.replace("[^", "[!") if role == "glob" else text
        if role == "glob":
            return re.sub(r"([*?\[])", r"[\1]", text)
        return re.sub(r"([.\[\]()*+?{}|^$\\])", r"\\\1", text)

    def show(self, node: Node) -> str:
        """Write the begin of a command as it was written, for a message."""
        while isinstance(node, Pipeline):
            node = node.parts[0]
        if isinstance(node, Block):
            inside = self.show(node.body.items[0]) if node.body.items else "…"
            return f"({inside})" if node.subshell else f"{{ {inside}; }}"
        if not isinstance(node, Simple):
            return "…"
        if not node.words:
            return "; ".join(f"{one.name}={_shown(one.value)}" for one in node.assignments)
        return " ".join(_shown(word) for word in node.words[:3])

    def fed(self, target: Word, state: State, line: int) -> State:
        """Run what `< <(command)` feeds: its status is thrown away."""
        if not any(isinstance(part, Output) and part.is_file for part in target.parts):
            return state
        for after in self._outputs([target], state):
            if after.failed and not state.failed:
                after = change(after.losing(line, "<(…)"), status=state.status)  # noqa: PLW2901
            return after
        return state

    def _outputs(self, words: Iterable[Word], state: State) -> list[State]:
        """Run the commands in words, each in a shell of its own."""
        states = [state]
        for script in (script for word in words for script in _scripts(word)):
            following: dict[tuple[str, bool, bool], State] = {}
            for one in states:
                for after in self._output(script, one):
                    key = (after.status, after.failed, after.ran)
                    following.setdefault(key, after)
            states = list(following.values())[:MAX_WAYS]
        return states

    def _output(self, script: Script, state: State) -> list[State]:
        inner = change(state, traps={}, errexit=False)
        ended = self.machine.end_shells(self.machine.run(script, [inner], guarded=False))
        return [
            change(
                state,
                status=one.status,
                failed=one.failed,
                ran=one.ran,
                rescues=one.rescues,
                loss=one.loss,
                may=one.may,
                must=one.must,
                last=one.last,
                astray=one.astray,
            )
            for one in ended
        ]

    def _fields(self, word: Word, state: State) -> list[str]:
        """Expand a word, and split what stands without quotes in it."""
        fields, open_field = [""], bool(not word.parts)
        for part in word.parts:
            if isinstance(part, Variable) and part.name in {"@", "*"}:
                pieces = self._all_arguments(part, state)
                quoted = True
            else:
                text = self._part(part, state)
                quoted = isinstance(part, Text) or part.quoted
                pieces = [text] if quoted else text.split()
                if not quoted and text[:1].isspace() and fields[-1]:
                    fields.append("")
            if pieces:
                fields[-1] += pieces[0]
                fields += pieces[1:]
                open_field = open_field or quoted or bool(pieces[0])
        return fields if open_field or fields[-1] or len(fields) > 1 else []

    def _all_arguments(self, part: Variable, state: State) -> list[str]:
        if state.arguments is None:
            return [UNKNOWN]
        if part.operator == ":" and part.operand:
            start = self.text(part.operand, state)
            if start.isdigit() and int(start) >= 1:
                return list(state.arguments[int(start) - 1 :])
            return [UNKNOWN]
        if part.operator in {"+", ":+"} and part.operand:
            return [] if not state.arguments else [self.text(part.operand, state)]
        return list(state.arguments)

    def _part(self, part: Part, state: State) -> str:
        match part:
            case Text():
                return part.text
            case Variable():
                return self.value(part, state)
            case Output():
                return self._known_output(part.script, state)
            case Unknown():
                return _arithmetic(part.text)

    def value(self, part: Variable, state: State) -> str:  # noqa: PLR0911 - a table of operators
        """Give what a parameter expansion comes to."""
        value = self._plain(part, state)
        if not part.operator:
            return UNKNOWN if value is None else value
        operand = self.text(part.operand, state) if part.operand else ""
        if part.operator in _DEFAULTS:
            if value is None:
                return UNKNOWN
            return value or operand if part.operator.startswith(":") else value
        if value is None:
            return UNKNOWN
        if part.operator in {"+", ":+"}:
            return operand if value else ""
        if part.operator in {"?", ":?"}:
            return value
        return _changed(value, part.operator, operand)

    def _plain(  # noqa: PLR0911 - a table of kinds
        self, part: Variable, state: State
    ) -> str | None:
        """Give a variable's own value; None where it is not known."""
        name = part.name
        if name == "PIPESTATUS":
            if part.index.isdigit() and int(part.index) < len(state.pipe_statuses):
                return state.pipe_statuses[int(part.index)]
            return state.status if part.index in {"", "0"} and not state.pipe_statuses else None
        if name in {"?", "#", "@", "*", "0"} or name.isdigit():
            return _special(name, state)
        if name in state.variables and not part.index:
            return state.variables[name]
        if name in {"UID", "EUID"}:
            return state.user
        if part.index or name in self.machine.world.undecided:
            return None
        return "" if self.machine.world.unset_is_empty else None

    def _known_output(self, script: Script, state: State) -> str:
        """Give what a command prints, for the few that a boot asks."""
        node = script.items[0] if len(script.items) == 1 else None
        while isinstance(node, Pipeline) and len(node.parts) == 1:
            node = node.parts[0]
        if not isinstance(node, Simple) or not node.words:
            return UNKNOWN
        words = [self.text(word, state) for word in node.words]
        if words == ["id", "-u"]:
            return state.user
        if words in (["id", "-un"], ["whoami"]):
            return "root" if state.user == "0" else UNKNOWN
        if words[:2] == ["id", "-u"]:
            return self.machine.uid_of(words[-1])
        path = words[-1]
        if words[0] in {"dirname", "basename"} and is_known(path) and len(words) == 2:  # noqa: PLR2004
            return (posixpath.dirname(path) or ".") if words[0] == "dirname" else (
                posixpath.basename(path)
            )  # fmt: skip
        return UNKNOWN


def _special(name: str, state: State) -> str | None:
    if name == "?":
        return state.status
    if name == "0":
        return state.script or None
    arguments = state.arguments
    if arguments is None:
        return None
    if name == "#":
        return str(len(arguments))
    if name.isdigit():
        return arguments[int(name) - 1] if int(name) <= len(arguments) else ""
    return " ".join(arguments)


def _changed(value: str, operator: str, operand: str) -> str:
    if not is_known(value) or not is_known(operand):
        return UNKNOWN
    if operator in {"#", "##", "%", "%%"}:
        return strip_pattern(value, operator, operand)
    if operator in {",,", "^^"}:
        return value.lower() if operator == ",," else value.upper()
    return UNKNOWN


def _arithmetic(text: str) -> str:
    inside = re.fullmatch(r"\$\(\(\s*(\d{1,18})\s*\)\)", text)
    return inside[1] if inside else UNKNOWN


def _scripts(word: Word) -> Iterator[Script]:
    for part in word.parts:
        if isinstance(part, Output):
            yield part.script
        elif isinstance(part, Variable) and part.operand:
            yield from _scripts(part.operand)


def _shown(word: Word) -> str:
    shown = ""
    for part in word.parts:
        match part:
            case Text():
                shown += part.text
            case Variable():
                shown += f"${part.name}"
            case _:
                shown += "…"
    return shown.replace(FAILED, "…")
