"""`junit.xml`, for CI systems: one case for each verdict, and never greener than the exit code.

The one module that imports junit_xml, and the one that mends what it writes: version 1.9 turns an
empty failure into a pass, and its `disabled` and its times are not in Jenkins' junit-10.xsd. Those
who read JUnit show the body of a failure and little else, so the body tells all.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from junit_xml import TestCase, TestSuite, to_xml_report_string

from hardgate import __version__
from hardgate.contract import Severity
from hardgate.errors import ExitCode, HardgateError
from hardgate.redact import Redactor
from hardgate.report.evidence import Clean, body
from hardgate.report.headline import headline, not_looked_at, opening, scope
from hardgate.report.plain import one_line, plain
from hardgate.report.replace import replace_file
from hardgate.run import Run
from hardgate.verdict import Kind, Outcome, Verdict

WHOLE_RUN = "the_gate_finished"
"""The case that stands for the run itself, where its exit code says more than its verdicts."""

Counts = tuple[int, int, int, int]
"""Cases, failures, errors, skipped."""


def write_junit(run: Run, path: Path, redactor: Redactor) -> None:
    """Write the report to `path`, whole or not at all."""
    replace_file(path, junit(run, redactor))


def junit(run: Run, redactor: Redactor) -> bytes:
    """Make the report, and read it again: what it counts must be what was judged."""
    cases = list(_cases(run, lambda text: redactor.text(plain(text))))
    suite = TestSuite(
        name=redactor.text(one_line(f"hardgate t{run.plan.tier.number}: {_suite_scope(run)}")),
        test_cases=[case for case, _ in cases],
        id=run.id,
        timestamp=run.started_at,
        properties={name: redactor.text(one_line(text)) for name, text in _properties(run)},
    )
    root = ET.fromstring(to_xml_report_string([suite], prettyprint=False))  # noqa: S314 - ours
    _mend(root, name=redactor.text(f"{headline(run)} {_opening(run)}"))
    content = _to_bytes(root)
    _verify(content, _count(kind for _, kind in cases))
    return content


def _cases(run: Run, clean: Clean) -> Iterator[tuple[TestCase, str]]:
    """Yield each case with what it counts as: failure, error, skipped or nothing."""
    red = False
    for verdict in run.verdicts:
        kind = _kind_of_case(verdict)
        red = red or kind in ("failure", "error")
        yield _case(verdict, run, kind, clean), kind
    if run.plan.partial or (run.exit_code is not ExitCode.HELD and not red):
        yield _whole_run(run, clean), "error"


def _kind_of_case(verdict: Verdict) -> str:
    match verdict.outcome, verdict.severity:
        case Outcome.PASS, _:
            return ""
        case Outcome.FAIL, Severity.ADVISORY:
            return "skipped"
        case Outcome.FAIL, _:
            return "failure"
        case _:
            return "error"


def _case(verdict: Verdict, run: Run, kind: str, clean: Clean) -> TestCase:
    execution = verdict.observation.execution
    case = TestCase(
        name=clean(verdict.name),
        classname=f"t{run.plan.tier.number}.{_group(verdict)}",
        elapsed_sec=execution.seconds if execution else None,
    )
    reason = one_line(clean(verdict.why)) or "It gave no reason."
    match kind:
        case "failure":
            case.add_failure_info(reason, body(verdict, run, clean))
        case "error":
            case.add_error_info(reason, body(verdict, run, clean))
        case "skipped":
            case.add_skipped_info(f"Advisory, missed: {reason}", body(verdict, run, clean))
        case _:
            case.stdout = clean(verdict.reason)
    return case


def _group(verdict: Verdict) -> str:
    return "guard" if verdict.kind is Kind.GUARD else verdict.severity.value


def _whole_run(run: Run, clean: Clean) -> TestCase:
    case = TestCase(name=WHOLE_RUN, classname=f"t{run.plan.tier.number}.run")
    left_out = ", ".join(not_looked_at(run.plan))
    parts = (
        headline(run),
        f"Not looked at, as asked: {left_out}" if left_out else "",
        f"What to do: {run.remedy}" if run.remedy else "",
        f"What was seen of it:\n{run.evidence}" if run.evidence else "",
    )
    told = clean("\n\n".join(part for part in parts if part))
    case.add_error_info(one_line(clean(headline(run))), told)
    return case


def _properties(run: Run) -> Iterator[tuple[str, str]]:
    contract, tier, image, host = run.plan.contract, run.plan.tier, run.image, run.host
    yield "headline", headline(run)
    yield "exit_code", str(int(run.exit_code))
    yield "contract.origin", contract.origin
    yield "contract.version", str(contract.version)
    yield "contract.sha256", contract.sha256
    yield "contract.capabilities", str(len(contract.capabilities))
    yield "guards", str(len(run.plan.guards))
    yield "partial", str(run.plan.partial).lower()
    yield "not_looked_at", " ".join(not_looked_at(run.plan))
    yield "image.reference", image.reference if image else "none"
    yield "image.digest", image.digest if image else "none"
    yield "image.source_commit", (image.source_commit if image else "") or "unknown"
    yield "tier", f"{tier.number} {tier.name}"
    yield "host.kind", host.kind if host else "none"
    yield "host.engine", host.engine if host else "none"
    yield "host.kernel", host.kernel if host else "none"
    yield "host.adaptations", " ".join(host.adaptations) if host else ""
    yield "notices", " ".join(run.notices)
    yield "run.id", run.id
    yield "run.seconds", f"{run.seconds:.3f}"
    yield "hardgate.version", __version__
    if run.problem:
        yield "problem", run.problem


def _opening(run: Run) -> str:
    return opening(run.plan, host=run.host.kind if run.host else "no", run_id=run.id)


def _suite_scope(run: Run) -> str:
    """Name the suite alike in every run under one contract, for those who draw trends."""
    contract = run.plan.contract
    return f"contract {contract.origin} v{contract.version}, {scope(run.plan)}"


def _mend(root: ET.Element, *, name: str) -> None:
    """Take out what the schema forbids; put the outcome first."""
    for element in root.iter():
        element.attrib.pop("disabled", None)
        if "time" in element.attrib:
            element.set("time", f"{float(element.attrib['time']):.3f}")
    rest = dict(root.attrib)
    root.attrib.clear()
    root.attrib.update({"name": name, **rest})


def _to_bytes(root: ET.Element) -> bytes:
    """Keep the outcome on the file's first line: there is no line end after the declaration."""
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}\n'.encode()


def _verify(content: bytes, judged: Counts) -> None:
    root = ET.fromstring(content)  # noqa: S314 - our own words
    told = _count(
        next((child.tag for child in case if child.tag in _KINDS), "")
        for case in root.iter("testcase")
    )
    declared = tuple(
        int(root[0].get(name, -1)) for name in ("tests", "failures", "errors", "skipped")
    )
    if not told == declared == judged:
        raise HardgateError(
            f"The JUnit report would count {declared} and show {told} cases, failures, errors "
            f"and skipped, where {judged} were judged.",
            "This is an error in hardgate; summary.json tells the truth. Please report it.",
        )


_KINDS = ("failure", "error", "skipped")


def _count(kinds: Iterator[str]) -> Counts:
    listed = list(kinds)
    failures, errors, skipped = (listed.count(kind) for kind in _KINDS)
    return len(listed), failures, errors, skipped
