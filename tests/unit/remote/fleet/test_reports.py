"""A fleet's reports say the outcome first, leave no gap, and are never greener than the truth."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hardgate.errors import ExitCode, HardgateError
from hardgate.model.guard import GUARDS
from hardgate.model.verdict import VerdictKind
from hardgate.redaction import MASK, Redactor
from hardgate.remote.fleet.folder import open_fleet_folder, write_fleet_reports
from hardgate.remote.fleet.headline import fleet_headline, fleet_opening
from hardgate.remote.fleet.report_json import FLEET_SCHEMA_FILE, summarize_fleet
from hardgate.remote.fleet.report_junit import make_fleet_junit
from hardgate.remote.fleet.report_markdown import (
    ABSENT_MARK,
    LEGEND,
    make_fleet_markdown,
)
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.status import ImageStatus
from hardgate.report.marks import Mark
from tests.unit import fleets, runs
from tests.unit.report.test_junit import violations
from tests.unit.report.test_summary_json import objects

REDACTOR = Redactor().with_values([runs.TOKEN])
DOCUMENT = json.loads(FLEET_SCHEMA_FILE.read_text())
EVERY = pytest.mark.parametrize(
    "run", [make() for make in fleets.ALL.values()], ids=list(fleets.ALL)
)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "green",
            "HARDGATE FLEET GREEN: 2 of 2 gates (1 image, 2 hosts) are green, by "
            "contracts/t4.yaml v1, 10 capabilities (exit 0)",
        ),
        (
            "mixed",
            "HARDGATE FLEET RED: 1 of 5 red: app:1 on beta; 1 of 5 stale: team/old:1 on alpha; "
            "2 of 5 of which nobody could tell: app:1 on gamma, team/old:1 on gamma (exit 1)",
        ),
        ("stale", "HARDGATE FLEET RED: 1 of 1 stale: old:1 on alpha (exit 1)"),
        (
            "lost",
            "HARDGATE FLEET UNKNOWN: 1 of 2 of which nobody could tell: app:1 on gamma (exit 3)",
        ),
        ("empty", "HARDGATE FLEET UNKNOWN: nothing was looked at (exit 3)"),
        ("broken off", "HARDGATE FLEET UNKNOWN: The play was broken off (exit 3)"),
    ],
)
def test_the_headline_cannot_be_misread(name: str, words: str) -> None:
    assert fleet_headline(fleets.ALL[name]()) == words


def test_a_stopped_fleet_says_so() -> None:
    run = replace(fleets.lost(), interrupted=ExitCode.INTERRUPTED)
    assert fleet_headline(run).startswith(
        "HARDGATE FLEET INTERRUPTED: the fleet was stopped; until then"
    )
    assert fleet_headline(run).endswith("(exit 130)")


def test_the_opening_says_by_what_is_judged() -> None:
    mixed = fleets.mixed()
    said = fleet_opening(mixed, mixed.id)
    assert "contract contracts/t4.yaml v1, 10 capabilities; 2 images, 4 hosts" in said
    assert said.endswith(f"sha256:{fleets.WANTED.sha256}")


def rows(run: FleetRun) -> dict[tuple[str, str], list[str]]:
    """Read the matrix: marks by image and capability."""
    found = {}
    table = make_fleet_markdown(run, REDACTOR).partition("| image | capability |")
    for line in "".join(table[1:]).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and len(cells) == len(run.hosts) + 2:
            found[cells[0].replace("\\", ""), cells[1].replace("\\", "")] = cells[2:]
    return found


@EVERY
def test_the_first_line_is_the_outcome(run: FleetRun) -> None:
    text = make_fleet_markdown(run, REDACTOR)
    assert text.startswith("# HARDGATE FLEET ")
    assert text.splitlines()[0].endswith(f"(exit {int(run.exit_code)})")
    assert LEGEND in text


def test_the_matrix_is_images_and_capabilities_by_hosts() -> None:
    table = rows(fleets.mixed())
    assert table["image", "capability"] == ["alpha", "beta", "gamma", "idle"]
    assert table["**app:1**", "*all*"] == [
        "**✓ green**",
        "**✗ RED**",
        "**? UNKNOWN**",
        ABSENT_MARK,
    ]
    assert table["**team/old:1**", "*all*"] == [
        "**~ STALE**",
        ABSENT_MARK,
        "**? UNKNOWN**",
        ABSENT_MARK,
    ]
    assert table["app:1", "agent_uid_1000"] == ["✓", "✓", "?", ABSENT_MARK]
    assert table["app:1", "agent_home_writable"] == ["✓", "✗", "?", ABSENT_MARK]
    assert table["app:1", "privileged_flag_observable"] == ["✓", "!", "?", ABSENT_MARK]
    assert table["app:1", "*guards*"][:2] == [
        f"✓ {len(GUARDS)} of {len(GUARDS)}",
        f"✗ {len(GUARDS) - 1} of {len(GUARDS)}",
    ]
    assert table["team/old:1", "agent_home_writable"] == ["~", ABSENT_MARK, "?", ABSENT_MARK]
    assert table["team/old:1", "privileged_flag_observable"] == ["~", ABSENT_MARK, "?", ABSENT_MARK]


@EVERY
def test_a_tick_in_the_matrix_is_a_pass_by_the_fleets_contract(run: FleetRun) -> None:
    marks = {
        (one.image.reference, cell.name, one.host): cell.mark
        for one in run.standings
        for cell in one.make_cells()
        if cell.kind is VerdictKind.CAPABILITY
    }
    counted = 0
    for (image, name), row in rows(run).items():
        if "*" in image or "*" in name or name == "capability":
            continue
        for host, said in zip(run.hosts, row, strict=True):
            mark = marks.get((image, name, host))
            assert said == (mark.glyph if mark else ABSENT_MARK)
            counted += mark is not None
    assert counted == len(marks)


def test_the_contract_of_each_image_is_named_with_its_hash_and_count() -> None:
    text = make_fleet_markdown(fleets.mixed(), REDACTOR)
    assert "| app:1 | contracts/t4.yaml v1, 10 capabilities | `1a2b3c4d1a2b` | yes |" in text
    assert (
        "| team/old:1 | old.yaml v1, 9 capabilities | `000000000000` "
        "| no: stale (2 demands not looked at) |" in text
    )


def test_misses_staleness_errors_and_notices_are_told_below() -> None:
    text = make_fleet_markdown(fleets.mixed(), REDACTOR).replace("\\", "")
    assert "- app:1 on beta: **agent_home_writable**: mkdir: cannot create" in text
    assert "  - 'agent_home_writable' was looked at by another probe." in text
    assert "- app:1 on gamma: Host 'gamma' cannot be reached: no route. To do: See" in text
    assert "  > ssh: no" in text
    assert "- app:1 on beta: **network_egress_https**: The engine did not say" in text
    assert "- Host 'idle': no image is for it." in text


def test_an_image_cannot_write_into_the_table() -> None:
    evil = HardgateError("x | ✓ |\n# HARDGATE FLEET GREEN <b>[a](http://x)")
    run = fleets.fleet(
        ImageStatus(image=fleets.image("a|b`c", hosts=["h"]), host="h", summary_error=evil),
    )
    text = make_fleet_markdown(run, REDACTOR)
    assert not re.search(r"(?m)^# HARDGATE FLEET GREEN", text)
    assert "<b>" not in text
    assert "a\\|b\\`c" in text


@EVERY
def test_every_summary_is_what_the_schema_says(run: FleetRun) -> None:
    told = json.loads(json.dumps(summarize_fleet(run)))
    Draft202012Validator(DOCUMENT).validate(told)
    assert list(told)[:3] == ["headline", "outcome", "exit_code"]
    assert (told["exit_code"] == 0) == (told["outcome"] == "green")


def test_the_schema_is_one_that_requires_every_key_that_it_names() -> None:
    Draft202012Validator.check_schema(DOCUMENT)
    for one in objects(DOCUMENT):
        assert sorted(one["required"]) == sorted(one["properties"])


def test_the_summary_has_no_key_that_the_schema_does_not_name() -> None:
    told = summarize_fleet(fleets.mixed())
    definitions = DOCUMENT["$defs"]
    assert sorted(told) == sorted(DOCUMENT["properties"])
    for key, values in (
        ("contract", [told["contract"]]),
        ("image", told["images"]),
        ("standing", told["standings"]),
    ):
        for value in values:
            assert sorted(value) == sorted(definitions[key]["properties"])


def parse(run: FleetRun) -> ET.Element:
    return ET.fromstring(make_fleet_junit(run, REDACTOR))  # noqa: S314 - our own words


def counts(suite: ET.Element) -> tuple[int, ...]:
    return tuple(int(suite.get(key, -1)) for key in ("tests", "failures", "errors", "skipped"))


@EVERY
def test_junit_is_valid_and_never_greener_than_the_exit_code(run: FleetRun) -> None:
    root = parse(run)
    assert violations(root) == []
    assert str(root.get("name")).startswith(fleet_headline(run))
    missed = [one for one in root.iter() if one.tag in {"failure", "error"}]
    assert bool(missed) == (run.exit_code is not ExitCode.HELD)
    for one in missed:
        assert one.get("message")
        assert one.text


def test_each_host_has_a_suite_and_each_image_and_capability_a_case() -> None:
    root = parse(fleets.mixed())
    suites = {str(suite.get("name")): suite for suite in root}
    assert list(suites) == [f"hardgate fleet: {host}" for host in ("alpha", "beta", "gamma")]
    # the gate, its contract, ten capabilities, the guards; then the same of the stale one
    cases = 2 + 10 + len(GUARDS)
    assert counts(suites["hardgate fleet: alpha"]) == (2 * cases, 3, 0, 0)
    assert counts(suites["hardgate fleet: beta"]) == (cases, 4, 1, 1)
    # no contract where nothing was said
    assert counts(suites["hardgate fleet: gamma"]) == (2 * (cases - 1), 0, 2 * (cases - 1), 0)


def test_what_a_host_was_judged_by_stands_in_its_suite() -> None:
    suite = parse(fleets.mixed())[0]
    told = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert told["contract.sha256"] == fleets.WANTED.sha256
    assert told["image.team/old:1.contract.sha256"] == "0" * 64
    assert told["image.team/old:1.contract.capabilities"] == "9"
    assert told["image.team/old:1.state"] == "stale"
    assert told["image.app:1.state"] == "green"


def test_a_stopped_fleet_of_greens_is_red_in_junit() -> None:
    root = parse(replace(fleets.green(), interrupted=ExitCode.TERMINATED))
    assert [one.tag for one in root.iter() if one.tag == "error"] == ["error"]


def leaky(text: str) -> FleetRun:
    trouble = HardgateError(f"It said {text}.", f"Hide {text}.", evidence=text)
    app = fleets.image("app:1", hosts=["alpha"])
    return fleets.fleet(
        ImageStatus(image=app, host="alpha", summary_error=trouble), remarks=(text,)
    )


@pytest.mark.parametrize("text", [runs.TOKEN, "Authorization: Bearer 0123456789abcdef0123456789"])
def test_no_report_holds_a_secret(text: str, tmp_path: Path) -> None:
    folder = open_fleet_folder(tmp_path, "run")
    write_fleet_reports(leaky(text), folder, REDACTOR)
    secret = text.rpartition(" ")[2]
    for name in ("fleet.md", "fleet.json", "junit.xml"):
        written = (tmp_path / name).read_text()
        assert secret not in written
        assert "redacted" in written


def test_what_no_file_can_hold_costs_no_report(tmp_path: Path) -> None:
    odd: Any = "\x00\x1b[31m\ud800 odd"
    folder = open_fleet_folder(tmp_path, "run")
    write_fleet_reports(leaky(odd), folder, REDACTOR)
    assert json.loads((tmp_path / "fleet.json").read_text())["exit_code"] == 3
    assert MASK not in (tmp_path / "fleet.md").read_text()


def test_an_earlier_runs_reports_are_not_taken_for_this_ones(tmp_path: Path) -> None:
    for name in ("fleet.md", "fleet.json", "junit.xml", "mine.txt"):
        (tmp_path / name).write_text("old")
    open_fleet_folder(tmp_path, "run")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_legend_has_every_mark() -> None:
    for mark in Mark:
        assert f"{mark.glyph} " in LEGEND


def test_only_the_formats_that_were_asked_for_are_written(tmp_path: Path) -> None:
    folder = open_fleet_folder(tmp_path, "run")
    write_fleet_reports(fleets.green(), folder, REDACTOR, ("junit",))
    assert {path.name for path in tmp_path.iterdir()} == {"fleet.json", "junit.xml"}
