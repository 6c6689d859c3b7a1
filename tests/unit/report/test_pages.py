"""The pages of sessions, hosts and fleets: complete, well-formed, and with the worst first."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from hardgate.model.contract import Severity
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.session_result import encode_session_result, make_session_result
from hardgate.redaction import Redactor
from hardgate.remote.fleet.report_json import summarize_fleet
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.runner.report_json import summarize_host
from hardgate.remote.task_answers import GateAnswer
from hardgate.report.pages import render_fleet_html, render_host_html, render_session_html
from tests.unit import fleets, runs
from tests.unit.remote.runner.test_runner import APP, report, run_of
from tests.unit.report.test_html import HOSTILE, Page

CHECKS = (
    Check(name="contract", group="contract", outcome=Outcome.PASS, reason="contracts/t4.yaml v1"),
    Check(
        name="drops-privileges", group="entrypoint", outcome=Outcome.FAIL,
        reason="entrypoint.sh:3: root stays.", remedy="End it with 'exec gosu'.",
        evidence="entrypoint.sh:3: x: root stays.\nentrypoint.sh:9: x: root stays.",
    ),
    Check(
        name="advice", group="linters", outcome=Outcome.FAIL, severity=Severity.ADVISORY, reason="a"
    ),
    Check(name="t4", group="answers", outcome=Outcome.ERROR, reason="No engine answers."),
)  # fmt: skip


def answer(checks: Sequence[Check] = CHECKS, **changes: Any) -> dict[str, Any]:
    result = make_session_result(
        "validate", checks, commit="0123abcd", contract="1a2b", started_at="2026-11-27T00:00:00Z",
        seconds=3.25, notices=["Looked at the whole tree."],
    )  # fmt: skip
    return dict(json.loads(encode_session_result(replace(result, **changes), checks)))


def hostile(document: Any) -> Any:
    """Put markup into every text of a document but the words that choose what is drawn."""
    match document:
        case dict():
            chosen = {"outcome", "severity", "state", "mark", "kind"}
            return {k: v if k in chosen else hostile(v) for k, v in document.items()}
        case list():
            return [hostile(item) for item in document]
        case str():
            return document and document + HOSTILE
        case _:
            return document


def fleet_document(run: FleetRun) -> dict[str, Any]:
    return dict(json.loads(json.dumps(summarize_fleet(run))))


def host_document(**changes: Any) -> dict[str, Any]:
    host = report(**changes)
    return dict(json.loads(json.dumps(summarize_host(host, run_of(host)), default=str)))


PAGES = {
    "session": (render_session_html, answer()),
    "session without checks": (render_session_html, answer(())),
    "host": (render_host_html, host_document()),
    "fleet": (render_fleet_html, fleet_document(fleets.mixed())),
    "empty fleet": (render_fleet_html, fleet_document(fleets.empty())),
}


@pytest.mark.parametrize("name", PAGES)
def test_each_page_is_well_formed_and_its_links_lead_somewhere(name: str) -> None:
    render, document = PAGES[name]
    page = Page(render(Redactor().redact_value(document)))
    ids = list(page.attributes("id"))
    links = {attrs["href"] or "" for tag, attrs in page.tags if tag == "a"}
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert document["headline"] in page.text


@pytest.mark.parametrize("name", PAGES)
def test_nothing_that_was_told_is_markup(name: str) -> None:
    render, document = PAGES[name]
    plain, page = Page(render(document)), Page(render(hostile(document)))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in plain.tags}
    assert page.text.count("{{ 7*7 }}") > 3


def test_a_session_tells_what_missed_before_all_of_its_checks() -> None:
    text = Page(render_session_html(answer())).text
    parts = ["2 of 4" if "2 of 4" in text else "1 of 4", "root stays.", "What to do:", "Notices"]
    positions = [text.index(part) for part in parts]
    assert positions == sorted(positions)
    assert text.count("No engine answers.") == 2
    assert "entrypoint.sh:9" in text


def test_a_fleet_tells_stale_images_first_then_red_ones() -> None:
    run = fleet_document(fleets.mixed())
    page = Page(render_fleet_html(run))
    states = [attrs["data-outcome"] for tag, attrs in page.tags if tag == "details"]
    assert states == ["stale", "fail", "error", "error", "pass"]
    rows = [attrs["data-outcome"] for tag, attrs in page.tags if tag == "tr" and attrs]
    assert rows == ["stale", "fail"]


def test_a_fleets_matrix_has_a_cell_for_each_image_on_each_host() -> None:
    run = fleet_document(fleets.mixed())
    page = Page(render_fleet_html(run))
    labels = [label for label in page.attributes("aria-label") if " on " in label]
    assert len([label for label in labels if ": " in label]) == len(run["standings"])
    assert "app:1 on beta: red" in labels


def test_a_host_tells_each_of_its_contracts() -> None:
    document = host_document()
    page = Page(render_host_html(document))
    names = [verdict["name"] for one in document["contracts"] for verdict in one["verdicts"]]
    ids = list(page.attributes("id"))
    assert names
    for one in document["contracts"]:
        for verdict in one["verdicts"]:
            assert f"{one['session']}-{verdict['name']}" in ids


def test_a_fleets_page_begins_with_what_breaks_most_and_its_remedy() -> None:
    text = Page(render_fleet_html(fleet_document(fleets.mixed()))).text
    first = text.index("agent_home_writable: mkdir: cannot create")
    assert first < text.index("Images and hosts")
    assert "It breaks app:1 on beta." in " ".join(text.split())


def test_a_hosts_page_begins_with_what_tier_4_missed_there() -> None:
    told = fleets.told(runs.red(), APP)
    told["host"] = {**told["host"], "kind": "direct"}
    answered = GateAnswer(exit_code=told["exit_code"], summary=told, output="")
    text = Page(render_host_html(host_document(gate=answered))).text
    first = text.index("of tier 4.")
    assert "It breaks agent_home_writable of tier 4." in " ".join(text.split())
    assert first < text.index("contracts/runner-host.yaml")
