"""What a way through a script is like before and after a command, a shell or another script."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from hardgate.pipeline.static.shell_state import (
    FAILED,
    OTHER,
    UNKNOWN,
    Call,
    State,
    change,
    distinct,
    is_known,
)
from hardgate.pipeline.static.shell_tests import is_extended
from hardgate.pipeline.static.shell_tree import (
    Script,
    Simple,
    Text,
    Word,
)


def with_source_name(state: State, path: str | None) -> State:
    """Say which file's lines are run, after another's; None is the script itself."""
    variables = {name: one for name, one in state.variables.items() if name != "BASH_SOURCE"}
    return change(
        state, variables=variables if path is None else {**variables, "BASH_SOURCE": path}
    )


def shell_options(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Tell a shell's options from its other words; letters come one by one, `-o` by its name."""
    options: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith(("-", "+")) and len(rest[0]) > 1:
        word = rest.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            options.append(word)
            continue
        for letter in word[1:]:
            options.append(word[0] + letter)
            if letter == "o" and rest:
                options[-1] = rest.pop(0) if word[0] == "-" else f"+{rest.pop(0)}"
    return options, rest


def set_options(state: State, options: Iterable[str]) -> State:
    """Set what a shell's own options set."""
    for option in options:
        if option in {"-e", "errexit"}:
            state = change(state, errexit=True)
        if option == "pipefail":
            state = change(state, pipefail=True)
    return state


def shebang_of(text: str) -> list[str]:
    """Give the words of a script's first line; empty where it names no program."""
    first = text.split("\n", 1)[0]
    words = first[2:].split() if first.startswith("#!") else []
    if words and words[0].endswith("/env"):
        words = [word for word in words[1:] if word != "-S"]
    return words


def state_line(script: Script) -> int:
    """Give the line that a list of commands begins on."""
    return script.items[0].line if script.items else 0


def note_handled_failure(before: State, after: State, line: int, what: str) -> State:
    """Note what became of a failure that another command was to take care of."""
    if before.status != FAILED or after.failed is False:
        return after
    if after.rescues > before.rescues and after.status == "0":
        return change(after, failed=False, loss=None)
    if after.status in {"0", OTHER, UNKNOWN}:
        return after.losing(line, what)
    return after


def pass_over(state: State, line: int, what: str) -> State:
    """Go on behind an `if` or a loop that nothing was done in."""
    lost = state.losing(line, what) if state.status == FAILED else state
    return change(lost, status="0")


def make_last_by_exec(script: Script) -> Script:
    """Let a shell behind `-c` become its only command, as shells do."""
    only = script.items[0] if len(script.items) == 1 else None
    if not isinstance(only, Simple) or not only.words:
        return script
    by_exec = Word(parts=(Text(text="exec"),))
    return Script(items=(replace(only, words=(by_exec, *only.words)),))


def leave_subshell(outer: State, inner: State, *, replaces: bool = False) -> State:
    """Come back from a shell of its own: only what was called and what failed comes along.

    Where it has replaced this one, what became of it has become of this one.
    """
    return change(
        outer,
        status=inner.status,
        failed=inner.failed,
        ran=inner.ran,
        rescues=inner.rescues,
        loss=inner.loss,
        may=inner.may,
        must=inner.must,
        opaque=outer.opaque,
        astray=inner.astray,
        published=inner.published,
        files=inner.files,
        values=inner.values,
        replaced_by=inner.replaced_by if replaces else outer.replaced_by,
        flow="exit" if replaces else outer.flow,
        last=inner.last,
        assumptions=inner.assumptions,
        immune=False,
    )


def start_folders(words: Sequence[str]) -> Iterator[str]:
    """Give the folders that `find` prints before all that is in them."""
    narrow = {"-name", "-iname", "-mindepth", "-path", "-wholename", "-regex"}
    files_only = "-type" in words and words[words.index("-type") + 1 :][:1] != ["d"]
    if files_only or narrow & set(words):
        return
    for word in words[1:]:
        if word.startswith(("-", "(", "!", "\\")):
            return
        yield word


def add_xargs_input(argv: tuple[str, ...], state: State) -> tuple[str, ...]:
    """Put behind a command what `xargs` reads, or where `{}` stands."""
    read = state.found or tuple((state.stdin or "").replace("\0", " ").split())
    if "{}" not in argv:
        return (*argv, *read)
    at = argv.index("{}")
    return (*argv[:at], *(read or ("{}",)), *argv[at + 1 :])


def note_handed_on(call: Call, text: str | None, state: State) -> State:
    """Note what is written for later steps: `NAME=value` lines, or that it cannot be told."""
    kind = "env" if any("GITHUB_ENV" in path for path in call.writes) else "output"
    shown = " ".join(call.argv[1:]) if text is None and call.name == "echo" else text
    pairs = [line.partition("=") for line in (shown or "").splitlines()]
    names = [name for name, equals, _ in pairs if equals and re.fullmatch(r"[\w-]+", name)]
    if shown is None or len(names) < len(pairs):
        fails = any(FAILED in word for word in call.argv)
        return change(state, published=state.published or fails)
    made = {f"{kind}:{name}": value for name, _, value in pairs}
    return change(state, values={**state.values, **made})


def leave_script(before: State, after: State) -> State:
    """Take back what another script was given: its words, name, functions, user and dialect."""
    return change(
        after,
        arguments=before.arguments,
        script=before.script,
        functions=before.functions,
        user=before.user,
        expands_braces=before.expands_braces,
    )


def distinct_ways(
    ways: Iterable[tuple[State, tuple[str, ...]]],
) -> list[tuple[State, tuple[str, ...]]]:
    sorted_by: dict[tuple[str, ...], list[State]] = {}
    for state, statuses in ways:
        sorted_by.setdefault(statuses, []).append(state)
    return [(one, key) for key, states in sorted_by.items() for one in distinct(states)]


def matches_pattern(subject: str, patterns: Sequence[str]) -> bool | None:
    if "*" in patterns:
        return True
    if subject == FAILED and set(patterns) <= {"0"}:
        return False
    if not is_known(subject) or not all(map(is_known, patterns)) or any(map(is_extended, patterns)):
        return None
    return any(fnmatchcase(subject, pattern) for pattern in patterns)


def has_substitution(word: Word) -> bool:
    return any(type(part).__name__ == "Output" for part in word.parts)
