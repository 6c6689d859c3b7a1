"""Each file that a person writes has a JSON Schema, and it takes what the reader takes."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from hardgate.cli.contract import SCHEMA_FILES, main
from hardgate.errors import HardgateError
from hardgate.model.contract_schema import make_contract_schema
from hardgate.model.tier import load_tiers
from hardgate.model.tier_schema import make_tiers_schema
from hardgate.pipeline.policy import read_policy
from hardgate.pipeline.policy_schema import format_policy_schema, make_policy_schema
from hardgate.remote.fleet.image_list import parse_image_list
from hardgate.remote.fleet.image_list_schema import format_images_schema, make_images_schema
from hardgate.resources import CONTRACTS

NAMED = "# yaml-language-server: $schema="
TIERS = yaml.safe_load((CONTRACTS / "tiers.yaml").read_text())


def reads_images(text: str, folder: Path) -> bool:
    try:
        parse_image_list(text.encode(), folder / "images.yaml")
    except HardgateError:
        return False
    return True


def reads_policy(text: str, folder: Path) -> bool:
    file = folder / "policy.yaml"
    file.write_text(text)
    file.chmod(0o644)
    folder.chmod(0o755)
    try:
        read_policy(file, owner=os.getuid())
    except HardgateError:
        return False
    return True


def reads_tiers(text: str, folder: Path) -> bool:
    file = folder / "tiers.yaml"
    file.write_text(text)
    try:
        load_tiers(str(file))
    except HardgateError:
        return False
    return True


READERS: dict[str, tuple[Callable[[str, Path], bool], dict[str, Any]]] = {
    "images": (reads_images, make_images_schema()),
    "policy": (reads_policy, make_policy_schema()),
    "tiers": (reads_tiers, make_tiers_schema()),
}


def images(**entry: Any) -> dict[str, Any]:
    return {"version": 1, "images": [{"reference": "app:1", **entry}]}


def tiers(**changes: Any) -> dict[str, Any]:
    """Hardgate's own tiers, the first of them changed."""
    first, *rest = TIERS["tiers"]
    return {**TIERS, "tiers": [{**first, **changes}, *rest]}


ACCEPTED = [
    ("images", images()),
    ("images", images(contract="own.yaml", hosts=["alpha", "web"])),
    ("images", {"version": 1, "images": [{"reference": "a"}, {"reference": "b@sha256:0"}]}),
    ("policy", {"direct_for_untrusted": True}),
    ("policy", {"direct_for": ["o/r"], "untrusted_may_miss": [], "registered_for": "o/r"}),
    ("policy", {"direct_for": None, "contract_sha256": "0" * 64}),
    ("tiers", TIERS),
    ("tiers", tiers(memory_mib=64)),
]
REFUSED = [
    ("images", {}),
    ("images", {"images": [{"reference": "a"}]}),
    ("images", {"version": 2, "images": [{"reference": "a"}]}),
    ("images", {"version": "1", "images": [{"reference": "a"}]}),
    ("images", {"version": 1}),
    ("images", {"version": 1, "images": []}),
    ("images", {"version": 1, "images": "a"}),
    ("images", {"version": 1, "images": ["app:1"]}),
    ("images", {"version": 1, "images": [{"image": "app:1"}]}),
    ("images", {"version": 1, "images": [{"reference": "a"}], "image": []}),
    ("images", images(reference="")),
    ("images", images(reference=1.5)),
    ("images", images(reference="--privileged")),
    ("images", images(reference="a b")),
    ("images", images(reference="a" * 501)),
    ("images", images(host="alpha")),
    ("images", images(hosts="alpha")),
    ("images", images(hosts=[])),
    ("images", images(hosts=["b", "b"])),
    ("images", images(hosts=[True])),
    ("images", images(contract=["x"])),
    ("policy", []),
    ("policy", {"direct_for_untrusted": "yes"}),
    ("policy", {"direct_for_untrustd": True}),
    ("policy", {"direct_for": "o/r"}),
    ("policy", {"direct_for": [1]}),
    ("policy", {"direct_for": [" o/r"]}),
    ("policy", {"registered_for": 5}),
    ("policy", {"registered_for": "n" * 201}),
    ("policy", {"contract_sha256": "0" * 65}),
    ("tiers", {}),
    ("tiers", {**TIERS, "tiers": []}),
    ("tiers", {**TIERS, "version": 9}),
    ("tiers", tiers(memory="1g")),
    ("tiers", tiers(memory_mib="64")),
    ("tiers", tiers(memory_mib=-1)),
    ("tiers", tiers(privileged="yes")),
    ("tiers", tiers(number=True)),
]


@pytest.mark.parametrize(("kind", "value"), ACCEPTED)
def test_what_the_reader_takes_the_schema_takes(kind: str, value: Any, tmp_path: Path) -> None:
    reads, schema = READERS[kind]
    assert reads(json.dumps(value), tmp_path)
    assert jsonschema.Draft7Validator(schema).is_valid(value)


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_what_the_reader_refuses_the_schema_refuses(kind: str, value: Any, tmp_path: Path) -> None:
    reads, schema = READERS[kind]
    assert not reads(json.dumps(value), tmp_path)
    assert not jsonschema.Draft7Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    ("name", "text"), [("images", format_images_schema()), ("policy", format_policy_schema())]
)
def test_the_committed_schema_is_what_the_generator_gives(name: str, text: str) -> None:
    assert (CONTRACTS / f"{name}.schema.json").read_text() == text


@pytest.mark.parametrize("name", SCHEMA_FILES)
def test_each_schema_is_printed_by_its_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", name]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.validators.validator_for(schema).check_schema(schema)


@pytest.mark.parametrize("path", sorted(CONTRACTS.glob("*.yaml")), ids=lambda path: path.name)
def test_each_file_names_its_schema_for_editors_and_is_valid_by_it(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith(NAMED)
    schema = json.loads((path.parent / first.removeprefix(NAMED)).read_text())
    assert (
        schema["title"]
        == (make_tiers_schema() if path.name == "tiers.yaml" else make_contract_schema())["title"]
    )
    jsonschema.Draft7Validator(schema).validate(yaml.safe_load(path.read_text()))


def test_several_contracts_are_checked_at_once_and_the_worst_counts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = [str(CONTRACTS / name) for name in ("t4.yaml", "runtime.yaml")]
    codes = [main(["check", file]) for file in files]
    alone = capsys.readouterr().out
    assert main(["check", *files]) == max(codes)
    assert capsys.readouterr().out == alone
