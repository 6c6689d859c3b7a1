"""The jobs that a matrix makes: https://docs.github.com/actions/reference/workflows-and-actions."""

from collections.abc import Mapping, Sequence
from itertools import islice, product
from typing import Any

from hardgate.pipeline.static.expression import UNKNOWN, Open, Unknown
from hardgate.schema.document import Listing, Node, Scalar, Table

MAX_COMBINATIONS = 256
"""A forge's own limit."""


def combinations_of(node: Node | None) -> bool | Unknown:
    """Tell whether a matrix makes at least one job: UNKNOWN where an expression decides."""
    if node is None:
        return True
    combinations = list_combinations(node)
    return UNKNOWN if combinations is None else bool(combinations)


def list_combinations(node: Node | None) -> Sequence[Mapping[str, Any]] | None:
    """Give the values of each job that a matrix makes; None where an expression decides."""
    if node is None:
        return [{}]
    if not isinstance(node, Table):
        return None
    axes = {key.text: value for key, value in node.entries}
    include, exclude = axes.pop("include", None), axes.pop("exclude", None)
    if any(not isinstance(value, Listing) for value in axes.values()):
        return None
    if include is not None and not isinstance(include, Listing):
        return None
    values = {name: _values(value) for name, value in axes.items()}
    crossed = product(*values.values()) if axes else ()
    made = [dict(zip(values, one, strict=True)) for one in islice(crossed, MAX_COMBINATIONS + 1)]
    if len(made) > MAX_COMBINATIONS:
        return made
    left_out = [_pairs(item) for item in exclude.items] if isinstance(exclude, Listing) else []
    kept = [one for one in made if not any(_agrees(one, pairs) for pairs in left_out if pairs)]
    return _with_included(kept, include, frozenset(axes))


def _with_included(
    kept: list[dict[str, Any]], include: Node | None, axes: frozenset[str]
) -> list[dict[str, Any]]:
    """Add what `include` adds: to each combination that it agrees with, or as one more."""
    originals = [dict(one) for one in kept]
    for item in include.items if isinstance(include, Listing) else ():
        pairs = _pairs(item)
        shared = {name: value for name, value in pairs.items() if name in axes}
        hits = [at for at, one in enumerate(originals) if _agrees(one, shared)]
        for at in hits:
            kept[at] = {**kept[at], **pairs}
        if not hits:
            kept.append(pairs)
    return kept


def _agrees(combination: Mapping[str, Any], pairs: Mapping[str, Any]) -> bool:
    return all(combination.get(name) == value for name, value in pairs.items())


def _values(node: Node) -> list[Any]:
    return [_value(item) for item in node.items] if isinstance(node, Listing) else []


def _pairs(node: Node) -> dict[str, Any]:
    entries = node.entries if isinstance(node, Table) else ()
    return {key.text: _value(value) for key, value in entries}


def _value(node: Node) -> Any:
    if not isinstance(node, Scalar):
        return Open()
    if "${{" in node.text:
        return UNKNOWN
    if node.tag == "bool":
        return node.text.lower() == "true"
    return None if node.tag == "null" else node.text
