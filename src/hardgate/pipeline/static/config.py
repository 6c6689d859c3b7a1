"""A template's config.yaml: what a platform reads of it, and what must be right in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hardgate.schema.document import Listing, Node, Refusal, Scalar, Table, read_document
from hardgate.schema.fields import Field, make_table_schema
from hardgate.schema.types import Flag, Name, Shape, Text, WholeNumber
from hardgate.text.typo import suggest_choice

MAX_PORT = 65535
HIGHEST_TIER = 4


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A single value, whatever YAML takes it for."""

    def read(self, node: Node) -> str:
        """Refuse a list or a mapping, and nothing."""
        if not isinstance(node, Scalar) or node.tag == "null":
            raise Refusal(node.line, "is not a single value", "Write one, such as '1.0.0'.")
        return node.text

    def schema(self) -> dict[str, Any]:
        """Text or number."""
        return {"type": ["string", "number"]}


@dataclass(frozen=True, kw_only=True)
class Anything:
    """Whatever it is, it is the runtime's own."""

    def read(self, node: Node) -> None:
        """Refuse nothing."""
        del node

    def schema(self) -> dict[str, Any]:
        """Anything."""
        return {}


@dataclass(frozen=True, kw_only=True)
class Items:
    """A list; empty where there is nothing."""

    def read(self, node: Node) -> None:
        """Refuse a single value and a mapping."""
        if not isinstance(node, Listing) and not (isinstance(node, Scalar) and node.tag == "null"):
            raise Refusal(node.line, "is not a list", "Write '[]', or '- ' before each item.")

    def schema(self) -> dict[str, Any]:
        """Anything in it."""
        return {"type": ["array", "null"]}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A mapping of fields; others than these are the template's own."""

    fields: tuple[Field, ...] = ()

    def read(self, node: Node) -> None:
        """Refuse what is not a mapping; its fields are read one by one."""
        if not isinstance(node, Table):
            raise Refusal(node.line, "is not a mapping", "Write 'name: value' lines below it.")

    def schema(self) -> dict[str, Any]:
        """Its fields."""
        return make_table_schema(self.fields)


def _maybe(name: str, shape: Shape, about: str) -> Field:
    return Field(name=name, shape=shape, about=about, required=False)


A2A = (
    _maybe("port", WholeNumber(lowest=1, highest=MAX_PORT), "the port that the agent answers on"),
    _maybe("streaming", Flag(), "whether answers are streamed"),
    _maybe("push_notifications", Flag(), "whether the platform is notified"),
)
RUNTIME = (
    _maybe("model", Plain(), "the default model"),
    _maybe("models", Items(), "models to choose from"),
    _maybe("required_env", Items(), "variables that must be set"),
    _maybe("timeout", Plain(), "seconds; 0 is none"),
)
FIELDS = (
    Field(name="name", shape=Name(), about="what people call the template"),
    _maybe("description", Text(), "what it is for"),
    _maybe("version", Plain(), "the template's own version"),
    _maybe(
        "tier", WholeNumber(lowest=1, highest=HIGHEST_TIER), "the tier that it is started under"
    ),
    _maybe("runtime", Anything(), "what runs in it"),
    _maybe("runtime_config", Part(fields=RUNTIME), "the runtime's settings"),
    _maybe("model", Anything(), "the default model"),
    _maybe("skills", Items(), "skills that it brings"),
    _maybe("tools", Anything(), "tools that it brings"),
    _maybe("prompt_files", Items(), "files that are read as prompts"),
    _maybe("a2a", Part(fields=A2A), "how other agents reach it"),
    _maybe("port", WholeNumber(lowest=1, highest=MAX_PORT), "the workspace's own port"),
    _maybe("env", Anything(), "variables, required and optional"),
    _maybe("adapter", Anything(), "the adapter's module"),
    _maybe(
        "template_schema_version",
        WholeNumber(lowest=1, highest=1),
        "the version of this schema",
    ),
)


def read_config(data: bytes) -> tuple[dict[str, Any], list[Refusal]]:
    """Read the fields; give their values, and all that is wrong."""
    try:
        root = read_document(data).root
    except Refusal as refusal:
        return {}, [refusal]
    values: dict[str, Any] = {}
    return values, list(_read(root, FIELDS, "config.yaml", values))


def _read(
    node: Node, fields: tuple[Field, ...], subject: str, values: dict[str, Any]
) -> Iterator[Refusal]:
    if not isinstance(node, Table):
        yield Refusal(node.line, f"{subject} is not a mapping", "Write 'name: value' lines.")
        return
    for field in fields:
        value = node.get_value(field.name)
        if value is None:
            if field.required:
                remedy = f"Add '{field.name}': {field.about}."
                yield Refusal(node.line, f"{subject} has no '{field.name}'", remedy)
            continue
        try:
            values[field.name] = field.shape.read(value)
        except Refusal as refusal:
            problem = f"'{field.name}' {refusal.problem}"
            yield Refusal(refusal.line, problem, refusal.remedy)
        else:
            if isinstance(field.shape, Part):
                yield from _read(value, field.shape.fields, f"'{field.name}'", {})
    yield from _typos(node, fields, subject)


def _typos(node: Table, fields: tuple[Field, ...], subject: str) -> Iterator[Refusal]:
    """A field that nobody knows is the template's own, unless it is a known one misspelt."""
    absent = {field.name for field in fields} - {key.text for key, _ in node.entries}
    for key, _ in node.entries:
        if key.text in {field.name for field in fields} or _is_a_word(key.text, absent):
            continue
        if meant := suggest_choice(key.text, absent):
            yield Refusal(key.line, f"{subject} has a field '{key.text}', unknown here", meant)


def _is_a_word(name: str, known: set[str]) -> bool:
    """Tell a word of its own, such as `models` beside `model`, from a misspelt one."""
    return any(name in other or other in name for other in known)
