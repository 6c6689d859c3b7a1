"""A Dockerfile as its last stage does it: one act after the other, with the lines they stand on."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardgate.pipeline.static.shell import Command, expand, expanded, read_numbered

_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
_DIRECTIVE = re.compile(r"#\s*escape\s*=\s*`", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction, as written, with comments and continuations taken out."""

    line: int
    keyword: str
    chars: tuple[tuple[str, int], ...]
    """What follows the keyword; each character knows its line."""

    @property
    def text(self) -> str:
        """What follows the keyword."""
        return "".join(char for char, _ in self.chars).strip()


@dataclass(frozen=True, kw_only=True)
class Act:
    """What one instruction, or one command of a RUN, does."""

    line: int
    keyword: str
    words: tuple[str, ...]
    """Of a RUN's command; else flags, sources and target, or the exec form's list."""

    @property
    def name(self) -> str:
        """The command of a RUN, without its folder; else the keyword."""
        return self.words[0].rpartition("/")[2] if self.keyword == "RUN" else self.keyword


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The last stage, with the stages that it is built FROM put before it."""

    base: str
    """What the first of them is FROM."""
    line: int
    instructions: tuple[Instruction, ...]
    acts: tuple[Act, ...]

    def last(self, keyword: str) -> Act | None:
        """Find the last instruction of a kind: the one that counts."""
        return next((act for act in reversed(self.acts) if act.keyword == keyword), None)


@dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """A Dockerfile that was read, for the rules to look at."""

    name: str
    """From the repository's root."""
    context: Path
    stage: Stage
    agent_uid: int


def read_instructions(text: str) -> tuple[Instruction, ...]:
    """Read a whole Dockerfile."""
    escape = "`" if _DIRECTIVE.match(text) else "\\"
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1)]
    instructions: list[Instruction] = []
    while lines:
        number, line = lines.pop(0)
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        keyword, _, rest = line.strip().partition(" ")
        chars = list(_continued(number, rest, lines, escape))
        for mark in _HEREDOC.finditer("".join(char for char, _ in chars)):
            chars += _here_document(mark[2], lines)
        instructions.append(Instruction(line=number, keyword=keyword.upper(), chars=tuple(chars)))
    return tuple(instructions)


def _continued(
    number: int, rest: str, lines: list[tuple[int, str]], escape: str
) -> Iterator[tuple[str, int]]:
    while True:
        more = rest.rstrip().endswith(escape)
        for char in rest.rstrip()[:-1] if more else rest:
            yield char, number
        if not more:
            return
        yield " ", number
        while lines and (not lines[0][1].strip() or lines[0][1].lstrip().startswith("#")):
            lines.pop(0)
        if not lines:
            return
        number, rest = lines.pop(0)


def _here_document(mark: str, lines: list[tuple[int, str]]) -> Iterator[tuple[str, int]]:
    while lines:
        number, line = lines.pop(0)
        if line.strip() == mark:
            return
        yield "\n", number
        for char in line:
            yield char, number


def read_stage(text: str) -> Stage | None:
    """Give the last stage; None where there is no FROM."""
    stages: list[tuple[str, str, list[Instruction]]] = []
    values: dict[str, str] = {}
    for instruction in read_instructions(text):
        words = instruction.text.split()
        if instruction.keyword == "FROM" and words:
            source = next((word for word in words if not word.startswith("--")), "")
            named = words[-1] if len(words) > 2 and words[-2].upper() == "AS" else ""  # noqa: PLR2004
            stages.append((expand(source, values), named, [instruction]))
        elif stages:
            stages[-1][2].append(instruction)
        elif instruction.keyword == "ARG":
            _remember(words, values)
    if not stages:
        return None
    base, _, chain = stages[-1]
    line = chain[0].line
    for source, name, instructions in reversed(stages[:-1]):
        if name and name == base:
            base, chain = source, [*instructions, *chain]
    acts = tuple(_acts(chain, values))
    return Stage(base=base, line=line, instructions=tuple(chain), acts=acts)


def _remember(words: Sequence[str], values: dict[str, str]) -> None:
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            values[name] = expand(value.strip("\"'"), values)


def _acts(instructions: Sequence[Instruction], values: dict[str, str]) -> Iterator[Act]:
    for instruction in instructions:
        text, keyword = instruction.text, instruction.keyword
        if keyword in {"ARG", "ENV"}:
            words = text.split()
            _remember(words if "=" in text else ["=".join(words[:2])], values)
        elif keyword == "RUN" and not text.startswith("["):
            for command in run_commands(instruction):
                done = expanded(command, values)
                if done.words:
                    yield Act(line=done.line, keyword="RUN", words=done.words)
        elif keyword != "FROM":
            words = [expand(word, values) for word in _words(text)]
            yield Act(line=instruction.line, keyword=keyword, words=tuple(words))


def run_commands(instruction: Instruction) -> tuple[Command, ...]:
    """Give the commands of a RUN in shell form, without its flags."""
    chars = list(instruction.chars)
    text = "".join(char for char, _ in chars)
    flags = re.match(r"(\s*--[a-z]+=\S+)*\s*", text)
    chars = chars[flags.end() if flags else 0 :]
    if _HEREDOC.match("".join(char for char, _ in chars)):
        end = next((n for n, (char, _) in enumerate(chars) if char == "\n"), len(chars))
        chars = chars[end:]
    return read_numbered(chars)


def _words(text: str) -> list[str]:
    if text.startswith("[") or text.partition(" ")[2].lstrip().startswith("["):
        start = text.index("[")
        try:
            listed = json.loads(text[start:])
        except ValueError:
            listed = None
        if isinstance(listed, list):
            return [*text[:start].split(), *map(str, listed)]
    return text.replace('"', "").replace("'", "").split()
