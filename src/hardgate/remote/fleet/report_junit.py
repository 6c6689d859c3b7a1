"""The fleet's `junit.xml`: a suite for each host, and never greener than the exit code.

Made from `fleet.json`, so that a finished fleet can be told anew.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hardgate.errors import ExitCode
from hardgate.model.verdict import VerdictKind
from hardgate.redaction import Redactor
from hardgate.remote.fleet.headline import format_fleet_opening
from hardgate.remote.fleet.report_json import summarize_fleet
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.status import ImageState
from hardgate.report.html import strip_json_control_codes
from hardgate.report.junit_xml import (
    WHOLE_RUN_CASE,
    ReportCase,
    ReportSuite,
    make_promise_case,
    make_whole_run_case,
    write_suites,
)
from hardgate.report.marks import Mark
from hardgate.text.plain import one_line

CONTRACT_CASE = "the_contract_is_the_fleets"
"""The case that stands for what an image was verified by."""

Document = Mapping[str, Any]


def make_fleet_junit(run: FleetRun, redactor: Redactor) -> bytes:
    """Make the report of a run."""
    return render_fleet_junit(redactor.redact_value(summarize_fleet(run)))


def render_fleet_junit(fleet: Document) -> bytes:
    """Make the report from the redacted `fleet.json`."""
    fleet = strip_json_control_codes(fleet)
    suites = [_make_host_suite(host, fleet) for host in fleet["hosts"]]
    suites = [suite for suite in suites if suite.cases]
    red = any(suite.is_red for suite in suites)
    if fleet["error"] or (fleet["exit_code"] != ExitCode.HELD and not red):
        suites.append(_make_whole_run_suite(fleet))
    return write_suites(
        suites, title=one_line(f"{fleet['headline']} {format_fleet_opening(fleet)}")
    )


def _make_host_suite(host: str, fleet: Document) -> ReportSuite:
    here = [standing for standing in fleet["standings"] if standing["host"] == host]
    contracts = {image["reference"]: image["contract"] for image in fleet["images"]}
    return ReportSuite(
        name=one_line(f"hardgate fleet: {host}"),
        id=f"{fleet['id']}-{fleet['hosts'].index(host)}",
        timestamp=fleet["started_at"],
        properties={
            name: one_line(text)
            for standing in here
            for name, text in _gate_properties(standing, contracts[standing["image"]], fleet)
        },
        cases=tuple(
            case
            for standing in here
            for case in _make_gate_cases(standing, contracts[standing["image"]])
        ),
    )


def _make_gate_cases(standing: Document, contract: Document) -> Iterator[ReportCase]:
    group = f"fleet.{_escape_dots(standing['image'])}"
    yield _make_gate_case(standing, group)
    if standing["gate"]:
        yield _make_contract_case(standing, contract, group)
    for cell in standing["cells"]:
        yield _make_cell_case(cell, group)


def _make_gate_case(standing: Document, group: str) -> ReportCase:
    """Say whether the gate came to an end that says something."""
    error, gate = standing["error"], standing["gate"]
    return ReportCase(
        name=WHOLE_RUN_CASE,
        classname=f"{group}.run",
        kind="error" if error else "",
        message=one_line(error["problem"]) if error else "",
        body=_describe_error(error) if error else "",
        stdout=gate["headline"] if gate else "",
        seconds=gate["seconds"] if gate else None,
    )


def _make_contract_case(standing: Document, contract: Document, group: str) -> ReportCase:
    """Say whether it was verified by as much as the fleet demands."""
    sentences = standing["stale"]
    return ReportCase(
        name=CONTRACT_CASE,
        classname=f"{group}.run",
        kind="failure" if sentences else "",
        message=one_line(f"Stale: {' '.join(sentences)}") if sentences else "",
        body="\n".join((f"Verified by {contract['origin']}.", *sentences)),
    )


def _make_cell_case(cell: Document, group: str) -> ReportCase:
    part = "guard" if cell["kind"] == VerdictKind.GUARD.value else cell["severity"]
    return make_promise_case(
        Mark(cell["mark"]),
        name=cell["name"],
        classname=f"{group}.{part}",
        reason=cell["reason"],
        remedy=cell["remedy"],
    )


def _make_whole_run_suite(fleet: Document) -> ReportSuite:
    details = _describe_error(fleet["error"]) if fleet["error"] else ""
    case = make_whole_run_case("fleet", fleet["headline"], details)
    return ReportSuite(
        name="hardgate fleet",
        id=fleet["id"],
        timestamp=fleet["started_at"],
        properties={},
        cases=(case,),
    )


def _gate_properties(
    standing: Document, contract: Document, fleet: Document
) -> Iterator[tuple[str, str]]:
    yield "headline", fleet["headline"]
    yield "exit_code", str(fleet["exit_code"])
    yield from _contract_properties("contract", fleet["contract"])
    yield "host.kind", fleet["host_kind"]
    yield "run.id", fleet["id"]
    yield "hardgate.version", fleet["hardgate"]
    gate, prefix = standing["gate"] or {}, f"image.{standing['image']}"
    yield f"{prefix}.state", standing["state"]
    yield f"{prefix}.digest", gate.get("digest") or "none"
    yield from _contract_properties(f"{prefix}.contract", contract)
    yield f"{prefix}.stale", str(standing["state"] == ImageState.STALE.value).lower()
    yield f"{prefix}.notices", " ".join(gate.get("notices", ()))


def _contract_properties(prefix: str, contract: Document) -> Iterator[tuple[str, str]]:
    yield f"{prefix}.origin", contract["origin"]
    yield f"{prefix}.version", str(contract["version"])
    yield f"{prefix}.sha256", contract["sha256"]
    yield f"{prefix}.capabilities", str(contract["count"])


def _describe_error(error: Document) -> str:
    to_do = f"What to do: {error['remedy']}" if error["remedy"] else ""
    evidence = f"What was seen of it:\n{error['evidence']}" if error["evidence"] else ""
    return "\n\n".join(part for part in (error["problem"], to_do, evidence) if part)


def _escape_dots(reference: str) -> str:
    """Write a reference as a group's name: readers of JUnit split those at dots."""
    return one_line(reference).replace(".", "_")
