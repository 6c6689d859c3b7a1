"""`junit.xml`, for CI systems: one case for each verdict, and never greener than the exit code."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from hardgate import __version__
from hardgate.errors import ExitCode
from hardgate.model.contract import Severity
from hardgate.model.run import Run
from hardgate.model.verdict import Verdict, VerdictKind
from hardgate.redaction import Redactor
from hardgate.report.atomic_write import replace_file
from hardgate.report.details import Clean, format_verdict_body
from hardgate.report.headline import (
    describe_host,
    describe_scope,
    format_headline,
    run_opening,
    unselected_capabilities,
)
from hardgate.report.junit_xml import (
    NO_REASON,
    RED_KINDS,
    ReportCase,
    ReportSuite,
    make_whole_run_case,
)
from hardgate.report.marks import mark_outcome
from hardgate.report.sarif import find_repository_path
from hardgate.text.plain import one_line, strip_control_codes


def write_junit(run: Run, path: Path, redactor: Redactor) -> None:
    """Write the report to `path`, whole or not at all."""
    replace_file(path, make_run_junit(run, redactor))


def make_run_junit(run: Run, redactor: Redactor) -> bytes:
    """Make the report."""
    return make_run_suite(run, redactor).to_bytes()


def make_advisory_junit(run: Run, redactor: Redactor) -> bytes:
    """Make a report of the advisory promises alone, in which one that was missed is a failure."""
    return make_run_suite(run, redactor, advisory=True).to_bytes()


def make_run_suite(run: Run, redactor: Redactor, *, advisory: bool = False) -> ReportSuite:
    """Make the suite, which may stand beside others; with `advisory`, of those promises alone."""
    title = f"hardgate {run.plan.title}{' advisory' if advisory else ''}"
    return ReportSuite(
        name=redactor.redact_text(one_line(f"{title}: {_suite_scope(run)}")),
        title=redactor.redact_text(f"{format_headline(run)}; {_format_opening(run)}"),
        id=run.id,
        timestamp=run.started_at,
        properties={
            name: redactor.redact_text(one_line(text)) for name, text in _run_properties(run)
        },
        cases=tuple(
            _make_run_cases(
                run, lambda text: redactor.redact_text(strip_control_codes(text)), advisory=advisory
            )
        ),
        host=redactor.redact_text(one_line(run.host.name)) if run.host else "",
        file=redactor.redact_text(one_line(find_repository_path(run.plan.contract.origin))),
    )


def _make_run_cases(run: Run, clean: Clean, *, advisory: bool) -> Iterator[ReportCase]:
    red = False
    for verdict in run.verdicts:
        if advisory and verdict.severity is not Severity.ADVISORY:
            continue
        severity = Severity.HARD if advisory else verdict.severity
        kind = mark_outcome(verdict.outcome, severity).junit_kind
        red = red or kind in RED_KINDS
        yield _make_verdict_case(verdict, run, kind, clean)
    if run.plan.is_partial or (run.exit_code is not ExitCode.HELD and not red):
        yield _make_whole_run_case(run, clean)


def _make_verdict_case(verdict: Verdict, run: Run, kind: str, clean: Clean) -> ReportCase:
    execution = verdict.observation.execution
    reason = one_line(clean(verdict.best_reason))
    advisory = "Advisory, missed: " if kind == "skipped" else ""
    return ReportCase(
        name=clean(verdict.name),
        classname=f"{run.plan.group}.{_case_group(verdict)}",
        kind=kind,
        message=f"{advisory}{reason or NO_REASON}",
        body=format_verdict_body(verdict, run, clean) if kind else "",
        stdout=clean(verdict.reason),
        seconds=execution.seconds if execution else None,
    )


def _case_group(verdict: Verdict) -> str:
    return "guard" if verdict.kind is VerdictKind.GUARD else verdict.severity.value


def _make_whole_run_case(run: Run, clean: Clean) -> ReportCase:
    left_out = ", ".join(unselected_capabilities(run.plan))
    parts = (
        format_headline(run),
        f"Not looked at, as asked: {left_out}" if left_out else "",
        f"What to do: {run.remedy}" if run.remedy else "",
        f"What was seen of it:\n{run.evidence}" if run.evidence else "",
    )
    return make_whole_run_case(run.plan.group, *map(clean, parts))


def _run_properties(run: Run) -> Iterator[tuple[str, str]]:
    contract, tier, image, host = run.plan.contract, run.plan.tier, run.image, run.host
    yield "headline", format_headline(run)
    yield "exit_code", str(int(run.exit_code))
    yield "contract.origin", contract.origin
    yield "contract.version", str(contract.version)
    yield "contract.sha256", contract.sha256
    yield "contract.capabilities", str(len(contract.capabilities))
    yield "guards", str(len(run.plan.guards))
    yield "partial", str(run.plan.is_partial).lower()
    yield "not_looked_at", " ".join(unselected_capabilities(run.plan))
    yield "image.reference", image.reference if image else "none"
    yield "image.digest", image.digest if image else "none"
    yield "image.source_commit", (image.source_commit if image else "") or "unknown"
    yield "subject", contract.subject.value
    yield "tier", f"{tier.number} {tier.name}" if tier else "none"
    yield "tiers.origin", tier.origin if tier else ""
    yield "tiers.sha256", tier.sha256 if tier else ""
    yield "host.name", host.name if host else ""
    yield "host.kind", host.kind if host else "none"
    yield "host.engine", host.engine if host else "none"
    yield "host.kernel", host.kernel if host else "none"
    yield "host.adaptations", "; ".join(host.adaptations) if host else ""
    yield "notices", "; ".join(run.notices)
    if run.baseline:
        yield "baseline.run", run.baseline["old"]["id"]
        yield (
            "baseline.changes",
            "; ".join(f"{one['kind']}: {one['name']}" for one in run.baseline["changes"]) or "none",
        )
    yield "run.id", run.id
    yield "run.seconds", f"{run.seconds:.3f}"
    yield "hardgate.version", __version__
    if run.problem:
        yield "problem", run.problem


def _format_opening(run: Run) -> str:
    return run_opening(run.plan, host=describe_host(run.host), run_id=run.id)


def _suite_scope(run: Run) -> str:
    """Name the suite alike in every run under one contract, for those who draw trends."""
    contract = run.plan.contract
    name = PurePosixPath(contract.origin).name
    return f"contract {name} v{contract.version}, {describe_scope(run.plan)}"
