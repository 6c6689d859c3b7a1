"""The summary keeps its shape, and its schema says which."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hardgate.redaction import MASK, Redactor
from hardgate.report.headline import format_headline
from hardgate.report.summary_json import SUMMARY_SCHEMA_FILE, summarize_run, write_summary
from tests.unit import runs

DOCUMENT = json.loads(SUMMARY_SCHEMA_FILE.read_text())


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(DOCUMENT)


@pytest.mark.parametrize("name", runs.ALL)
def test_every_summary_is_what_the_schema_says(name: str) -> None:
    Draft202012Validator(DOCUMENT).validate(json.loads(json.dumps(summarize_run(runs.ALL[name]()))))


def objects(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """List every object of the schema that names its keys."""
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    own = [schema] if "properties" in schema else []
    return own + [one for part in inner for one in objects(part)]


def test_the_schema_requires_every_key_that_it_names() -> None:
    for one in objects(DOCUMENT):
        assert sorted(one["required"]) == sorted(one["properties"])


def test_the_summary_has_no_key_that_the_schema_does_not_name() -> None:
    told = summarize_run(runs.red())
    verdict = DOCUMENT["$defs"]["verdict"]["properties"]
    assert sorted(told) == sorted(DOCUMENT["properties"])
    for key in ("contract", "image", "tier", "host"):
        assert sorted(told[key]) == sorted(DOCUMENT["properties"][key]["properties"])
    for one in told["verdicts"]:
        assert sorted(one) == sorted(verdict)
        if one["diagnosis"]:
            assert sorted(one["diagnosis"]) == sorted(verdict["diagnosis"]["properties"])


def test_the_outcome_comes_first() -> None:
    told = summarize_run(runs.red())
    assert list(told)[:3] == ["headline", "outcome", "exit_code"]
    assert told["headline"] == format_headline(runs.red())
    assert (told["outcome"], told["exit_code"]) == ("red", 1)


def test_a_partial_run_counts_all_of_its_contract() -> None:
    told = summarize_run(runs.partial())
    assert told["partial"] is True
    assert told["contract"]["count"] == 10
    assert len(told["not_looked_at"]) == 8


def test_the_file_holds_no_secret_and_whatever_else_was_seen(tmp_path: Path) -> None:
    verdict = runs.failed("agent_uid_1000", "no", stdout=f"{runs.TOKEN}\n\ud800 ü \x1b[1m")
    path = tmp_path / "summary.json"
    write_summary(runs.red(verdicts=(verdict,)), path, Redactor().with_values([runs.TOKEN]))
    told = json.loads(path.read_bytes())
    assert told["verdicts"][0]["stdout"] == f"{MASK}\n? ü \x1b[1m"
