"""What five readers make of a JUnit file, by the rules that each of them publishes.

Each is written here anew and small: which elements and attributes it reads, what counts as a
failure, what a person is shown, and what it refuses or leaves out.
"""

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

MEBIBYTE = 2**20
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")


@dataclass(frozen=True, kw_only=True)
class ReadCase:
    """A case, as a reader shows it."""

    group: str
    name: str
    outcome: str
    """passed, failed or skipped."""
    title: str
    """The line that stands for a case that did not pass; empty where the reader shows none."""
    details: str
    """What unfolds below it."""
    seconds: float
    place: str = ""
    """The file that it is shown at."""


class RefusedReportError(Exception):
    """The reader would show an error, or nothing, in place of the cases."""


def read_root(content: bytes) -> ET.Element:
    return ET.fromstring(content)  # noqa: S314 - our own words


def nested_suites(element: ET.Element) -> Iterator[ET.Element]:
    """Yield the suites; both roots are taken, and suites within suites."""
    if element.tag == "testsuite":
        yield element
    for child in element:
        if child.tag == "testsuite":
            yield from nested_suites(child)


def text_of(element: ET.Element | None) -> str:
    return "" if element is None else (element.text or "")


def read_jenkins(content: bytes) -> list[ReadCase]:
    """Read as the plugin 'JUnit' does, in its CaseResult and SuiteResult.

    `error` is read before `failure`; `skipped` counts before both. A time is a number with commas
    for thousands, else it is 0. Nothing at all is an error. Two suites of one name, id and time
    are taken for one that was read twice, and an error in a suite itself for a failed case.
    """
    cases, known = [], set()
    for suite in nested_suites(read_root(content)):
        key = (suite.get("name"), suite.get("id"), suite.get("timestamp"))
        if key in known:
            continue
        known.add(key)
        if suite.find("error") is not None:
            raise RefusedReportError("a suite that failed by itself")
        for case in suite.findall("testcase"):
            bad = case.find("error")
            bad = case.find("failure") if bad is None else bad
            skipped = case.find("skipped")
            outcome = (
                "skipped" if skipped is not None else "failed" if bad is not None else "passed"
            )
            shown = skipped if skipped is not None else bad
            package, _, simple = (case.get("classname") or "").rpartition(".")
            cases.append(
                ReadCase(
                    group=f"{package or '(root)'}.{simple}",
                    name=case.get("name") or "(?)",
                    outcome=outcome,
                    title="" if shown is None else shown.get("message", ""),
                    details=text_of(shown),
                    seconds=_read_java_time(case.get("time", "")),
                )
            )
    if not cases:
        raise RefusedReportError("none of the reports contained any result")
    return cases


def _read_java_time(text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return 0.0


def read_gitlab(content: bytes) -> list[ReadCase]:
    """Read as GitLab's parser of unit test reports does.

    `failure` is read before `error`, that before `skipped`. An element with text is its text, and
    its attributes are lost; one without is shown as a table of its attributes. An attribute `type`
    names how the text is read, and some are refused. Of two cases of one class and name the second
    is left out. A file has to be below 30 MiB. A text `[[ATTACHMENT|path]]` becomes a link.
    """
    if len(content) >= 30 * MEBIBYTE:
        raise RefusedReportError("too large")
    cases: dict[tuple[str, str], ReadCase] = {}
    root = read_root(content)
    if root.tag not in ("testsuites", "testsuite"):
        raise RefusedReportError("no suites")
    for suite in nested_suites(root):
        for case in suite.findall("testcase"):
            found = {child.tag: child for child in case}
            shown = found.get("failure", found.get("error", found.get("skipped")))
            if shown is not None and shown.get("type") in {"symbol", "yaml", "file", "array"}:
                raise RefusedReportError(f"type {shown.get('type')}")
            if "failure" in found and "[[ATTACHMENT|" in text_of(found.get("system-out")):
                raise RefusedReportError("an attachment that nobody attached")
            bad = "failure" in found or "error" in found
            key = (case.get("classname") or "", case.get("name") or "")
            details = text_of(shown) or ("" if shown is None else str(shown.attrib))
            read = ReadCase(
                group=key[0],
                name=key[1],
                outcome="failed" if bad else "skipped" if "skipped" in found else "passed",
                title=details.split("\n", 1)[0],
                details=details,
                seconds=float(case.get("time") or 0),
            )
            cases.setdefault(key, read)
    return list(cases.values())


def read_action_junit_report(content: bytes) -> list[ReadCase]:
    """Read as mikepenz/action-junit-report does.

    `skipped` counts before `failure` and `error`. The message is the attribute, else two lines of
    the text, else the name. It is shown at the case's file, the failure's or the suite's, else at
    any file that is called like the last part of the case's class. Annotations hold 64 KiB.
    """
    cases = []
    for suite in nested_suites(read_root(content)):
        for case in suite.findall("testcase"):
            failure, error = case.find("failure"), case.find("error")
            bad = failure if failure is not None else error
            skipped = case.find("skipped") is not None or case.get("status") in {
                "disabled",
                "ignored",
            }
            trace = text_of(bad).strip()
            message = ("" if bad is None else bad.get("message", "")) or "\n".join(
                trace.split("\n")[:2]
            )
            if bad is not None and len(message.encode()) > 64 * 1024:
                raise RefusedReportError("an annotation that is too long")
            last = (case.get("classname") or case.get("name") or "").rpartition(".")[2]
            cases.append(
                ReadCase(
                    group=case.get("classname") or "",
                    name=case.get("name") or "",
                    outcome="skipped" if skipped else "failed" if bad is not None else "passed",
                    title=(message or case.get("name") or "").strip() if bad is not None else "",
                    details=trace,
                    seconds=float(case.get("time") or 0),
                    place=case.get("file") or suite.get("file") or last,
                )
            )
    return cases


def read_test_reporter(content: bytes) -> list[ReadCase]:
    """Read as dorny/test-reporter does with its reporter 'java-junit'.

    Only suites right below the root are read, and none below them. Names are needed, of suites and
    cases; a time that is missing is shown as "NaN". `failure` and `error` are alike, and count
    before `skipped`; the text is shown, the attribute is not. Without a case the job fails.
    """
    root, cases = read_root(content), []
    for suite in root.findall("testsuite") if root.tag == "testsuites" else [root]:
        suite_name = _require(suite, "name")
        if not math.isfinite(float(_require(suite, "time"))):
            raise RefusedReportError("NaN")
        for case in suite.findall("testcase"):
            failure, error = case.find("failure"), case.find("error")
            bad = failure if failure is not None else error
            skipped = case.find("skipped") is not None
            details = text_of(bad)
            group = case.get("classname") or ""
            cases.append(
                ReadCase(
                    group="" if group == suite_name else group,
                    name=_require(case, "name").strip(),
                    outcome="failed" if bad is not None else "skipped" if skipped else "passed",
                    title=details.split("\n", 1)[0],
                    details=details,
                    seconds=float(_require(case, "time")),
                )
            )
    if not cases:
        raise RefusedReportError("No test results found")
    return cases


def _require(element: ET.Element, name: str) -> str:
    if not element.get(name):
        raise RefusedReportError(f"{element.tag} without {name}")
    return str(element.get(name))


def read_azure(content: bytes) -> list[ReadCase]:
    """Read as the task PublishTestResults does with its format 'JUnit'.

    `failure` and `error` are Failed, `skipped` is NotExecuted. The error's message is the
    attribute, its stack trace the text. The run's start is the suite's `timestamp`, which has to be
    a date, and its machine is `hostname`.
    """
    cases = []
    for suite in nested_suites(read_root(content)):
        stamp = suite.get("timestamp", "")
        if stamp and not DATE.fullmatch(stamp):
            raise RefusedReportError(f"no date: {stamp}")
        for case in suite.findall("testcase"):
            bad = case.find("failure")
            bad = case.find("error") if bad is None else bad
            skipped = case.find("skipped")
            shown = bad if bad is not None else skipped
            cases.append(
                ReadCase(
                    group=case.get("classname") or "",
                    name=_require(case, "name"),
                    outcome="failed"
                    if bad is not None
                    else "skipped"
                    if skipped is not None
                    else "passed",
                    title="" if shown is None else shown.get("message", ""),
                    details=text_of(shown),
                    seconds=float(case.get("time") or 0),
                )
            )
    return cases


CONSUMERS: Mapping[str, Callable[[bytes], list[ReadCase]]] = {
    "Jenkins": read_jenkins,
    "GitLab": read_gitlab,
    "action-junit-report": read_action_junit_report,
    "test-reporter": read_test_reporter,
    "Azure DevOps": read_azure,
}
