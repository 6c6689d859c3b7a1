"""The values of jq's language: what its operators and functions give for an input.

Products of lists grow fast, so every step of a run is counted.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from itertools import chain, count
from typing import Any

MAX_VALUES = 500
MAX_STEPS = 20_000
_steps: ContextVar[Iterator[int]] = ContextVar("steps")
"""Counts what a run of one filter has done, for products of lists grow fast."""


class BadFilterError(ValueError):
    """A filter that is not read here, or that fails on its input."""


Filter = Callable[[Any], Iterator[Any]]
"""Gives what comes out for one input."""


def start_counting() -> None:
    """Count the steps of a run from 0."""
    _steps.set(count())


def collect_values(values: Iterable[Any]) -> list[Any]:
    """List the values that come; raises BadFilterError where they are too many."""
    found = []
    for one in values:
        found.append(one)
        if len(found) > MAX_VALUES:
            raise BadFilterError("it gives too many values")
    _weigh(found)
    return found


def _weigh(value: Any) -> None:
    """Count all that is in a value: a list of lists may hold one of them many times."""
    _step()
    inside = value.values() if isinstance(value, dict) else value
    for one in inside if isinstance(value, (list, dict)) else ():
        _weigh(one)


def _step() -> None:
    if next(_steps.get()) > MAX_STEPS:
        raise BadFilterError("it takes too long")


def make_constant(value: Any) -> Filter:
    """Give one value for any input."""
    return lambda _: iter((value,))


def pipe(first: Filter, second: Filter) -> Filter:
    """Give `first | second`."""

    def give(value: Any) -> Iterator[Any]:
        for one in first(value):
            _step()
            yield from second(one)

    return give


def join_outputs(first: Filter, second: Filter) -> Filter:
    """Give `first, second`."""
    return lambda value: chain(first(value), second(value))


def choose_alternative(first: Filter, second: Filter) -> Filter:
    """Give `first // second`."""

    def give(value: Any) -> Iterator[Any]:
        held = [one for one in collect_values(first(value)) if is_true(one)]
        return iter(held or collect_values(second(value)))

    return give


def apply_operator(join: Callable[[Any, Any], Any], first: Filter, second: Filter) -> Filter:
    """Give what an operator makes of each pair of values."""

    def give(value: Any) -> Iterator[Any]:
        for two in second(value):
            for one in first(value):
                _step()
                yield join(one, two)

    return give


def is_true(value: Any) -> bool:
    """Tell whether a value counts as true."""
    return value is not None and value is not False


def _same(one: Any, two: Any) -> bool:
    return bool(one == two) and isinstance(one, bool) == isinstance(two, bool)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def join(one: Any, two: Any) -> bool:
        kinds = {type(one), type(two)}
        if kinds <= {int, float} or kinds == {str}:
            return compare(one, two)
        raise BadFilterError("values of two kinds are compared")

    return join


COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": _same,
    "!=": lambda one, two: not _same(one, two),
    "<": _ordered(lambda one, two: one < two),
    ">": _ordered(lambda one, two: one > two),
    "<=": _ordered(lambda one, two: one <= two),
    ">=": _ordered(lambda one, two: one >= two),
}


def add_values(one: Any, two: Any) -> Any:
    """Give `one + two`."""
    if type(one) is type(two) and isinstance(one, (int, str, list)):
        return one + two
    raise BadFilterError("values are added that are not read here")


def read_field(name: str) -> Filter:
    """Give `.name`."""

    def give(value: Any) -> Iterator[Any]:
        if value is not None and not isinstance(value, dict):
            raise BadFilterError(f"'.{name}' of what is not an object")
        yield (value or {}).get(name)

    return give


def read_item(number: int) -> Filter:
    """Give `.[number]`."""

    def give(value: Any) -> Iterator[Any]:
        if not isinstance(value, list):
            raise BadFilterError("a number is asked of what is not an array")
        yield value[number] if number < len(value) else None

    return give


def each_value(value: Any) -> Iterator[Any]:
    """Give `.[]`."""
    if not isinstance(value, (list, dict)):
        raise BadFilterError("'.[]' of what has no values")
    return iter(list(value.values() if isinstance(value, dict) else value))


def _on_list(make: Callable[[list[Any]], Any]) -> Callable[[], Filter]:
    def give(value: Any) -> Iterator[Any]:
        yield make([*each_value(value)])

    return lambda: give


def _length(value: Any) -> Iterator[Any]:
    if not isinstance(value, (list, dict, str)):
        raise BadFilterError("a length that is not read here")
    yield len(value)


def _to_entries(value: Any) -> Iterator[Any]:
    if not isinstance(value, dict):
        raise BadFilterError("entries of what is not an object")
    yield [{"key": key, "value": one} for key, one in value.items()]


def _from_entries(value: Any) -> Iterator[Any]:
    entries = [one for one in each_value(value) if isinstance(one, dict) and "key" in one]
    yield {str(one["key"]): one.get("value") for one in entries}


def _select(condition: Filter) -> Filter:
    return lambda value: (value for held in condition(value) if is_true(held))


def _map(change: Filter) -> Filter:
    return lambda value: iter(
        (collect_values(out for one in each_value(value) for out in change(one)),)
    )


def _asked(join: Callable[[Iterator[bool]], bool], values: Filter, condition: Filter) -> Filter:
    def give(value: Any) -> Iterator[Any]:
        held = (is_true(answer) for one in values(value) for answer in condition(one))
        yield join(held)

    return give


def _is_among(values: Filter) -> Filter:
    return lambda value: iter((any(_same(value, one) for one in values(value)),))


def _by_text(judge: Callable[[str, str], bool]) -> Callable[[Filter], Filter]:
    def make(other: Filter) -> Filter:
        def give(value: Any) -> Iterator[Any]:
            for one in other(value):
                if not isinstance(value, str) or not isinstance(one, str):
                    raise BadFilterError("texts are missing")
                yield judge(value, one)

        return give

    return make


def _join_by(separator: Filter) -> Filter:
    def give(value: Any) -> Iterator[Any]:
        for by in separator(value):
            yield str(by).join("" if one is None else str(one) for one in each_value(value))

    return give


def _keys(value: Any) -> Iterator[Any]:
    if not isinstance(value, dict):
        raise BadFilterError("keys of what is not an object")
    yield sorted(value)


CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
FUNCTIONS: Mapping[tuple[str, int], Callable[..., Filter]] = {
    ("not", 0): lambda: lambda value: iter((not is_true(value),)),
    ("empty", 0): lambda: lambda _: iter(()),
    ("length", 0): lambda: _length,
    ("keys", 0): lambda: _keys,
    ("to_entries", 0): lambda: _to_entries,
    ("from_entries", 0): lambda: _from_entries,
    ("all", 0): lambda: _asked(all, each_value, lambda value: iter((value,))),
    ("any", 0): lambda: _asked(any, each_value, lambda value: iter((value,))),
    ("all", 1): lambda condition: _asked(all, each_value, condition),
    ("any", 1): lambda condition: _asked(any, each_value, condition),
    ("all", 2): lambda values, condition: _asked(all, values, condition),
    ("any", 2): lambda values, condition: _asked(any, values, condition),
    ("select", 1): _select,
    ("map", 1): _map,
    ("with_entries", 1): lambda change: pipe(pipe(_to_entries, _map(change)), _from_entries),
    ("IN", 1): _is_among,
    ("contains", 1): _by_text(lambda text, part: part in text),
    ("startswith", 1): _by_text(lambda text, part: text.startswith(part)),
    ("endswith", 1): _by_text(lambda text, part: text.endswith(part)),
    ("join", 1): _join_by,
    ("add", 0): _on_list(lambda values: sum(values) if all(
        isinstance(one, int) for one in values) and values else None),
    ("unique", 0): _on_list(lambda values: sorted({json.dumps(one): one for one in values}.values(),
                                                  key=json.dumps)),
}  # fmt: skip
