"""A Makefile's targets, as far as they say what 'make TARGET' runs, line by line.

https://www.gnu.org/software/make/manual/. Read are explicit rules, their recipes, and variables
that are set to a text; of what is left nothing is known, and 'make' is a program like any other.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

NAMES = ("GNUmakefile", "makefile", "Makefile")
MAX_LINES = 200
MAX_DEPTH = 20
_VARIABLE = re.compile(r"(?:export\s+|override\s+)?([\w.-]+)\s*(:{0,3}=|\?=|\+=|!=)\s*(.*)")
_RULE = re.compile(r"([^\s:=#][^:=#]*+)::?(?!=)\s*+([^;=]*+)(?:;(.*))?$")
_REFERENCE = re.compile(r"\$(?:\$|\(([^()$]+)\)|\{([^{}$]+)\}|(.))")
_VALUES = frozenset("-C --directory -f --file --makefile -I -j --jobs -l -o -W".split())
_GOES_ON = frozenset({"-i", "--ignore-errors", "-k", "--keep-going"})
_ONLY_SHOWS = frozenset({"-n", "--dry-run", "--just-print", "-q", "--question", "-t", "--touch",
                         "-p", "--print-data-base", "-h", "--help", "-v", "--version"})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a recipe; each is run by a shell of its own."""

    number: int
    text: str
    ignored: bool = False
    """Its failure is passed by: `-` stands before it."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a call of make asks for."""

    folder: str
    file: str
    """As named by `-f`; empty where it is one of NAMES."""
    targets: tuple[str, ...]
    variables: Mapping[str, str]
    goes_on: bool


@dataclass(kw_only=True)
class Makefile:
    """What was read of a file."""

    variables: dict[str, str] = field(default_factory=dict)
    rules: dict[str, list[str]] = field(default_factory=dict)
    recipes: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    specials: set[str] = field(default_factory=set)

    def iter_lines(self, request: Request) -> Iterator[Line]:
        """Yield the lines that a request runs, in order; raises KeyError for unknown targets."""
        values = {"MAKE": "make", "CURDIR": ".", **self.variables, **request.variables}
        done: list[str] = []
        for target in request.targets or self._first():
            yield from self._run(target, values, done, 0, ignores=request.goes_on)

    def _first(self) -> Sequence[str]:
        named = values[0] if (values := self.variables.get(".DEFAULT_GOAL", "").split()) else ""
        first = next((name for name in self.rules if not name.startswith(".")), "")
        return [named or first]

    def _run(
        self, target: str, values: Mapping[str, str], done: list[str], depth: int, *, ignores: bool
    ) -> Iterator[Line]:
        if target in done:
            return
        done.append(target)
        if depth > MAX_DEPTH or target not in self.rules:
            raise KeyError(target)
        for needed in expand_variables(" ".join(self.rules[target]), values).split():
            if needed in self.rules:
                yield from self._run(needed, values, done, depth + 1, ignores=ignores)
        for number, text in self.recipes.get(target, ()):
            own = {**values, "@": target}
            plain = expand_variables(text, own).lstrip()
            marks = re.match(r"[-@+\s]*", plain)
            marks_text = marks[0] if marks else ""
            ignored = ignores or "-" in marks_text or ".IGNORE" in self.specials
            yield Line(number=number, text=plain[len(marks_text) :], ignored=ignored)


def read_makefile(text: str) -> Makefile | None:
    """Read a file's text; None where it says what is not read here."""
    file = Makefile()
    current: list[str] = []
    for number, line in _logical_lines(text):
        if line.startswith("\t"):
            for target in current:
                file.recipes.setdefault(target, []).append((number, line[1:]))
            continue
        plain = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if not plain.strip():
            continue
        if re.match(r"\s*(-?include|sinclude|define|ifn?eq|ifn?def|else|endif|endef)\b", plain):
            return None
        if variable := _VARIABLE.fullmatch(plain.strip()):
            _set(file, *variable.groups())
            current = []
        elif rule := _RULE.match(plain):
            current = expand_variables(rule[1], file.variables).split()
            _add_rule(file, current, rule, number)
        else:
            return None
    return None if {".ONESHELL", ".POSIX"} & file.specials or "SHELL" in file.variables else file


def _set(file: Makefile, name: str, sign: str, value: str) -> None:
    if sign == "+=":
        value = f"{file.variables.get(name, '')} {value}".strip()
    if sign == "!=":
        value = "$(shell)"
    if sign != "?=" or name not in file.variables:
        file.variables[name] = value


def _add_rule(file: Makefile, targets: Sequence[str], rule: re.Match[str], number: int) -> None:
    for target in targets:
        if target.startswith(".") and target.isupper():
            file.specials |= {target} if target != ".IGNORE" or not rule[2] else set()
            continue
        needed = rule[2].replace("|", " ").split()
        file.rules.setdefault(target, []).extend(needed)
        if rule[3] is not None:
            file.recipes.setdefault(target, []).append((number, rule[3]))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Join lines that end in a backslash; a recipe's shell sees the backslash itself."""
    held, begun = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        begun = begun or number
        if line.endswith("\\") and not line.endswith("\\\\"):
            held += line[:-1] + " "
            continue
        yield begun, held + (line.lstrip("\t") if held else line)
        held, begun = "", 0
    if held:
        yield begun, held


def expand_variables(text: str, values: Mapping[str, str], depth: int = 0) -> str:
    """Put in variables; `$$` is the shell's `$`, and what is not known a variable of the shell."""
    if depth > MAX_DEPTH or len(text) > 10_000:  # noqa: PLR2004 - longer than anybody writes
        return text

    def put_in(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name = match[1] or match[2] or match[3]
        if name in values:
            return expand_variables(values[name], values, depth + 1)
        return "" if re.fullmatch(r"[\w.-]+", name) and name != "shell" else "$UNKNOWN_TO_MAKE"

    return _REFERENCE.sub(put_in, text)


def read_request(words: Sequence[str], folder: str) -> Request | None:
    """Read a call's words; None where it only shows what it would do."""
    targets, variables, file = [], {}, ""
    where, goes_on, rest = folder, False, list(words[1:])
    while rest:
        word = rest.pop(0)
        if word in _ONLY_SHOWS:
            return None
        goes_on = goes_on or word in _GOES_ON
        if word in _VALUES and rest and not (word == "-j" and not rest[0].isdigit()):
            value = rest.pop(0)
            where = f"{where}/{value}".lstrip("/") if word in {"-C", "--directory"} else where
            file = value if word in {"-f", "--file", "--makefile"} else file
        elif match := re.fullmatch(r"([\w.-]+):?=(.*)", word, re.DOTALL):
            variables[match[1]] = match[2]
        elif not word.startswith("-"):
            targets.append(word)
    return Request(
        folder=where, file=file, targets=tuple(targets), variables=variables, goes_on=goes_on
    )
