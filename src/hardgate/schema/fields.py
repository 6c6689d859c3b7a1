"""A mapping's fields, as a table: what reads it, what it warns of, and its JSON Schema."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hardgate.schema.document import Node, Refusal, Scalar, Table
from hardgate.schema.lists import read_listing
from hardgate.schema.types import Shape
from hardgate.text.printable import make_printable
from hardgate.text.typo import suggest_choice


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field."""

    name: str
    shape: Shape
    about: str
    """What it is, such as `why it exists`."""
    remedy: str = ""
    """What to do where it is wrong; the shape's own words where it is empty."""
    absent: str = ""
    """What to do where it is missing; made of `about` where it is empty."""
    required: bool = True
    extra: bool = False
    """Our own, beyond the schema: a foreign field of that name is skipped, with a warning."""
    fallback: Any = None
    """The value of an extra field that cannot be read: the careful one."""


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A warning: what is odd about a line, as a whole sentence or two."""

    line: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A mapping that was read."""

    values: Mapping[str, Any]
    """By name; a field that is not there is not here."""
    remarks: tuple[Remark, ...]


def read_table(node: Node, fields: Sequence[Field], *, subject: str) -> Reading:
    """Read a mapping; `subject` is what it is called, such as "capability 'agent_home'"."""
    if not isinstance(node, Table):
        raise Refusal(
            node.line, f"{subject} is not a mapping of fields", "Write 'name: value' lines."
        )
    values: dict[str, Any] = {}
    remarks: list[Remark] = []
    for field in fields:
        value = node.get_value(field.name)
        if value is not None:
            values[field.name] = _read_field(field, value, subject, remarks)
        elif field.required:
            raise _describe_missing(field, node, fields, subject)
    remarks += _warn_unknown_fields(node, fields, subject)
    return Reading(values=values, remarks=tuple(remarks))


def read_table_strictly(node: Node, fields: Sequence[Field], *, subject: str) -> Reading:
    """Read a mapping of our own: a field that nobody knows is a setting that nobody gives."""
    reading = read_table(node, fields, subject=subject)
    for remark in reading.remarks:
        problem, _, remedy = remark.text.partition(". ")
        raise Refusal(remark.line, problem, remedy)
    return reading


def _read_field(field: Field, node: Node, subject: str, remarks: list[Remark]) -> Any:
    try:
        return field.shape.read(node)
    except Refusal as refusal:
        problem = f"'{field.name}' of {subject} {refusal.problem}"
        remedy = field.remedy or refusal.remedy
        if not field.extra:
            raise Refusal(refusal.line, problem, remedy) from None
        taken = f"taken as '{field.fallback}'".lower() if field.fallback is not None else "skipped"
        remarks.append(Remark(line=refusal.line, text=f"{problem}; it is {taken}. {remedy}"))
        return field.fallback


def _describe_missing(field: Field, table: Table, fields: Sequence[Field], subject: str) -> Refusal:
    known = {known.name for known in fields}
    for key, _ in table.entries:
        if key.text not in known and suggest_choice(key.text, [field.name]):
            remedy = f"Did you mean it by '{make_printable(key.text)}' in line {key.line}?"
            return Refusal(table.line, f"{subject} has no '{field.name}'", remedy)
    remedy = field.absent or f"Add '{field.name}': {field.about}."
    return Refusal(table.line, f"{subject} has no '{field.name}'", remedy)


def _warn_unknown_fields(table: Table, fields: Sequence[Field], subject: str) -> list[Remark]:
    known = {field.name for field in fields}
    absent = known - {key.text for key, _ in table.entries}
    return [
        Remark(line=key.line, text=_describe_unknown(key, absent, subject))
        for key, _ in table.entries
        if key.text not in known
    ]


def _describe_unknown(key: Scalar, absent: Iterable[str], subject: str) -> str:
    meant = suggest_choice(key.text, absent) or "It is skipped."
    return f"{subject} has a field '{make_printable(key.text)}', which is not known here. {meant}"


def make_table_schema(fields: Sequence[Field], *, strict: bool = False) -> dict[str, Any]:
    """Describe a mapping as JSON Schema; with `strict`, it has no field that nobody knows."""
    return {
        "type": "object",
        "required": [field.name for field in fields if field.required],
        "properties": {
            field.name: {"description": f"{field.about[0].upper()}{field.about[1:]}."}
            | field.shape.schema()
            for field in fields
        },
        **({"additionalProperties": False} if strict else {}),
    }


@dataclass(frozen=True, kw_only=True)
class TableList:
    """The shape of a list of mappings, each read by who asked for it."""

    fields: tuple[Field, ...]
    noun: str
    strict: bool = False
    """Each is read by `read_table_strictly`."""

    def read(self, node: Node) -> tuple[Node, ...]:
        """Refuse an empty list."""
        listing = read_listing(node, self.noun)
        if not listing.items:
            raise Refusal(node.line, "is empty", f"Write a list of {self.noun}.")
        return listing.items

    def schema(self) -> dict[str, Any]:
        """Each with its own fields."""
        items = make_table_schema(self.fields, strict=self.strict)
        return {"type": "array", "minItems": 1, "items": items}
