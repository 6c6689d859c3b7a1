"""JUnit says what was judged, to every reader of JUnit, and is never greener than the exit code."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from hardgate.errors import ExitCode, HardgateError
from hardgate.model.contract import Severity
from hardgate.model.observation import Execution
from hardgate.model.run import Run
from hardgate.model.verdict import Outcome, Verdict
from hardgate.redaction import MASK, Redactor
from hardgate.report.junit import make_run_junit, write_junit
from tests.unit import runs

REDACTOR = Redactor().with_values([runs.TOKEN])

ALLOWED: dict[str, tuple[set[str], set[str], set[str]]] = {
    # element: (attributes it may have, attributes it must have, children it may have)
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set(), {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp"}
        | {"hostname", "id", "package", "file", "log", "url", "version"},
        {"name", "tests", "failures", "errors"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "testcase": (
        {"name", "time", "classname", "group"},
        {"name"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": ({"type", "message"}, set(), set()),
    "error": ({"type", "message"}, set(), set()),
    "skipped": ({"type", "message"}, set(), set()),
    "system-out": (set(), set(), set()),
    "system-err": (set(), set(), set()),
}
"""What Jenkins' junit-10.xsd allows, but for its elements about repeated runs."""

SUREFIRE_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]{0,3})?")


def violations(element: ET.Element) -> list[str]:
    """Say what Jenkins' schema has against an element and what is in it."""
    tag = element.tag
    may, must, children = ALLOWED[tag]
    attributes = set(element.attrib)
    found = [f"{tag}/@{name}" for name in (attributes - may) | (must - attributes)]
    if tag in ("testsuite", "testsuites") and not SUREFIRE_TIME.fullmatch(element.get("time", "")):
        found.append(f"{tag}/@time={element.get('time')}")
    if children and (element.text or "").strip():
        found.append(f"text in {tag}")
    for child in element:
        found += [f"{tag}/{child.tag}"] if child.tag not in children else violations(child)
    return found


def parse(run: Run) -> ET.Element:
    return ET.fromstring(make_run_junit(run, REDACTOR))  # noqa: S314 - our own words


def case(run: Run, name: str) -> ET.Element:
    (found,) = (one for one in parse(run).iter("testcase") if one.get("name") == name)
    return found


def not_held(element: ET.Element) -> list[str]:
    """List the failures, errors and skips in it."""
    return [one.tag for one in element.iter() if one.tag in ("failure", "error", "skipped")]


def only(verdict: Verdict, code: ExitCode = ExitCode.BROKEN) -> Run:
    return runs.green(verdicts=(verdict,), exit_code=code)


@pytest.mark.parametrize("name", runs.ALL)
def test_every_report_is_what_jenkins_schema_allows(name: str) -> None:
    assert violations(parse(runs.ALL[name]())) == []


@pytest.mark.parametrize("seconds", [0.0, 0.0004, 12.3456789, 1234.5, 1e6, 1e-9])
def test_any_time_is_one_that_the_schema_allows(seconds: float) -> None:
    run = only(runs.passed("agent_uid_1000", seconds), ExitCode.HELD)
    assert violations(parse(run)) == []


def test_junitparser_reads_the_same_numbers() -> None:
    suites = JUnitXml.fromstring(make_run_junit(runs.red(), REDACTOR))
    (suite,) = suites
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (21, 4, 1, 1)
    kinds = {one.name: [type(part) for part in one.result] for one in suite}
    assert kinds["agent_home_writable"] == [Failure]
    assert kinds["network_egress_https"] == [Error]
    assert kinds["privileged_flag_observable"] == [Skipped]
    assert kinds["agent_uid_1000"] == []


def test_cases_are_named_and_grouped_by_what_they_are() -> None:
    grouped = {
        (one.get("classname"), one.get("name")) for one in parse(runs.green()).iter("testcase")
    }
    assert ("t4.hard", "agent_uid_1000") in grouped
    assert ("t4.advisory", "privileged_flag_observable") in grouped
    assert ("t4.guard", "workspace_kept_running") in grouped
    assert len(grouped) == 21


@pytest.mark.parametrize("code", [code for code in ExitCode if code is not ExitCode.HELD])
@pytest.mark.parametrize("make", [*runs.ALL.values(), lambda **to: runs.green(verdicts=(), **to)])
def test_no_exit_code_but_0_has_a_report_without_a_failure_or_an_error(
    make: Callable[..., Run], code: ExitCode
) -> None:
    run = make(exit_code=code)
    root = parse(run)
    assert {"failure", "error"} & set(not_held(root))
    assert int(root[0].get("failures", 0)) + int(root[0].get("errors", 0)) > 0


def test_a_green_run_has_neither() -> None:
    assert not_held(parse(runs.green())) == []


def test_a_case_is_never_skipped_and_failed() -> None:
    for make in runs.ALL.values():
        for one in parse(make()).iter("testcase"):
            assert len(not_held(one)) <= 1


def test_a_partial_run_says_so_in_its_name_and_by_a_case_of_its_own() -> None:
    root = parse(runs.partial())
    assert "PARTIAL, 2 of 10 capabilities" in root[0].get("name", "")
    (left_out,) = case(runs.partial(), "the_gate_finished")
    assert left_out.tag == "error"
    assert "docker_socket_reachable" in (left_out.text or "")


def test_trouble_with_an_advisory_capability_stays_an_error() -> None:
    run = only(runs.unknown("privileged_flag_observable", "Nobody knows."), ExitCode.HELD)
    assert [part.tag for part in case(run, "privileged_flag_observable")] == ["error"]


def test_a_miss_tells_all_of_it_in_its_body() -> None:
    (failure,) = case(runs.red(), "list_peers_http_200")
    text = failure.text or ""
    for told in ("exited 22", "exit status 22", "+ curl -fs", "error: 401", "threw its output"):
        assert told in text
    (failure,) = case(runs.red(), "agent_home_writable")
    assert "What to do: Make /agent-home" in (failure.text or "")
    assert "stderr:\nmkdir: cannot" in (failure.text or "")


def test_a_flaky_miss_is_called_flaky() -> None:
    (failure,) = case(runs.red(), "docker_socket_reachable")
    assert "FLAKY" in (failure.text or "")


def test_a_failed_build_shows_its_end_in_every_case() -> None:
    cases = list(parse(runs.build_failed()).iter("testcase"))
    assert len(cases) == 21
    for one in cases:
        assert "E: Unable to locate package nsenter" in (one[0].text or "")
        assert "What to do: Repair the step" in (one[0].text or "")


def test_a_miss_without_a_word_is_still_a_miss() -> None:
    (failure,) = case(only(runs.failed("agent_uid_1000", "")), "agent_uid_1000")
    assert failure.get("message") == "It gave no reason."


DIRT = "a\0b\x1b[31mred\x1b[0m \x1b]0;title\x07\ud800 \ufffe ]]> <&> \x9b1m\r\nnext\u202e\x08"


def test_what_xml_forbids_and_terminals_obey_is_taken_out() -> None:
    run = only(runs.failed("agent_uid_1000", DIRT, stdout=DIRT, stderr=DIRT))
    (failure,) = case(run, "agent_uid_1000")
    assert failure.get("message") == "abred \ufffd ]]> <&> next"
    assert "abred \ufffd  ]]> <&> \nnext" in (failure.text or "")


def test_no_secret_is_left_and_neither_is_one_that_dirt_takes_apart() -> None:
    torn = runs.TOKEN[:8] + "\x1b[0m\0" + runs.TOKEN[8:]
    run = only(
        runs.failed("agent_uid_1000", f"got {torn}", stdout=torn, stderr=f"Bearer {runs.TOKEN}")
    )
    text = make_run_junit(replace(run, notices=(runs.TOKEN,)), REDACTOR).decode()
    assert runs.TOKEN[:8] not in text
    assert text.count(MASK) == 5


def test_a_flood_keeps_its_end() -> None:
    flood = "\n".join(f"line {number}" for number in range(10_000))
    (failure,) = case(only(runs.failed("agent_uid_1000", "no", stdout=flood)), "agent_uid_1000")
    assert "line 9999" in (failure.text or "")
    assert "characters before this" in (failure.text or "")
    assert len(failure.text or "") < 20_000


def test_the_first_line_carries_outcome_hash_and_count() -> None:
    first = make_run_junit(runs.red(), REDACTOR).decode().splitlines()[0]
    assert "HARDGATE RED" in first
    assert "(exit 1)" in first
    assert runs.CONTRACT.sha256 in first
    assert "10 capabilities, 11 guards" in first


def test_the_properties_tell_what_was_verified_by_what() -> None:
    told = {
        one.get("name"): one.get("value")
        for one in parse(runs.green(notices=("A notice.",))).iter("property")
    }
    assert told == {
        "headline": "HARDGATE GREEN: 10 of 10 capabilities and 11 of 11 guards held; "
        "with 1 notice (exit 0)",
        "exit_code": "0",
        "contract.origin": "contracts/t4.yaml",
        "contract.version": "1",
        "contract.sha256": runs.CONTRACT.sha256,
        "contract.capabilities": "10",
        "guards": "11",
        "tiers.origin": "",
        "tiers.sha256": "",
        "partial": "false",
        "not_looked_at": "",
        "image.reference": "image",
        "image.digest": runs.IMAGE.digest,
        "image.source_commit": runs.IMAGE.source_commit,
        "subject": "workspace",
        "tier": "4 full machine",
        "host.name": "",
        "host.kind": "nested",
        "host.engine": "26.1.5",
        "host.kernel": "6.1.0-32-amd64",
        "host.adaptations": "2 of 4 CPUs: the machine has no more.",
        "notices": "A notice.",
        "run.id": "3f9c2e7a",
        "run.seconds": "25.123",
        "hardgate.version": told["hardgate.version"],
    }


def test_a_pass_that_rests_on_something_says_on_what() -> None:
    verdict = runs.passed("network_egress_https", reason="It reached the run's own beacon.")
    (out,) = case(only(verdict, ExitCode.HELD), "network_egress_https")
    assert (out.tag, out.text) == ("system-out", "It reached the run's own beacon.")


def test_the_file_is_put_in_its_place_whole(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text("old")
    write_junit(runs.green(), path, REDACTOR)
    assert path.read_bytes() == make_run_junit(runs.green(), REDACTOR)
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "junit.xml").mkdir()
    with pytest.raises(HardgateError, match=r"could not be written: Is a directory\. Make room"):
        write_junit(runs.green(), tmp_path / "junit.xml", REDACTOR)
    assert [one.name for one in tmp_path.iterdir()] == ["junit.xml"]


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_of_every_severity_has_its_case(severity: Severity, outcome: Outcome) -> None:
    verdict = replace(
        runs.passed("agent_uid_1000"),
        severity=severity,
        outcome=outcome,
        observation=replace(
            runs.passed("agent_uid_1000").observation,
            execution=Execution(exit_status=None, timed_out=True, truncated=True, stderr="cut"),
        ),
    )
    expected = {
        (Outcome.PASS, Severity.HARD): [],
        (Outcome.PASS, Severity.ADVISORY): [],
        (Outcome.FAIL, Severity.HARD): ["failure"],
        (Outcome.FAIL, Severity.ADVISORY): ["skipped"],
        (Outcome.ERROR, Severity.HARD): ["error"],
        (Outcome.ERROR, Severity.ADVISORY): ["error"],
    }[outcome, severity]
    assert [part.tag for part in case(only(verdict), "agent_uid_1000")] == expected
