"""A host's `junit.xml`: a suite for each of its contracts, and one for tier 4 there."""

from collections.abc import Iterator

from hardgate.errors import ExitCode, HardgateError
from hardgate.model.contract import Severity
from hardgate.model.verdict import Kind
from hardgate.redaction import Redactor
from hardgate.remote.gate_summary import Told
from hardgate.remote.runner.headline import host_headline
from hardgate.remote.runner.result import HostReport
from hardgate.remote.runner.run import RunnerRun
from hardgate.report.details import Clean
from hardgate.report.junit import WHOLE_RUN, kind_of_case, suite_of
from hardgate.report.junit_xml import Case, Suite, write_suites
from hardgate.text.plain import one_line, plain


def junit(host: HostReport, run: RunnerRun, redactor: Redactor) -> bytes:
    """Make the report; it is never greener than the host."""

    def clean(text: str) -> str:
        return redactor.text(plain(text))

    suites = [suite_of(one, redactor) for one in host.runs]
    suites.append(_gate_suite(host, run, clean))
    red = any(case.kind in {"failure", "error"} for suite in suites for case in suite.cases)
    if host.exit_code is not ExitCode.HELD and not red:
        suites.append(_whole_run(host, run, clean))
    return write_suites(suites, title=one_line(clean(f"HARDGATE RUNNER {host_headline(host)}")))


def _gate_suite(host: HostReport, run: RunnerRun, clean: Clean) -> Suite:
    plan, said = host.gate_plan, host.said
    told = tuple(_case(one, clean) for one in said.verdicts) if said else ()
    gate = Case(
        name=WHOLE_RUN,
        classname=f"{plan.title}.run",
        kind="" if said and said.exit_code is not ExitCode.UNKNOWN else "error",
        message=_why(host, clean),
        body=_body(host.trouble, clean) or (clean(said.headline) if said else ""),
        stdout=clean(said.headline) if said else "",
        seconds=said.seconds if said else None,
    )
    return Suite(
        name=clean(f"hardgate {plan.title} on {host.name}, contract {plan.contract.origin}"),
        id=f"{run.id}-{plan.title}",
        timestamp=run.started_at,
        properties={
            "host.name": clean(host.name),
            "contract.sha256": plan.contract.sha256,
            "image.digest": said.digest if said else "none",
            "run.id": said.run if said else "none",
        },
        cases=(gate, *told),
    )


def _why(host: HostReport, clean: Clean) -> str:
    if host.trouble:
        return one_line(clean(host.trouble.problem))
    return one_line(clean(host.said.headline)) if host.said else "It gave no reason."


def _body(error: HardgateError | None, clean: Clean) -> str:
    parts = (error.problem, error.remedy, error.evidence) if error else ()
    return clean("\n\n".join(part for part in parts if part))


def _case(told: Told, clean: Clean) -> Case:
    kind = kind_of_case(told.outcome, told.severity)
    advisory = "Advisory, missed: " if kind == "skipped" else ""
    reason = one_line(clean(told.reason)) or "It gave no reason."
    to_do = f"What to do: {told.remedy}" if told.remedy else ""
    group = "guard" if told.kind is Kind.GUARD else Severity(told.severity).value
    return Case(
        name=clean(told.name),
        classname=f"t4.{group}",
        kind=kind,
        message=f"{advisory}{reason}" if kind else "",
        body=clean("\n\n".join(part for part in (told.reason, to_do) if part)) if kind else "",
        stdout="" if kind else clean(told.reason),
    )


def _whole_run(host: HostReport, run: RunnerRun, clean: Clean) -> Suite:
    case = Case(
        name=WHOLE_RUN,
        classname="runner.run",
        kind="error",
        message=one_line(clean(host_headline(host))),
        body="\n\n".join(part for part in _told_of(host, clean) if part),
    )
    return Suite(
        name=clean(f"hardgate runner: {host.name}"),
        id=run.id,
        timestamp=run.started_at,
        properties={},
        cases=(case,),
    )


def _told_of(host: HostReport, clean: Clean) -> Iterator[str]:
    yield clean(host_headline(host))
    yield _body(host.error, clean)
