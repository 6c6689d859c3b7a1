"""Several suites in one file: each keeps its name, and what is counted is what was judged."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass

import pytest
from junit_xml import TestCase as JunitCase
from junitparser import JUnitXml

from hardgate.errors import HardgateError
from hardgate.redaction import Redactor
from hardgate.report.junit import make_run_suite
from hardgate.report.junit_xml import (
    ReportCase,
    ReportSuite,
    make_promise_case,
    make_whole_run_case,
    write_suites,
)
from hardgate.report.marks import Mark
from tests.unit import runs
from tests.unit.report.test_junit import violations


def suite(name: str, *kinds: str, host: str = "") -> ReportSuite:
    cases = [
        ReportCase(name=f"{name}-{number}", classname=name, kind=kind, message="no", body="no")
        for number, kind in enumerate(kinds)
    ]
    return ReportSuite(name=name, id=name, timestamp="", properties={}, cases=cases, host=host)


def test_each_suite_has_its_own_counts_and_the_file_their_sums() -> None:
    suites = [suite("a", "", "failure"), suite("b", "error", "skipped", "failure", "")]
    content = write_suites(suites, title="All of it")
    root = ET.fromstring(content)  # noqa: S314 - our own words
    assert violations(root) == []
    assert [root.get(name) for name in ("name", "tests", "failures", "errors")] == [
        "All of it",
        "6",
        "2",
        "1",
    ]
    told = [
        (one.name, one.tests, one.failures, one.errors, one.skipped)
        for one in JUnitXml.fromstring(content)
    ]
    assert told == [("a", 2, 1, 0, 0), ("b", 4, 1, 1, 1)]


def test_the_suites_of_a_host_say_which_host_it_is() -> None:
    suites = [make_run_suite(runs.host(), Redactor()), suite("t4", "", host="build-1")]
    parsed = list(JUnitXml.fromstring(write_suites(suites, title="build-1")))
    assert [one.hostname for one in parsed] == ["build-1", "build-1"]
    assert parsed[0].name == ("hardgate runner-host: contract runner-host.yaml v1, 3 capabilities")
    assert {case.classname for case in parsed[0]} == {"runner-host.hard"}


def test_suites_without_a_host_name_none() -> None:
    assert b"hostname" not in write_suites([suite("a", "")], title="x")


@dataclass(frozen=True, kw_only=True)
class Forgetful(ReportCase):
    """A case whose failure does not come through."""

    def to_junit(self) -> JunitCase:
        return JunitCase(name=self.name, classname=self.classname)


def test_a_file_that_would_be_greener_than_what_was_judged_is_refused() -> None:
    lost = Forgetful(name="a", classname="b", kind="failure")
    broken = ReportSuite(name="x", id="x", timestamp="", properties={}, cases=[lost])
    with pytest.raises(HardgateError, match=r"would count .* were judged"):
        write_suites([suite("fine", ""), broken], title="x")


@pytest.mark.parametrize("mark", Mark)
def test_the_case_of_a_promise_is_what_its_mark_says(mark: Mark) -> None:
    case = make_promise_case(mark, name="n", classname="c", reason="It is\nso.", remedy="Do that.")
    assert case.kind == mark.junit_kind
    assert case.is_red == (mark.junit_kind in {"failure", "error"})
    told = (case.message, case.body, case.stdout)
    if mark is Mark.HELD:
        assert told == ("", "", "It is\nso.")
    else:
        assert case.message.endswith("It is so.")
        assert told[1:] == ("It is\nso.\n\nWhat to do: Do that.", "")


def test_a_promise_that_gives_no_reason_says_so() -> None:
    case = make_promise_case(Mark.MISSED, name="n", classname="c", reason="", remedy="")
    assert (case.message, case.body) == ("It gave no reason.", "")


def test_the_case_of_a_whole_run_is_red_and_begins_with_the_headline() -> None:
    case = make_whole_run_case("t4", "HARDGATE UNKNOWN", "", "Seen.")
    assert case.is_red
    assert (case.classname, case.message) == ("t4.run", "HARDGATE UNKNOWN")
    assert case.body == "HARDGATE UNKNOWN\n\nSeen."
