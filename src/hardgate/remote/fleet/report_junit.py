"""The fleet's `junit.xml`: a suite for each host, and never greener than the exit code."""

from collections.abc import Iterator

from hardgate import __version__
from hardgate.errors import ExitCode, HardgateError
from hardgate.model.verdict import VerdictKind
from hardgate.redaction import Redactor
from hardgate.remote.fleet.headline import fleet_headline, fleet_opening
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.status import Cell, ImageState, ImageStatus, Mark
from hardgate.report.details import Clean
from hardgate.report.junit import WHOLE_RUN_CASE
from hardgate.report.junit_xml import ReportCase, ReportSuite, write_suites
from hardgate.text.plain import one_line, strip_control_codes

CONTRACT_CASE = "the_contract_is_the_fleets"
"""The case that stands for what an image was verified by."""
MARK_KINDS = {
    Mark.HELD: "",
    Mark.MISSED: "failure",
    Mark.ADVISORY: "skipped",
    Mark.UNKNOWN: "error",
    Mark.STALE: "failure",
}


def make_fleet_junit(run: FleetRun, redactor: Redactor) -> bytes:
    """Make the report."""

    def clean_text(text: str) -> str:
        return redactor.redact_text(strip_control_codes(text))

    suites = [_make_host_suite(host, run, clean_text) for host in run.hosts]
    suites = [suite for suite in suites if suite.cases]
    red = any(case.kind in {"failure", "error"} for suite in suites for case in suite.cases)
    if run.problem or (run.exit_code is not ExitCode.HELD and not red):
        suites.append(_make_whole_run_suite(run, clean_text))
    title = f"{fleet_headline(run)} {fleet_opening(run, run.id)}"
    return write_suites(suites, title=redactor.redact_text(one_line(title)))


def _make_host_suite(host: str, run: FleetRun, clean: Clean) -> ReportSuite:
    here = [status for status in run.standings if status.host == host]
    return ReportSuite(
        name=one_line(clean(f"hardgate fleet: {host}")),
        id=f"{run.id}-{run.hosts.index(host)}",
        timestamp=run.started_at,
        properties={
            name: one_line(clean(text))
            for standing in here
            for name, text in _gate_properties(standing, run)
        },
        cases=tuple(case for standing in here for case in _make_gate_cases(standing, clean)),
    )


def _make_gate_cases(status: ImageStatus, clean: Clean) -> Iterator[ReportCase]:
    group = f"fleet.{_escape_dots(clean(status.image.reference))}"
    yield _make_gate_case(status, group, clean)
    if status.gate_summary is not None:
        yield _make_contract_case(status, group, clean)
    for cell in status.make_cells():
        yield _make_cell_case(cell, group, clean)


def _make_gate_case(status: ImageStatus, group: str, clean: Clean) -> ReportCase:
    """Say whether the gate came to an end that says something."""
    error = status.error
    return ReportCase(
        name=WHOLE_RUN_CASE,
        classname=f"{group}.run",
        kind="error" if error else "",
        message=one_line(clean(error.problem)) if error else "",
        body=clean(_describe_error(error)) if error else "",
        stdout=clean(status.gate_summary.headline) if status.gate_summary else "",
        seconds=status.gate_summary.seconds if status.gate_summary else None,
    )


def _make_contract_case(status: ImageStatus, group: str, clean: Clean) -> ReportCase:
    """Say whether it was verified by as much as the fleet demands."""
    sentences = [lack.sentence for lack in status.stale_reasons]
    contract = status.image.plan.contract
    return ReportCase(
        name=CONTRACT_CASE,
        classname=f"{group}.run",
        kind="failure" if sentences else "",
        message=one_line(clean(f"Stale: {' '.join(sentences)}")) if sentences else "",
        body=clean("\n".join((f"Verified by {contract.origin}.", *sentences))),
    )


def _make_cell_case(cell: Cell, group: str, clean: Clean) -> ReportCase:
    kind = MARK_KINDS[cell.mark]
    before = {Mark.ADVISORY: "Advisory, missed: ", Mark.STALE: "Stale: "}.get(cell.mark, "")
    reason = one_line(clean(cell.reason)) or "It gave no reason."
    to_do = f"What to do: {cell.remedy}" if cell.remedy else ""
    return ReportCase(
        name=clean(cell.name),
        classname=f"{group}.{'guard' if cell.kind is VerdictKind.GUARD else cell.severity.value}",
        kind=kind,
        message=f"{before}{reason}" if kind else "",
        body=clean("\n\n".join(part for part in (cell.reason, to_do) if part)) if kind else "",
        stdout="" if kind else clean(cell.reason),
    )


def _make_whole_run_suite(run: FleetRun, clean: Clean) -> ReportSuite:
    details = _describe_error(run.problem) if run.problem else ""
    case = ReportCase(
        name=WHOLE_RUN_CASE,
        classname="fleet.run",
        kind="error",
        message=one_line(clean(fleet_headline(run))),
        body=clean("\n\n".join(part for part in (fleet_headline(run), details) if part)),
    )
    return ReportSuite(
        name="hardgate fleet", id=run.id, timestamp=run.started_at, properties={}, cases=(case,)
    )


def _gate_properties(status: ImageStatus, run: FleetRun) -> Iterator[tuple[str, str]]:
    yield "headline", fleet_headline(run)
    yield "exit_code", str(int(run.exit_code))
    yield "contract.origin", run.contract.origin
    yield "contract.version", str(run.contract.version)
    yield "contract.sha256", run.contract.sha256
    yield "contract.capabilities", str(len(run.contract.capabilities))
    yield "host.kind", run.host_kind
    yield "run.id", run.id
    yield "hardgate.version", __version__
    image, contract, summary = status.image, status.image.plan.contract, status.gate_summary
    before = f"image.{image.reference}"
    yield f"{before}.state", status.state.value
    yield f"{before}.digest", (summary.digest if summary else "") or "none"
    yield f"{before}.contract.origin", contract.origin
    yield f"{before}.contract.version", str(contract.version)
    yield f"{before}.contract.sha256", contract.sha256
    yield f"{before}.contract.capabilities", str(len(contract.capabilities))
    yield f"{before}.stale", str(status.state is ImageState.STALE).lower()
    yield f"{before}.notices", " ".join(summary.notices) if summary else ""


def _describe_error(error: HardgateError) -> str:
    to_do = f"What to do: {error.remedy}" if error.remedy else ""
    evidence = f"What was seen of it:\n{error.evidence}" if error.evidence else ""
    return "\n\n".join(part for part in (error.problem, to_do, evidence) if part)


def _escape_dots(reference: str) -> str:
    """Write a reference as a group's name: readers of JUnit split those at dots."""
    return one_line(reference).replace(".", "_")
