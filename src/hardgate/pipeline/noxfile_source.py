"""Where a noxfile installs hardgate from, read without running it.

Plain strings, names that are given one such text, f-strings and sums of these can be read. What a
noxfile works out by other means cannot: then it is said where that stands.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hardgate.pipeline.hardgate_source import is_requirement

UNKNOWN_PART = "…"
MAX_SHOWN_CHARS = 80


@dataclass(frozen=True, kw_only=True)
class NoxfileSources:
    """What a noxfile names as hardgate's source."""

    requirements: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    """What may name another and cannot be read, each with its line."""


def read_noxfile_sources(noxfile: str) -> NoxfileSources:
    """Give the texts that are a source of hardgate's, and the expressions that may be one."""
    try:
        tree = ast.parse(noxfile)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None) or 1
        return NoxfileSources(unread=(f"line {line}: it is not Python",))
    reader = _Reader(_read_constants(tree))
    reader.visit(tree)
    unread = reader.unread if reader.requirements else [*reader.unread, *reader.unread_installs]
    return NoxfileSources(
        requirements=tuple(reader.requirements), unread=tuple(dict.fromkeys(unread))
    )


def find_requirements(noxfile: str) -> list[str]:
    """Give the texts of a noxfile that say where hardgate is installed from."""
    return list(read_noxfile_sources(noxfile).requirements)


def _read_constants(tree: ast.Module) -> Mapping[str, str]:
    """Read the names that are given one text, once; one that is given twice may be either."""
    given = list(_list_assignments(tree))
    counts = Counter(
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    )
    constants: dict[str, str] = {}
    for name, value in given:
        text = _read_text(value, constants)
        if text is not None and counts[name] == 1:
            constants[name] = text
    return constants


def _list_assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target: ast.expr = node.targets[0]
            value: ast.expr | None = node.value
        elif isinstance(node, ast.AnnAssign):
            target, value = node.target, node.value
        else:
            continue
        if isinstance(target, ast.Name) and value is not None:
            yield target.id, value


def _read_text(node: ast.expr, constants: Mapping[str, str]) -> str | None:
    """Give an expression's text; None where a part of it is not known."""
    parts = list(_read_parts(node, constants))
    return None if None in parts else "".join(part for part in parts if part is not None)


def _read_parts(node: ast.expr, constants: Mapping[str, str]) -> Iterator[str | None]:
    """Yield the texts that an expression is put together from; None for one that is not known."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id=name):
            yield constants.get(name)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from _read_parts(left, constants)
            yield from _read_parts(right, constants)
        case ast.JoinedStr(values=values):
            for value in values:
                yield from _read_parts(value, constants)
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            yield from _read_parts(value, constants)
        case _:
            yield None


class _Reader(ast.NodeVisitor):
    """Collects the sources, each text as a whole: a part of an f-string is none by itself."""

    def __init__(self, constants: Mapping[str, str]) -> None:
        self.constants = constants
        self.requirements: list[str] = []
        self.unread: list[str] = []
        self.unread_installs: list[str] = []

    def visit_Constant(self, node: ast.Constant) -> None:
        self._take(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._take(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if not self._take(node):
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Note what 'session.install' is given that is not text, and look into all calls."""
        if isinstance(node.func, ast.Attribute) and node.func.attr == "install":
            unknown = [one for one in node.args if _read_text(one, self.constants) is None]
            self.unread_installs += [_describe(one) for one in unknown]
        self.generic_visit(node)

    def _take(self, node: ast.expr) -> bool:
        """Take a text as one; tell whether it is a source, or may be one."""
        parts = list(_read_parts(node, self.constants))
        text = "".join(UNKNOWN_PART if part is None else part for part in parts)
        if not is_requirement(text):
            return False
        if None in parts:
            self.unread.append(_describe(node))
        else:
            self.requirements.append(text)
        return True


def _describe(node: ast.expr) -> str:
    words = ast.unparse(node)
    shown = words if len(words) <= MAX_SHOWN_CHARS else f"{words[:MAX_SHOWN_CHARS]}{UNKNOWN_PART}"
    return f"line {node.lineno}: {shown}"
