"""The fleet's `junit.xml`: a suite for each host, and never greener than the exit code."""

from collections.abc import Iterator

from hardgate import __version__
from hardgate.errors import ExitCode, HardgateError
from hardgate.model.verdict import Kind
from hardgate.redaction import Redactor
from hardgate.remote.fleet.headline import headline, opening
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.status import Cell, Mark, Standing, State
from hardgate.report.details import Clean
from hardgate.report.junit import WHOLE_RUN
from hardgate.report.junit_xml import Case, Suite, write_suites
from hardgate.text.plain import one_line, plain

OF_CONTRACT = "the_contract_is_the_fleets"
"""The case that stands for what an image was verified by."""
KINDS = {
    Mark.HELD: "",
    Mark.MISSED: "failure",
    Mark.ADVISORY: "skipped",
    Mark.UNKNOWN: "error",
    Mark.STALE: "failure",
}


def junit(run: FleetRun, redactor: Redactor) -> bytes:
    """Make the report."""

    def clean(text: str) -> str:
        return redactor.text(plain(text))

    suites = [_suite(host, run, clean) for host in run.hosts]
    suites = [suite for suite in suites if suite.cases]
    red = any(case.kind in {"failure", "error"} for suite in suites for case in suite.cases)
    if run.problem or (run.exit_code is not ExitCode.HELD and not red):
        suites.append(_whole_run(run, clean))
    title = f"{headline(run)} {opening(run, run.id)}"
    return write_suites(suites, title=redactor.text(one_line(title)))


def _suite(host: str, run: FleetRun, clean: Clean) -> Suite:
    here = [standing for standing in run.standings if standing.host == host]
    return Suite(
        name=one_line(clean(f"hardgate fleet: {host}")),
        id=f"{run.id}-{run.hosts.index(host)}",
        timestamp=run.started_at,
        properties={
            name: one_line(clean(text))
            for standing in here
            for name, text in _properties(standing, run)
        },
        cases=tuple(case for standing in here for case in _cases(standing, clean)),
    )


def _cases(standing: Standing, clean: Clean) -> Iterator[Case]:
    group = f"fleet.{_word(clean(standing.image.reference))}"
    yield _gate(standing, group, clean)
    if standing.said is not None:
        yield _contract(standing, group, clean)
    for cell in standing.cells():
        yield _case(cell, group, clean)


def _gate(standing: Standing, group: str, clean: Clean) -> Case:
    """Say whether the gate came to an end that says something."""
    error = standing.error
    return Case(
        name=WHOLE_RUN,
        classname=f"{group}.run",
        kind="error" if error else "",
        message=one_line(clean(error.problem)) if error else "",
        body=clean(_told(error)) if error else "",
        stdout=clean(standing.said.headline) if standing.said else "",
        seconds=standing.said.seconds if standing.said else None,
    )


def _contract(standing: Standing, group: str, clean: Clean) -> Case:
    """Say whether it was verified by as much as the fleet demands."""
    sentences = [lack.sentence for lack in standing.lacks]
    contract = standing.image.plan.contract
    return Case(
        name=OF_CONTRACT,
        classname=f"{group}.run",
        kind="failure" if sentences else "",
        message=one_line(clean(f"Stale: {' '.join(sentences)}")) if sentences else "",
        body=clean("\n".join((f"Verified by {contract.origin}.", *sentences))),
    )


def _case(cell: Cell, group: str, clean: Clean) -> Case:
    kind = KINDS[cell.mark]
    before = {Mark.ADVISORY: "Advisory, missed: ", Mark.STALE: "Stale: "}.get(cell.mark, "")
    reason = one_line(clean(cell.reason)) or "It gave no reason."
    to_do = f"What to do: {cell.remedy}" if cell.remedy else ""
    return Case(
        name=clean(cell.name),
        classname=f"{group}.{'guard' if cell.kind is Kind.GUARD else cell.severity.value}",
        kind=kind,
        message=f"{before}{reason}" if kind else "",
        body=clean("\n\n".join(part for part in (cell.reason, to_do) if part)) if kind else "",
        stdout="" if kind else clean(cell.reason),
    )


def _whole_run(run: FleetRun, clean: Clean) -> Suite:
    told = _told(run.problem) if run.problem else ""
    case = Case(
        name=WHOLE_RUN,
        classname="fleet.run",
        kind="error",
        message=one_line(clean(headline(run))),
        body=clean("\n\n".join(part for part in (headline(run), told) if part)),
    )
    return Suite(
        name="hardgate fleet", id=run.id, timestamp=run.started_at, properties={}, cases=(case,)
    )


def _properties(standing: Standing, run: FleetRun) -> Iterator[tuple[str, str]]:
    yield "headline", headline(run)
    yield "exit_code", str(int(run.exit_code))
    yield "contract.origin", run.wanted.origin
    yield "contract.version", str(run.wanted.version)
    yield "contract.sha256", run.wanted.sha256
    yield "contract.capabilities", str(len(run.wanted.capabilities))
    yield "host.kind", run.host_kind
    yield "run.id", run.id
    yield "hardgate.version", __version__
    image, contract, said = standing.image, standing.image.plan.contract, standing.said
    before = f"image.{image.reference}"
    yield f"{before}.state", standing.state.value
    yield f"{before}.digest", (said.digest if said else "") or "none"
    yield f"{before}.contract.origin", contract.origin
    yield f"{before}.contract.version", str(contract.version)
    yield f"{before}.contract.sha256", contract.sha256
    yield f"{before}.contract.capabilities", str(len(contract.capabilities))
    yield f"{before}.stale", str(standing.state is State.STALE).lower()
    yield f"{before}.notices", " ".join(said.notices) if said else ""


def _told(error: HardgateError) -> str:
    to_do = f"What to do: {error.remedy}" if error.remedy else ""
    seen = f"What was seen of it:\n{error.evidence}" if error.evidence else ""
    return "\n\n".join(part for part in (error.problem, to_do, seen) if part)


def _word(reference: str) -> str:
    """Write a reference as a group's name: readers of JUnit split those at dots."""
    return one_line(reference).replace(".", "_")
