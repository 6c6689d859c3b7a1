"""The list of a fleet's images: a file of ours, read as strictly as a contract (docs/fleet.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardgate.schema.document import Node, Refusal, read_document, translate_refusals
from hardgate.schema.fields import Field, TableList, read_table_strictly
from hardgate.schema.lists import read_listing
from hardgate.schema.source import read_origin
from hardgate.schema.types import Name, WholeNumber
from hardgate.text.printable import make_printable

LIST_VERSION = 1
MAX_REFERENCE_CHARS = 500


@dataclass(frozen=True, kw_only=True)
class ImageReference:
    """The shape of an image's reference: a word that no command line takes for an option."""

    def read(self, node: Node) -> str:
        """Refuse what no engine calls an image."""
        text = Name(max_chars=MAX_REFERENCE_CHARS).read(node)
        if text.startswith("-") or " " in text:
            remedy = "Write it as 'docker run' takes it, such as 'registry.example.org/team/app:1'."
            raise Refusal(
                node.line, f"is '{make_printable(text)}', which is not a reference", remedy
            )
        return text

    def schema(self) -> dict[str, Any]:
        """No white space, no leading dash."""
        return {"type": "string", "pattern": r"^[^\s-]\S*$", "maxLength": MAX_REFERENCE_CHARS}


@dataclass(frozen=True, kw_only=True)
class HostNames:
    """The shape of a list of names; it may not be empty."""

    def read(self, node: Node) -> tuple[str, ...]:
        """Refuse a name that stands there twice."""
        listing = read_listing(node, "names")
        if not listing.items:
            raise Refusal(node.line, "is empty", "Name a host or a group, or leave it out for all.")
        names: list[str] = []
        for item in listing.items:
            name = Name().read(item)
            if name in names:
                raise Refusal(item.line, f"holds '{name}' twice", "Keep one of the two.")
            names.append(name)
        return tuple(names)

    def schema(self) -> dict[str, Any]:
        """At least one, and none twice."""
        names = {"items": Name().schema(), "uniqueItems": True}
        return {"type": "array", "minItems": 1, **names}


IMAGE_FIELDS = (
    Field(
        name="reference",
        shape=ImageReference(),
        about="the image, as the engines of its hosts call it",
    ),
    Field(
        name="contract",
        shape=Name(max_chars=4096),
        about="the file that it is verified by, seen from this one; the fleet's where left out",
        required=False,
    ),
    Field(
        name="hosts",
        shape=HostNames(),
        about="hosts and groups of the inventory that run it; all where left out",
        required=False,
    ),
)
LIST_FIELDS = (
    Field(
        name="version",
        shape=WholeNumber(lowest=LIST_VERSION, highest=LIST_VERSION),
        about=f"the version of this file's shape, {LIST_VERSION}",
        remedy=f"This hardgate reads version {LIST_VERSION}, a number without quotes.",
    ),
    Field(
        name="images",
        shape=TableList(fields=IMAGE_FIELDS, noun="images", strict=True),
        about="the images, at least one",
    ),
)


@dataclass(frozen=True, kw_only=True)
class ImageEntry:
    """One image of the list, as it was written."""

    reference: str
    contract: Path | None
    """None: the fleet's own."""
    hosts: tuple[str, ...]
    """Names of hosts and groups; empty: all."""
    line: int


@dataclass(frozen=True, kw_only=True)
class ImageList:
    """What a fleet runs, and where."""

    origin: str
    entries: tuple[ImageEntry, ...]


def load_image_list(path: Path) -> ImageList:
    """Read the file; raises ContractError with file, line and remedy."""
    return parse_image_list(read_origin(str(path), noun="Image list"), path)


def parse_image_list(data: bytes, path: Path) -> ImageList:
    """Make a list of a file's bytes; what it names is looked for beside it."""
    with translate_refusals(f"Image list '{path}'"):
        file = read_table_strictly(read_document(data).root, LIST_FIELDS, subject="the list")
        entries = [
            _read_image_entry(node, number, path.parent)
            for number, node in enumerate(file.values["images"], start=1)
        ]
        _refuse_equal_references(entries)
    return ImageList(origin=str(path), entries=tuple(entries))


def _read_image_entry(node: Node, number: int, folder: Path) -> ImageEntry:
    values = read_table_strictly(node, IMAGE_FIELDS, subject=f"image {number}").values
    contract = values.get("contract")
    return ImageEntry(
        reference=values["reference"],
        contract=folder / contract if contract else None,
        hosts=values.get("hosts", ()),
        line=node.line,
    )


def _refuse_equal_references(entries: Sequence[ImageEntry]) -> None:
    lines: dict[str, int] = {}
    for entry in entries:
        if entry.reference in lines:
            raise Refusal(
                entry.line,
                f"image '{entry.reference}' stands here again, after line {lines[entry.reference]}",
                "Keep one of the two, with all of its hosts.",
            )
        lines[entry.reference] = entry.line
