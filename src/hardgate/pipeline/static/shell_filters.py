"""What a few programs print and how they end, where their words and input are known."""

import re
from collections.abc import Callable, Mapping, Sequence

from hardgate.pipeline.static.jq_filter import Answer, run_jq
from hardgate.pipeline.static.shell_state import is_known

MAX_TEXT = 20_000
MAX_REPEATED = 4
_CLASSES = {"[:digit:]": "0-9", "[:alpha:]": "a-zA-Z", "[:alnum:]": "a-zA-Z0-9", "[:space:]": r"\s",
            "[:blank:]": r" \t", "[:lower:]": "a-z", "[:upper:]": "A-Z"}  # fmt: skip
_DOUBTFUL = re.compile(r"\)[*+?{]|[*+?}][*+?{]|\\[0-9<>`'pPkKAzZBGQExXuc]|\(\?")
_GREP_WORDS = {"--quiet": "q", "--silent": "q", "--extended-regexp": "E", "--fixed-strings": "F",
               "--ignore-case": "i", "--invert-match": "v", "--count": "c", "--line-regexp": "x",
               "--word-regexp": "w", "--only-matching": "o", "--no-messages": "s"}  # fmt: skip


def run_filter(words: Sequence[str], stdin: str | None) -> Answer | None:
    """Give what a program prints for an input, and its status; None where it cannot be told."""
    if not words or not all(map(is_known, words)):
        return None
    run = _FILTERS.get(words[0].rpartition("/")[2])
    if run is None or (stdin is not None and (len(stdin) > MAX_TEXT or not is_known(stdin))):
        return None
    return run(words, stdin)


def write_echo(words: Sequence[str]) -> str | None:
    """Give what `echo` prints; None where shells differ."""
    rest = list(words[1:])
    flags = ""
    while rest and re.fullmatch(r"-[neE]+", rest[0]):
        flags += rest.pop(0)[1:]
    text = " ".join(rest)
    if "\\" in text:
        return None
    return text + "\n" * ("n" not in flags)


def write_printf(words: Sequence[str]) -> str | None:
    """Give what `printf` prints for plain formats; None for others."""
    if len(words) < 2 or words[1].startswith("-"):  # noqa: PLR2004 - the command, and a format
        return None
    form = words[1].replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0")
    if "\\" in form or re.search(r"%[^s%]|%$", form.replace("%%", "")):
        return None
    rest, text = list(words[2:]), ""
    holes = len(re.findall("%s", form.replace("%%", "")))
    while True:
        taken, rest = rest[:holes], rest[holes:]
        values = iter([*taken, *[""] * (holes - len(taken))])
        text += re.sub("%[s%]", lambda m, v=values: "%" if m[0] == "%%" else next(v), form)  # type: ignore[misc]
        if not rest or not holes or len(text) > MAX_TEXT:
            return text


def _echo(words: Sequence[str], _: str | None) -> Answer | None:
    text = write_echo(words)
    return None if text is None else Answer(text=text, status="0")


def _printf(words: Sequence[str], _: str | None) -> Answer | None:
    text = write_printf(words)
    return None if text is None else Answer(text=text, status="0")


def _cat(words: Sequence[str], stdin: str | None) -> Answer | None:
    if stdin is None or set(words[1:]) - {"-"}:
        return None
    return Answer(text=stdin, status="0")


def _jq(words: Sequence[str], stdin: str | None) -> Answer | None:
    return None if stdin is None else run_jq(words, stdin)


def _tr(words: Sequence[str], stdin: str | None) -> Answer | None:
    if stdin is None:
        return None
    sets = [word.replace("\\n", "\n") for word in words[1:] if word != "-d"]
    if any("\\" in one or "[" in one or re.search(".-.", one) for one in sets):
        return None
    if "-d" in words and len(sets) == 1:
        return Answer(text="".join(c for c in stdin if c not in sets[0]), status="0")
    if len(sets) != 2 or len(sets[0]) != len(sets[1]):  # noqa: PLR2004 - from, to
        return None
    return Answer(text=stdin.translate(str.maketrans(*sets)), status="0")


def _grep(words: Sequence[str], stdin: str | None) -> Answer | None:
    """Search as grep does; files are not read."""
    if stdin is None:
        return None
    letters, patterns, others = _read_grep_words(words)
    if not patterns and others:
        patterns.append(others.pop(0))
    if others or not patterns or set(letters) - set("qEFivcxwos"):
        return None
    found = [_compile(one, letters) for one in patterns]
    if None in found:
        return None
    lines = stdin.split("\n")[: -1 if stdin.endswith("\n") else None] if stdin else []
    wanted = "v" not in letters
    kept = [line for line in lines if any(one.search(line) for one in found if one) is wanted]
    text = "".join(f"{line}\n" for line in kept)
    if "c" in letters:
        text = f"{len(kept)}\n"
    if "o" in letters and "v" not in letters:
        text = "".join(f"{m[0]}\n" for line in kept for one in found if one
                       for m in one.finditer(line) if m[0])  # fmt: skip
    return Answer(text="" if "q" in letters else text, status="0" if kept else "1")


def _read_grep_words(words: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """Give the letters of options, the patterns of `-e`, and all other words."""
    letters = {"egrep": "E", "fgrep": "F"}.get(words[0].rpartition("/")[2], "")
    patterns, others, rest = [], [], list(words[1:])
    while rest:
        word = rest.pop(0)
        if word == "--":
            others += rest
            break
        if word.startswith("--"):
            letters += _GREP_WORDS.get(word, "?")
        elif word.startswith("-") and len(word) > 1:
            letters += word[1:].replace("e", "")
            if word.endswith("e") and rest:
                patterns.append(rest.pop(0))
        else:
            others.append(word)
    return letters, patterns, others


def _compile(pattern: str, letters: str) -> re.Pattern[str] | None:
    """Write a pattern as Python's; None where it is not plain enough to be sure and quick."""
    if "F" in letters:
        made = re.escape(pattern)
    else:
        made = pattern if "E" in letters else _from_basic(pattern)
        for name, characters in _CLASSES.items():
            made = made.replace(name, characters)
        if _DOUBTFUL.search(made) or sum(map(made.count, "*+{")) > MAX_REPEATED or "\n" in made:
            return None
    made = rf"\b(?:{made})\b" if "w" in letters else made
    made = rf"^(?:{made})$" if "x" in letters else made
    try:
        return re.compile(made, re.IGNORECASE if "i" in letters else 0)
    except (re.error, OverflowError, RecursionError):
        return None


def _from_basic(pattern: str) -> str:
    """Turn a basic pattern into an extended one: what has a backslash there has none here."""
    made = ""
    for match in re.finditer(r"\\(.)|(.)", pattern, re.DOTALL):
        if match[1]:
            made += match[1] if match[1] in "|(){}+?" else f"\\{match[1]}"
        else:
            made += f"\\{match[2]}" if match[2] in "|(){}+?" else match[2]
    return made


_FILTERS: Mapping[str, Callable[[Sequence[str], str | None], Answer | None]] = {
    "echo": _echo,
    "printf": _printf,
    "cat": _cat,
    "jq": _jq,
    "tr": _tr,
    "grep": _grep,
    "egrep": _grep,
    "fgrep": _grep,
}
