"""What the words of a script come to: variables, defaults, and what commands in them do."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from hardgate.pipeline.static.dockerfile_words import strip_pattern
from hardgate.pipeline.static.shell_arithmetic import calculate
from hardgate.pipeline.static.shell_arrays import append, is_array, list_elements, make_array, pick
from hardgate.pipeline.static.shell_filters import run_filter
from hardgate.pipeline.static.shell_state import FAILED, UNKNOWN, State, change, is_known
from hardgate.pipeline.static.shell_tree import (
    Assignment,
    Block,
    Elements,
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
MAX_BRACES = 4
MAX_LENGTH = 4000
_DEFAULTS = frozenset({"-", ":-", "=", ":="})


class Expander:
    """Expands words in a state; a command in a word may change what was called and what failed."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def words(self, words: Sequence[Word], state: State) -> Iterator[tuple[list[str], State]]:
        """Yield what words come to, split as a shell does, for each way of commands in them."""
        if state.expands_braces:
            words = [one for word in words for one in expand_braces(word)]
        for after in self._outputs(words, state):
            yield self.fields(words, after), after

    def fields(self, words: Sequence[Word], state: State) -> list[str]:
        """Give what words come to, split as a shell does."""
        return [text for word in words for text in self._fields(word, state)]

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
                name, bracket, _ = one.name.partition("[")
                if bracket:
                    value = UNKNOWN
                elif one.appends:
                    value = append(current.variables.get(one.name, ""), value)
                if len(value) > MAX_LENGTH:
                    value = UNKNOWN
                values.append((name, value))
                current = current.having(name, value)
            yield values, after

    def text(self, word: Word, state: State) -> str:
        """Give what a word comes to where it is not split."""
        if word.role:
            return "".join(self._pattern(part, word.role, state) for part in word.parts)
        text = "".join(self._part(part, state) for part in word.parts)
        return text if len(text) <= MAX_LENGTH else UNKNOWN

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
            elif isinstance(part, Variable) and part.index == "@" and not part.operator:
                pieces = list_elements(state.variables.get(part.name, UNKNOWN))
                quoted = bool(pieces)
            elif isinstance(part, Variable) and part.index == "@" and part.operator in {"+", ":+"}:
                elements = list_elements(state.variables.get(part.name, UNKNOWN))
                pieces = self._fields(part.operand, state) if elements and part.operand else []
                quoted = bool(pieces)
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
            case Elements():
                return make_array(self.fields(part.words, state))
            case Unknown():
                return self._arithmetic(part.text, state)

    def _arithmetic(self, text: str, state: State) -> str:
        inside = re.fullmatch(r"\$\(\((.*)\)\)|\$\[(.*)\]", text, re.DOTALL)
        if not inside:
            return UNKNOWN
        plain = (inside[1] or inside[2] or "").replace("\\\n", "")
        return calculate(plain, lambda name: self.number(name, state))

    def number(self, name: str, state: State) -> str:
        """Give a variable's value in arithmetic: 0 where a script has not set it."""
        value = self.value(Variable(name=name), state)
        return value or "0"

    def printed(self, node: Node, state: State) -> str | None:
        """Give what a command, or a pipeline, prints; None where it cannot be told."""
        text = state.stdin
        for part in node.parts if isinstance(node, Pipeline) else (node,):
            if not isinstance(part, Simple) or part.assignments or not part.words:
                return None
            given = [one for one in part.redirects if one.operator != ">" or not one.descriptor]
            if any(one.operator not in {"<<<", "<<"} for one in given):
                return None
            for one in given:
                text = self.text(one.target, state) + "\n" * (one.operator == "<<<")
            answer = run_filter(self.fields(part.words, state), text)
            if answer is None:
                return None
            text = answer.text
        return text

    def value(self, part: Variable, state: State) -> str:  # noqa: PLR0911 - a table of operators
        """Give what a parameter expansion comes to."""
        if part.operator == "length":
            return self._length(part, state)
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

    def _length(self, part: Variable, state: State) -> str:
        """Give what `${#name}`, `${#name[@]}` and `${#}` come to."""
        if part.index in {"@", "*"} or part.name in {"@", "*"}:
            elements = (
                state.arguments
                if part.name in {"@", "*"}
                else list_elements(state.variables.get(part.name, UNKNOWN))
            )
            known = elements is not None and UNKNOWN not in elements
            return str(len(elements)) if known and elements is not None else UNKNOWN
        value = self._plain(part, state)
        return str(len(value)) if value is not None and is_known(value) else UNKNOWN

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
        if name == "BASH_SOURCE" and name not in state.variables and part.index in {"", "0"}:
            return _special("0", state)  # of a file that is sourced it is set
        if name in state.variables and not part.index:
            value = state.variables[name]
            return (list_elements(value) or [""])[0] if is_array(value) else value
        if name in state.variables and part.index in {"@", "*"}:
            return " ".join(list_elements(state.variables[name]))
        if name in state.variables and is_known(state.variables[name]):
            index = self.number(part.index, state) if part.index.isidentifier() else part.index
            return pick(state.variables[name], index)
        if name in {"UID", "EUID"}:
            return state.user
        if part.index or name in self.machine.world.undecided:
            return None
        return "" if self.machine.world.unset_is_empty else None

    def _known_output(  # noqa: PLR0911 - a table of commands
        self, script: Script, state: State
    ) -> str:
        """Give what a command prints, for the few that a boot asks."""
        node = script.items[0] if len(script.items) == 1 else None
        while isinstance(node, Pipeline) and len(node.parts) == 1:
            node = node.parts[0]
        if node is not None and (text := self.printed(node, state)) is not None:
            return text.rstrip("\n")
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


def _scripts(word: Word) -> Iterator[Script]:
    for part in word.parts:
        if isinstance(part, Output):
            yield part.script
        elif isinstance(part, Variable) and part.operand:
            yield from _scripts(part.operand)
        elif isinstance(part, Elements):
            yield from (script for word in part.words for script in _scripts(word))


_BRACES = re.compile(r"\{([^{},]*+,[^{}]*+)\}")


def expand_braces(word: Word, depth: int = 0) -> Iterator[Word]:
    """Yield the words that `a{b,c}` stands for in bash."""
    whole = _join_texts(word.parts)
    for number, part in enumerate(whole):
        match = _BRACES.search(part.text) if isinstance(part, Text) and not part.quoted else None
        if match is None or not isinstance(part, Text) or depth > MAX_BRACES:
            continue
        for choice in match[1].split(","):
            text = part.text[: match.start()] + choice + part.text[match.end() :]
            parts = (*whole[:number], Text(text=text), *whole[number + 1 :])
            yield from expand_braces(Word(parts=parts, role=word.role), depth + 1)
        return
    yield word


def _join_texts(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Join neighbours that stand without quotes, which the grammar parts at each brace."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Text) and isinstance(last, Text) and not part.quoted | last.quoted:
            joined[-1] = Text(text=last.text + part.text)
        else:
            joined.append(part)
    return tuple(joined)


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
