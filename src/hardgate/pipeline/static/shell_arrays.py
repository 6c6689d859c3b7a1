"""Arrays of a shell, kept in the one text that a variable's value is."""

from collections.abc import Iterable

from hardgate.pipeline.static.shell_state import UNKNOWN

_ELEMENT = "\ue0fb"
_EMPTY = "\ue0fa"


def make_array(elements: Iterable[str]) -> str:
    """Write elements as one value."""
    return "".join(_ELEMENT + element for element in elements) or _EMPTY


def is_array(value: str) -> bool:
    """Tell an array from a plain value."""
    return value[:1] in {_ELEMENT, _EMPTY}


def list_elements(value: str) -> list[str]:
    """Give an array's elements; a plain value is one with a single element."""
    if is_array(value):
        return value.split(_ELEMENT)[1:]
    return [value] if value else []


def append(value: str, added: str) -> str:
    """Append to a value what `+=` appends: elements, or a text."""
    if is_array(added):
        if UNKNOWN in value and not is_array(value):
            return UNKNOWN
        return make_array([*list_elements(value), *list_elements(added)])
    if is_array(value):
        first, *rest = list_elements(value) or [""]
        return make_array([first + added, *rest])
    return value + added


def pick(value: str, index: str) -> str | None:
    """Give `${name[index]}`; None where it cannot be told."""
    if not index.lstrip("-").isdigit():
        return None
    elements = list_elements(value)
    at = int(index)
    return elements[at] if -len(elements) <= at < len(elements) else ""
