"""The contract's JSON Schema: the committed file, and its agreement with the loader."""

import json
from typing import Any

import jsonschema
import pytest
import yaml

from hardgate.errors import ContractError
from hardgate.model.contract import Capability, parse_contract
from hardgate.model.contract_fields import CAPABILITY_FIELDS
from hardgate.model.contract_schema import format_contract_schema, make_contract_schema
from hardgate.resources import CONTRACTS

GOOD: dict[str, Any] = {
    "version": 1,
    "agent_uid": 1000,
    "capabilities": [
        {
            "name": "agent_home",
            "description": "The agent can write to its home.",
            "severity": "hard",
            "source": "It was missing once.",
            "probe": "test -w /agent-home",
        }
    ],
}
HOST: dict[str, Any] = {
    "version": 1,
    "subject": "host",
    "variables": ["HARDGATE_FORGE_URL"],
    "capabilities": [{**GOOD["capabilities"][0], "user": "root"}],
}
ABSENT = object()


def with_value(key: str, value: object) -> dict[str, Any]:
    """GOOD with one field set, or taken away: the contract's, or else its capability's."""
    contract: dict[str, Any] = json.loads(json.dumps(GOOD))
    table = contract if key in GOOD or key == "owner" else contract["capabilities"][0]
    table[key] = value
    if value is ABSENT:
        del table[key]
    return contract


def of_host(key: str, value: object) -> dict[str, Any]:
    """HOST with one field set, or taken away."""
    contract: dict[str, Any] = json.loads(json.dumps(HOST))
    table = contract["capabilities"][0] if key == "user" else contract
    table[key] = value
    if value is ABSENT:
        del table[key]
    return contract


def loads(contract: dict[str, Any]) -> bool:
    try:
        return not parse_contract(json.dumps(contract).encode(), "x.yaml").warnings
    except ContractError:
        return False


def validates(contract: dict[str, Any]) -> bool:
    return jsonschema.Draft7Validator(make_contract_schema()).is_valid(contract)


def test_the_committed_file_is_what_the_generator_gives() -> None:
    committed = (CONTRACTS / "contract.schema.json").read_text(encoding="utf-8")
    assert committed == format_contract_schema(), (
        "Run: python -m hardgate.model.contract_schema > contracts/contract.sch…"
    )


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(make_contract_schema())


def test_the_table_names_the_fields_of_a_capability() -> None:
    fields = set(Capability.__dataclass_fields__) - {"line"}
    assert {field.name for field in CAPABILITY_FIELDS} == fields


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("agent_uid", 1),
        ("required_egress", []),
        ("required_egress", ["https://example.org/a?b=c", "http://[::1]:8080"]),
        ("timeout", 2.5),
        ("secret", True),
        ("rerun", False),
        ("hint", "Make it."),
        ("name", "Egress.https-2 to all"),
        ("severity", "advisory"),
    ],
)
def test_what_the_loader_takes_without_a_word_the_schema_takes(key: str, value: object) -> None:
    contract = with_value(key, value)
    assert loads(contract)
    assert validates(contract)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", 2),
        ("version", "1"),
        ("version", ABSENT),
        ("agent_uid", 0),
        ("agent_uid", 2**31),
        ("agent_uid", True),
        ("agent_uid", ABSENT),
        ("capabilities", []),
        ("capabilities", ["a"]),
        ("capabilities", ABSENT),
        ("name", ""),
        ("name", " a"),
        ("name", 123),
        ("name", "n" * 201),
        ("description", None),
        ("severity", False),
        ("severity", "Hard"),
        ("source", "  "),
        ("source", ABSENT),
        ("probe", []),
        ("probe", "x" * 65537),
        ("required_egress", "https://example.org"),
        ("required_egress", ["example.org"]),
        ("required_egress", ["https://user:word@example.org"]),
        ("timeout", 0),
        ("timeout", "30s"),
        ("timeout", 3601),
        ("secret", "yes"),
        ("rerun", 0),
        ("hint", 5),
    ],
)
def test_what_the_loader_does_not_take_the_schema_does_not_take(key: str, value: object) -> None:
    contract = with_value(key, value)
    assert not loads(contract)
    assert not validates(contract)


@pytest.mark.parametrize(
    ("key", "value"),
    [("user", "runner"), ("user", ABSENT), ("variables", []), ("variables", ABSENT)],
)
def test_loader_and_schema_take_the_same_of_a_host(key: str, value: object) -> None:
    assert loads(of_host(key, value))
    assert validates(of_host(key, value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("user", "admin"),
        ("user", 0),
        ("variables", ["PATH"]),
        ("variables", ["HARDGATE_FORGE_URL", "HARDGATE_FORGE_URL"]),
        ("variables", "HARDGATE_FORGE_URL"),
        ("subject", "machine"),
        ("subject", "workspace"),
        ("subject", ABSENT),
    ],
)
def test_loader_and_schema_refuse_the_same_of_a_host(key: str, value: object) -> None:
    assert not loads(of_host(key, value))
    assert not validates(of_host(key, value))


@pytest.mark.parametrize("key", ["owner", "x-notes"])
def test_a_field_that_nobody_knows_is_allowed(key: str) -> None:
    assert validates(with_value(key, {"a": 1}))


@pytest.mark.parametrize(
    "path", sorted(set(CONTRACTS.glob("*.yaml")) - {CONTRACTS / "tiers.yaml"}), ids=lambda p: p.name
)
def test_our_own_contracts_load_without_a_warning_and_validate(path: Any) -> None:
    data = path.read_bytes()
    assert parse_contract(data, path.name).warnings == ()
    assert validates(yaml.safe_load(data))
