"""JUnit as a file: the one module that imports junit_xml, and mends what it writes.

Version 1.9 turns an empty failure into a pass, and its `disabled` and its times are not in Jenkins'
junit-10.xsd. Those who read JUnit show the body of a failure and little else: it has to tell all.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from junit_xml import TestCase, TestSuite, to_xml_report_string

from hardgate.errors import HardgateError
from hardgate.report.marks import Mark
from hardgate.text.plain import one_line

CASE_KINDS = ("failure", "error", "skipped")
RED_KINDS = frozenset({"failure", "error"})
WHOLE_RUN_CASE = "the_gate_finished"
"""The case that stands for the run itself, where its exit code says more than its verdicts."""
NO_REASON = "It gave no reason."
MARK_PREFIXES = {Mark.ADVISORY: "Advisory, missed: ", Mark.STALE: "Stale: "}
Counts = tuple[int, int, int, int]
"""Cases, failures, errors, skipped."""


@dataclass(frozen=True, kw_only=True)
class ReportCase:
    """One case. Its texts are clean already, and its message is one line."""

    name: str
    classname: str
    kind: str = ""
    """One of KINDS; empty for a pass."""
    message: str = ""
    body: str = ""
    stdout: str = ""
    seconds: float | None = None

    @property
    def is_red(self) -> bool:
        """Tell whether readers count it as broken."""
        return self.kind in RED_KINDS

    def to_junit(self) -> TestCase:
        """Make it what junit_xml knows."""
        case = TestCase(name=self.name, classname=self.classname, elapsed_sec=self.seconds)
        message = self.message or NO_REASON
        match self.kind:
            case "failure":
                case.add_failure_info(message, self.body)
            case "error":
                case.add_error_info(message, self.body)
            case "skipped":
                case.add_skipped_info(message, self.body)
            case _:
                case.stdout = self.stdout
        return case


@dataclass(frozen=True, kw_only=True)
class ReportSuite:
    """Cases that belong together: all of one report, or all of one host."""

    name: str
    title: str = ""
    """The outcome, for the file's first line, where this is all of it."""
    id: str
    timestamp: str
    properties: dict[str, str]
    cases: Sequence[ReportCase]
    host: str = ""
    """The machine that it is about, by its name in the inventory."""
    file: str = ""
    """What promises the cases, below the working folder: action-junit-report annotates it, and
    looks otherwise for a file that is called like a case's class."""

    @property
    def is_red(self) -> bool:
        """Tell whether one of its cases is."""
        return any(case.is_red for case in self.cases)

    def to_bytes(self) -> bytes:
        """Write a report of this suite alone."""
        return write_suites([self], title=self.title)

    def to_junit(self) -> TestSuite:
        """Make it what junit_xml knows."""
        return TestSuite(
            name=self.name,
            test_cases=[case.to_junit() for case in self.cases],
            hostname=self.host or None,
            file=self.file or None,
            id=self.id,
            timestamp=self.timestamp,
            properties=self.properties,
        )


def make_promise_case(
    mark: Mark, *, name: str, classname: str, reason: str, remedy: str
) -> ReportCase:
    """Make the case of a promise that was looked at elsewhere, of texts that are clean already."""
    kind = mark.junit_kind
    to_do = f"What to do: {remedy}" if remedy else ""
    return ReportCase(
        name=name,
        classname=classname,
        kind=kind,
        message=f"{MARK_PREFIXES.get(mark, '')}{one_line(reason) or NO_REASON}" if kind else "",
        body=join_parts(reason, to_do) if kind else "",
        stdout="" if kind else reason,
    )


def make_whole_run_case(group: str, headline: str, *details: str) -> ReportCase:
    """Make the case that makes a report red where its verdicts alone do not."""
    return ReportCase(
        name=WHOLE_RUN_CASE,
        classname=f"{group}.run",
        kind="error",
        message=one_line(headline),
        body=join_parts(headline, *details),
    )


def join_parts(*parts: str) -> str:
    """Join paragraphs, without those that are empty."""
    return "\n\n".join(part for part in parts if part)


def write_suites(suites: Sequence[ReportSuite], *, title: str) -> bytes:
    """Write a report, and read it again: what it counts must be what was judged.

    `title` is the outcome, for the file's first line.
    """
    written = [suite.to_junit() for suite in suites]
    root = ET.fromstring(to_xml_report_string(written, prettyprint=False))  # noqa: S314 - ours
    _repair_xml(root, name=title)
    content = _encode_xml(root)
    _verify_counts(content, [_count_kinds(case.kind for case in suite.cases) for suite in suites])
    return content


def _repair_xml(root: ET.Element, *, name: str) -> None:
    """Take out what the schema forbids; put the outcome first."""
    for element in root.iter():
        element.attrib.pop("disabled", None)
        if "time" in element.attrib:
            element.set("time", f"{float(element.attrib['time']):.3f}")
        elif element.tag == "testcase":
            element.set("time", "0.000")  # test-reporter shows a case without a time as "NaN"
    rest = dict(root.attrib)
    root.attrib.clear()
    root.attrib.update({"name": name, **rest})


def _encode_xml(root: ET.Element) -> bytes:
    """Keep the outcome on the file's first line: there is no line end after the declaration."""
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}\n'.encode()


def _verify_counts(content: bytes, judged: Sequence[Counts]) -> None:
    root = ET.fromstring(content)  # noqa: S314 - our own words
    shown, declared = [], []
    for suite in root.iter("testsuite"):
        shown.append(
            _count_kinds(
                next((child.tag for child in case if child.tag in CASE_KINDS), "")
                for case in suite.iter("testcase")
            )
        )
        declared.append(
            tuple(int(suite.get(name, -1)) for name in ("tests", "failures", "errors", "skipped"))
        )
    # Some readers look at the sums alone.
    whole = tuple(int(root.get(name, -1)) for name in ("tests", "failures", "errors"))
    sums = tuple(sum(counts[at] for counts in judged) for at in range(len(whole)))
    if not shown == declared == list(judged) or whole != sums:
        raise HardgateError(
            f"The JUnit report would count {declared} and show {shown} cases, failures, errors "
            f"and skipped, where {list(judged)} were judged.",
            "This is an error in hardgate; the JSON beside it tells the truth. Please report it.",
        )


def _count_kinds(kinds: Iterator[str]) -> Counts:
    listed = list(kinds)
    failures, errors, skipped = (listed.count(kind) for kind in CASE_KINDS)
    return len(listed), failures, errors, skipped
