"""Reads which image a Dockerfile's FROM lines ask for by BASE_IMAGE, as the builders do.

Only what decides that is read: parser directives, comments, continued lines, here-documents (to
leave their text out), the global ARG instructions, and FROM. Reference:
https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact
"""

import re
import shlex
from collections.abc import Iterator, Mapping

BASE_ARGUMENT = "BASE_IMAGE"

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z]+)\s*=\s*(\S+)\s*$")
_HEREDOC = re.compile(r"<<(-?)\s*([\"']?)([A-Za-z_][A-Za-z0-9_]*)\2")
_VARIABLE = re.compile(
    r"\$(?:(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<sign>:?[-+])(?P<word>[^{}]*))?\})"
)
_WHOLE_BASE = re.compile(r"\$(?:BASE_IMAGE|\{BASE_IMAGE(?::?[-+][^{}]*)?\})")


def read_base_reference(text: str, arguments: Mapping[str, str]) -> str | None:
    """Give the image that BASE_IMAGE stands for in a FROM line.

    `arguments` are the caller's build arguments, which overrule the defaults. Empty means that
    the Dockerfile leaves its base open; None that no FROM line is BASE_IMAGE alone, or that the
    Dockerfile declares no such argument before its first FROM.
    """
    values: dict[str, str] = {}
    declared = stages = False
    for keyword, rest in _list_instructions(text):
        if keyword == "ARG" and not stages:
            declared |= _add_defaults(values, rest, arguments)
        if keyword == "FROM":
            stages = True
            words = [word for word in rest.split() if not word.startswith("--")]
            name = words[0].strip("\"'") if words else ""
            if declared and _WHOLE_BASE.fullmatch(name):
                return _expand_variables(name, values)
    return None


def _add_defaults(values: dict[str, str], rest: str, arguments: Mapping[str, str]) -> bool:
    """Add what one ARG instruction declares; tell whether BASE_IMAGE is among it."""
    declared = False
    for word in _split_words(rest):
        name, equals, default = word.partition("=")
        declared |= name == BASE_ARGUMENT
        if name in arguments:
            values[name] = arguments[name]
        elif equals:
            values[name] = _expand_variables(default, values)
    return declared


def _split_words(rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError:  # a quote without its end: the builder will refuse the Dockerfile
        return rest.split()


def _expand_variables(text: str, values: Mapping[str, str]) -> str:
    def find_value(match: re.Match[str]) -> str:
        value = values.get(match["plain"] or match["name"])
        sign, word = match["sign"] or "", match["word"] or ""
        given = bool(value) if sign.startswith(":") else value is not None
        if sign.endswith("+"):
            return word if given else ""
        return (value or "") if given or not sign else word

    return _VARIABLE.sub(find_value, text)


def _list_instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction's keyword, in capitals, and the rest of its lines as one."""
    lines = iter(text.removeprefix("\ufeff").splitlines())
    escape = _read_escape(text)
    logical = ""
    for line in lines:
        if line.lstrip().startswith("#") or not line.strip():
            continue
        logical += line
        if logical.rstrip().endswith(escape):
            logical = logical.rstrip()[: -len(escape)]
            continue
        keyword, rest = _split_keyword(logical)
        yield keyword, rest
        if keyword in {"RUN", "COPY", "ADD"}:
            _skip_heredocs(lines, rest)
        logical = ""
    if logical.strip():
        yield _split_keyword(logical)


def _split_keyword(instruction: str) -> tuple[str, str]:
    keyword, *rest = instruction.split(maxsplit=1)
    return keyword.upper(), "".join(rest).strip()


def _read_escape(text: str) -> str:
    """Find the character that continues a line; a directive before all else may change it."""
    for line in text.removeprefix("\ufeff").splitlines():
        directive = _DIRECTIVE.match(line.strip())
        if not directive:
            break
        if directive[1].lower() == "escape":
            return directive[2]
    return "\\"


def _skip_heredocs(lines: Iterator[str], rest: str) -> None:
    for dash, _, end in _HEREDOC.findall(rest):
        for line in lines:
            if (line.lstrip("\t") if dash else line) == end:
                break
