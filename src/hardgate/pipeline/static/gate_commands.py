"""Which commands of a script run the gate, one of its sessions, or another test."""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hardgate.pipeline.static.shell_state import Call, is_known
from hardgate.pipeline.static.shell_wrappers import unwrap

SESSIONS = frozenset({"static", "adapter", "secrets", "runtime", "t4", "validate"})
"""What an answer that a template is merged on comes from."""
_TESTERS = frozenset({"pytest", "py.test", "tox", "nox", "nosetests", "ctest", "bats", "jest"})
_TEST_WORDS: Mapping[str, frozenset[str]] = {
    "make": frozenset({"test", "tests", "check", "verify", "validate", "ci", "t4", "gate"}),
    "just": frozenset({"test", "check", "verify", "t4", "gate"}),
    "task": frozenset({"test", "check", "verify", "t4", "gate"}),
    "npm": frozenset({"test", "t"}),
    "yarn": frozenset({"test"}),
    "pnpm": frozenset({"test"}),
    "go": frozenset({"test", "vet"}),
    "cargo": frozenset({"test", "clippy"}),
    "docker": frozenset({"build", "buildx", "run", "compose"}),
    "podman": frozenset({"build", "run"}),
}
_RUNNERS: Mapping[tuple[str, ...], frozenset[str]] = {
    ("pipx", "run"): frozenset({"--spec", "--python", "--pip-args", "--index-url", "-i"}),
    ("uvx",): frozenset({"--from", "--with", "--python", "-p", "--index", "--index-url"}),
    ("uv", "tool", "run"): frozenset({"--from", "--with", "--python", "-p"}),
    ("uv", "run"): frozenset({"--with", "--python", "-p", "--group", "--extra", "--project"}),
    ("poetry", "run"): frozenset(),
    ("pdm", "run"): frozenset(),
    ("rye", "run"): frozenset(),
    ("pipenv", "run"): frozenset(),
    ("hatch", "run"): frozenset(),
    ("pixi", "run"): frozenset(),
    ("conda", "run"): frozenset({"-n", "--name", "-p", "--prefix"}),
    ("micromamba", "run"): frozenset({"-n", "--name", "-p", "--prefix"}),
    ("mise", "exec"): frozenset(),
}
_LISTING = frozenset(
    {"-l", "--list", "--list-sessions", "--install-only", "-h", "--help", "--version", "--usage"}
)
_ASKING = frozenset({"-h", "--help", "--version"})
_NOX_VALUES = frozenset(
    {"-f", "--noxfile", "-k", "--keywords", "-t", "--tags", "-p", "--pythons", "--python"}
    | {"--envdir", "-db", "--default-venv-backend", "-fb", "--report", "-P", "--force-pythons"}
)
_SESSION_OPTIONS = frozenset({"-s", "--session", "--sessions", "-e"})


@dataclass(frozen=True, kw_only=True)
class Noxfile:
    """What a repository's noxfile tells without being run."""

    defaults: tuple[str, ...] | None = None
    """`nox.options.sessions`; None where it is not written out."""
    names_hardgate: bool = True
    """It names the gate at all; without a noxfile that is taken for granted."""


def read_noxfile(text: str | None) -> Noxfile:
    """Read a noxfile's text; None is: there is none."""
    if text is None:
        return Noxfile()
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Noxfile()
    defaults = None
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "nox.options.sessions":
            try:
                defaults = tuple(map(str, ast.literal_eval(node.value)))
            except (ValueError, TypeError, SyntaxError):
                defaults = None
    return Noxfile(defaults=defaults, names_hardgate="hardgate" in text)


def sessions_of(call: Call, noxfile: Noxfile) -> frozenset[str]:
    """Give the sessions that a command runs; empty where it runs none, or only lists them."""
    words = strip_runner(call.argv)
    if not words:
        return frozenset()
    name = words[0].rpartition("/")[2]
    if name == "nox":
        return _by_nox(words[1:], noxfile)
    if name == "hardgate":
        return _by_hardgate(words[1:])
    return frozenset()


def strip_runner(argv: Sequence[str]) -> tuple[str, ...]:
    """Take off what starts a Python program: `pipx run`, `uvx`, `python -m` and the like."""
    words = tuple(argv)
    for _ in range(4):
        words = unwrap(words).argv
        names = (words[0].rpartition("/")[2], *words[1:]) if words else ()
        if "-m" in names[1:4] and _is_python(names[0]):
            words = words[names.index("-m") + 1 :]
            continue
        runner = next((r for r in _RUNNERS if names[: len(r)] == r), None)
        if runner is None:
            return words
        words = _without_options(words[len(runner) :], _RUNNERS[runner])
    return words


def _is_python(name: str) -> bool:
    return bool(re.fullmatch(r"python[\d.]*|pypy[\d.]*", name)) or not is_known(name)


def _without_options(words: tuple[str, ...], values: frozenset[str]) -> tuple[str, ...]:
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in values else 1
    return words[at:]


def _by_nox(words: Sequence[str], noxfile: Noxfile) -> frozenset[str]:
    own = list(words[: words.index("--")] if "--" in words else words)
    behind = list(words[words.index("--") + 1 :] if "--" in words else [])
    if set(own) & _LISTING or not noxfile.names_hardgate:
        return frozenset()
    named = _named_sessions(own)
    if named is None:
        return frozenset()
    names = named or list(noxfile.defaults or ())
    return _really(names, behind)


def _named_sessions(words: list[str]) -> list[str] | None:
    """Give the sessions that are asked for; None where keywords or tags choose."""
    named: list[str] = []
    taking = False
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option, equals, value = word.partition("=")
        if option in {"-k", "--keywords", "-t", "--tags"}:
            return None
        if option in _SESSION_OPTIONS:
            taking = not equals
            named += [value] if equals else []
        elif word.startswith(("-s", "-e")) and not word.startswith("--") and len(word) > 2:  # noqa: PLR2004
            named.append(word[2:])
            taking = True
        elif word.startswith("-"):
            taking = False
            if word in _NOX_VALUES and rest:
                rest.pop(0)
        elif taking:
            named.append(word)
    return [re.sub(r"-[\d.]++$", "", name.partition("(")[0]) for name in named]


def _by_hardgate(words: Sequence[str]) -> frozenset[str]:
    command = next((word for word in words if not word.startswith("-")), "")
    rest = list(words[words.index(command) + 1 :]) if command else []
    if command == "gate":
        return _really(["t4"], rest)
    if command == "validate":
        return _really(["validate"], rest) if "--run" in rest else _only_reads(rest)
    return _really([command], rest) if command in SESSIONS else frozenset()


def _only_reads(rest: Sequence[str]) -> frozenset[str]:
    return frozenset() if set(rest) & _ASKING else frozenset({"validate --no-run"})


def _really(names: Sequence[str], behind: Sequence[str]) -> frozenset[str]:
    """Leave out what only shows its help, runs another tier, a part, or reads what is there."""
    if set(behind) & _ASKING:
        return frozenset()
    found = set(names) & SESSIONS
    if "t4" in found and (_another_tier(behind) or _asked(behind, "--only")):
        found.discard("t4")
    last = next((w for w in reversed(behind) if w in {"--run", "--no-run"}), "--run")
    if "validate" in found and last == "--no-run":
        found.discard("validate")
        found.add("validate --no-run")
    return frozenset(found)


def _asked(words: Sequence[str], option: str) -> bool:
    return any(word == option or word.startswith(f"{option}=") for word in words)


def _another_tier(words: Sequence[str]) -> bool:
    for number, word in enumerate(words):
        value = word.partition("=")[2] if word.startswith("--tier=") else ""
        if word == "--tier" and number + 1 < len(words):
            value = words[number + 1]
        if value and value.upper().removeprefix("T") != "4":
            return True
    return False


def runs_t4(call: Call, noxfile: Noxfile) -> bool:
    """Tell whether a command runs T4 itself, and does not only read what it left."""
    return bool(sessions_of(call, noxfile) & {"t4", "validate"})


def is_test(call: Call) -> bool:
    """Tell whether a command is one whose failure a job is there to show."""
    words = strip_runner(call.argv)
    if not words:
        return False
    name = words[0].rpartition("/")[2]
    if name in _TESTERS:
        return True
    if name == "unittest" or (name.startswith("python") and "unittest" in words[:3]):
        return True
    return bool(set(words[1:3]) & _TEST_WORDS.get(name, frozenset()))
