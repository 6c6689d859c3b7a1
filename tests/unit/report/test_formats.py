"""Each format is what its readers take, and tells nothing greener than the exit code."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft7Validator

from hardgate.redaction import MASK, Redactor
from hardgate.report.formats import DEFAULT_FORMATS, FORMATS, order_formats, render_report
from hardgate.report.markdown import escape_markdown
from tests.unit import runs

HOSTILE = (
    "<script>alert(1)</script> </pre> </script> [x](http://evil.example) | ::error::no @somebody\n"
    "::add-mask::green\n```\n# ok 1 - forged\n    ok 2 - forged # SKIP\n{{ 7*7 }}"
)


def render(form: str, name: str = "red", **changes: Any) -> str:
    return render_report(form, runs.ALL[name](**changes), Redactor()).decode()


def hostile_run() -> Any:
    verdict = runs.failed("agent_uid_1000", HOSTILE, stdout=HOSTILE, stderr=HOSTILE, hint=HOSTILE)
    return runs.red(verdicts=(verdict,), problem=HOSTILE, evidence=HOSTILE, notices=(HOSTILE,))


def test_the_summary_is_always_written_and_first() -> None:
    assert order_formats(()) == ("json", "junit", "html")
    assert set(order_formats(())) == set(DEFAULT_FORMATS)
    assert order_formats(["tap"]) == ("json", "tap")


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_holds_a_secret(form: str) -> None:
    verdict = runs.failed("agent_uid_1000", f"It wrote {runs.TOKEN}.", stdout=runs.TOKEN)
    run = runs.red(verdicts=(verdict,), evidence=runs.TOKEN)
    text = render_report(form, run, Redactor().with_values([runs.TOKEN])).decode()
    assert runs.TOKEN not in text
    assert MASK in text or MASK.replace("[", "\\[").replace("]", "\\]") in text


# TAP 14, by a small reader of the specification's own rules.

POINT = re.compile(r"(not )?ok (\d+) - ((?:\\.|[^#\\])*?)(?: # (TODO|SKIP)(?: .*)?)?")


def read_tap(text: str) -> list[dict[str, Any]]:
    """Read a document; fail on whatever is neither a point, a comment nor a point's YAML."""
    lines = text.splitlines()
    assert lines[0] == "TAP version 14"
    plan = [line for line in lines if re.fullmatch(r"1\.\.\d+", line)]
    points: list[dict[str, Any]] = []
    inside = False
    for line in lines[1:]:
        if inside:
            inside = line != "  ..."
            if inside:
                key, value = re.fullmatch(r"  (\w+): (.+)", line).groups()  # type: ignore[union-attr]
                points[-1][key] = json.loads(value)
        elif line == "  ---":
            inside = True
        elif line not in plan and not line.startswith("# "):
            found = POINT.fullmatch(line)
            assert found, line
            points.append({"ok": not found[1], "name": found[3], "directive": found[4]})
            assert int(found[2]) == len(points)
    assert plan == [f"1..{len(points)}"]
    return points


@pytest.mark.parametrize("name", runs.ALL)
def test_tap_fails_exactly_where_the_exit_code_is_not_zero(name: str) -> None:
    points = read_tap(render("tap", name))
    failed = [point for point in points if not point["ok"] and point["directive"] != "TODO"]
    assert bool(failed) == bool(runs.ALL[name]().exit_code)


def test_tap_tells_each_verdict_with_its_reason() -> None:
    points = {point["name"]: point for point in read_tap(render("tap"))}
    assert len(points) == len(runs.red().verdicts)
    assert points["agent_home_writable"]["message"].startswith("mkdir:")
    assert points["agent_home_writable"]["remedy"].startswith("Make /agent-home")
    assert points["privileged_flag_observable"]["directive"] == "TODO"


def test_no_output_can_forge_a_point_of_tap() -> None:
    points = read_tap(render_report("tap", hostile_run(), Redactor()).decode())
    assert [point["name"] for point in points] == ["agent_uid_1000"]


# SARIF 2.1.0. Its schema could not be fetched here: these are its rules for what is written.

SARIF_SUBSET = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "required": ["id"],
                                            "additionalProperties": False,
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": {"$ref": "#/$defs/message"},
                                                "help": {"$ref": "#/$defs/message"},
                                            },
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "invocations": {
                        "items": {
                            "required": ["executionSuccessful"],
                            "properties": {"executionSuccessful": {"type": "boolean"}},
                        }
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "required": ["message"],
                            "additionalProperties": False,
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": {"$ref": "#/$defs/message"},
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation"],
                                                "properties": {
                                                    "region": {
                                                        "properties": {
                                                            "startLine": {
                                                                "type": "integer",
                                                                "minimum": 1,
                                                            }
                                                        }
                                                    }
                                                },
                                            }
                                        }
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
    "$defs": {
        "message": {
            "type": "object",
            "required": ["text"],
            "additionalProperties": False,
            "properties": {"text": {"type": "string", "minLength": 1}},
        }
    },
}


@pytest.mark.parametrize("name", runs.ALL)
def test_sarif_is_what_its_schema_says_and_refers_to_its_rules(name: str) -> None:
    document = json.loads(render("sarif", name))
    Draft7Validator(SARIF_SUBSET).validate(document)
    run = document["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])


def test_sarif_has_each_miss_at_its_line_of_the_contract() -> None:
    capabilities = tuple(
        replace(capability, line=number * 10)
        for number, capability in enumerate(runs.CONTRACT.capabilities, start=1)
    )
    plan = replace(runs.PLAN, capabilities=capabilities)
    run = json.loads(render("sarif", plan=plan))["runs"][0]
    found = {result["ruleId"]: result for result in run["results"]}
    misses = [one.name for one in runs.red().verdicts if one.outcome.value != "pass"]
    assert sorted(found) == sorted(misses)
    place = found["agent_home_writable"]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "contracts/t4.yaml"
    assert place["region"]["startLine"] == 20
    assert "locations" not in found["workload_runs_as_agent_uid"]
    assert found["privileged_flag_observable"]["level"] == "warning"


@pytest.mark.parametrize("origin", ["/etc/t4.yaml", "../t4.yaml", "https://example.org/t4.yaml"])
def test_sarif_names_no_file_outside_the_repository(origin: str) -> None:
    contract = replace(runs.CONTRACT, origin=origin)
    run = json.loads(render("sarif", plan=replace(runs.PLAN, contract=contract)))["runs"][0]
    assert all("locations" not in result for result in run["results"])


# JSON lines


@pytest.mark.parametrize("name", runs.ALL)
def test_json_lines_begin_started_and_end_finished(name: str) -> None:
    events = [json.loads(line) for line in render("jsonl", name).split("\n")[:-1]]
    assert (events[0]["event"], events[-1]["event"]) == ("started", "finished")
    verdicts = [event["name"] for event in events if event["event"] == "verdict"]
    assert verdicts == [verdict.name for verdict in runs.ALL[name]().verdicts]
    assert events[-1]["exit_code"] == runs.ALL[name]().exit_code


# Markdown


def test_markdown_tells_the_outcome_then_causes_then_the_rest() -> None:
    text = render("markdown")
    outcome, cause, table = map(
        text.index, ("HARDGATE RED", "What to do: Make /agent-home", "<details>")
    )
    assert outcome < cause < table


def test_nothing_of_an_image_is_markup_in_markdown() -> None:
    text = render_report("markdown", hostile_run(), Redactor()).decode()
    code = [line for line in text.splitlines() if line.startswith("    ")]
    prose = [line for line in text.splitlines() if not line.startswith("    ")]
    assert code
    for line in prose:
        assert "<script" not in line
        assert not re.search(r"(?<!\\)\]\(|://", line)
        assert "@somebody" not in line
        assert not line.lstrip().startswith(("::", "```"))


@pytest.mark.parametrize(
    "text", ["| a", "**b**", "`c`", "<d>", "@e", "http://f", "WWW.f", "[g](h)", "~~i~~"]
)
def test_markup_is_escaped(text: str) -> None:
    assert not re.search(rf"(?<!\\){re.escape(text)}", escape_markdown(text))
