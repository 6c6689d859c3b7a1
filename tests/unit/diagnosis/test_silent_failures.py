"""Evidence that real engines gave, recorded: the same cause is found in it, and no other."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.reason import PROBE_FINDERS, STEP_FINDERS, find_reason
from hardgate.model.observation import Observation

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "recorded" / "silent_failures.json").read_text()
)
"""By scenario of tests/diagnosis/cases.yaml: guards' facts, and each probe's observation."""

CASES = [
    pytest.param(scenario, case, id=f"{scenario}.{case['name']}")
    for scenario, recorded in RECORDED.items()
    for case in recorded["cases"]
]


def miss(scenario: str, case: dict[str, Any]) -> FailedProbe:
    facts = RECORDED[scenario]["facts"]
    others = {name: Observation(name=name, facts=seen) for name, seen in facts.items()}
    return FailedProbe(
        observation=Observation.from_json(case["observation"]),
        script=case["script"],
        other_observations=others,
    )


@pytest.mark.parametrize(("scenario", "case"), CASES)
def test_the_cause_is_found_on_evidence(scenario: str, case: dict[str, Any]) -> None:
    reason = find_reason(miss(scenario, case))
    assert reason is not None
    assert (reason.cause, bool(reason.quotes)) == (case["cause"], True), reason.sentence


@pytest.mark.parametrize(("scenario", "case"), CASES)
def test_no_finder_stumbles_over_real_evidence(scenario: str, case: dict[str, Any]) -> None:
    seen = miss(scenario, case)
    for look in PROBE_FINDERS:
        list(look(seen))
    for step in seen.steps:
        for find in STEP_FINDERS:
            list(find(seen, step))


WITHOUT_STRACE = {
    "bearer_empty": {"curl_status"},
    "certificate_store_missing": {"curl_status"},
    "connection_timed_out": {"curl_status"},
    "docker_socket_closed": {"curl_status"},
    "http_server_error": {"curl_status"},
    "name_not_resolved": {"curl_status"},
    "proxy_gone": {"curl_status"},
    "runtime_as_root": {"curl_status"},
    "token_refused": {"curl_status"},
    "unauthorized": {"curl_status"},
}
"""What may be named for a cause where only the plain trace and the facts are known: the exit status
of curl is true of each of these, and says less."""

WITHOUT_FACTS = {
    "command_off_path": {"command_missing"},
    "docker_socket_closed": {"access_denied", "curl_status"},
    "docker_socket_missing": {"path_missing"},
    "egress_each": {"http_server_error"},
    "host_not_mounted": {"path_missing"},
    "link_dangling": {"path_missing"},
    "marker_left": {"access_denied"},
    "mount_noexec": {"access_denied"},
    "not_executable": {"access_denied"},
    "path_masked": {"path_missing"},
    "path_masked_owner": {"access_denied"},
    "path_mode": {"access_denied"},
    "path_not_in_image": {"path_missing"},
    "path_owner": {"access_denied"},
    "port_wrong": {"nothing_listens"},
    "root_read_only": {"read_only"},
    "runtime_as_root": {"access_denied", "bearer_empty"},
    "runtime_not_up": {"nothing_listens", "path_missing"},
    "script_crlf": {"command_missing"},
    "token_refused": {"unauthorized"},
}
"""What may be named for a cause where nothing was looked at from outside: what the error itself
means, without what lies behind it."""


def named_without_strace(scenario: str, case: dict[str, Any]) -> str:
    """Name the cause that is found in the plain trace and the facts; empty for a general one."""
    bare = {**case["observation"], "discarded": [], "commands": [], "failures": [], "exchanges": []}
    reason = find_reason(miss(scenario, {**case, "observation": bare}))
    return "" if reason is None or reason.general else reason.cause


def named_without_facts(scenario: str, case: dict[str, Any]) -> str:
    """Name the cause that is found in what strace saw; empty for a general one."""
    del scenario  # Its guards saw nothing, either.
    bare = Observation.from_json({**case["observation"], "surroundings": {}})
    reason = find_reason(
        FailedProbe(observation=bare, script=case["script"], other_observations={})
    )
    return "" if reason is None or reason.general else reason.cause


Name = Callable[[str, dict[str, Any]], str]
LESSER: list[tuple[Name, dict[str, set[str]]]] = [
    (named_without_strace, WITHOUT_STRACE),
    (named_without_facts, WITHOUT_FACTS),
]
EVIDENCE = ["without strace", "without facts"]


@pytest.mark.parametrize(("name", "lesser"), LESSER, ids=EVIDENCE)
@pytest.mark.parametrize(("scenario", "case"), CASES)
def test_on_less_evidence_no_other_cause_is_named(
    scenario: str, case: dict[str, Any], name: Name, lesser: dict[str, set[str]]
) -> None:
    cause = case["cause"]
    assert name(scenario, case) in {"", cause} | lesser.get(cause, set())


@pytest.mark.parametrize(("name", "lesser"), LESSER, ids=EVIDENCE)
def test_no_lesser_cause_is_allowed_that_none_of_the_evidence_leads_to(
    name: Name, lesser: dict[str, set[str]]
) -> None:
    seen: dict[str, set[str]] = {}
    for scenario, recorded in RECORDED.items():
        for case in recorded["cases"]:
            if (cause := name(scenario, case)) not in {"", case["cause"]}:
                seen.setdefault(case["cause"], set()).add(cause)
    assert seen == lesser


REMEDY_SUBJECTS = {
    "platform_port": ("listens", "listening"),
    "sudo": ("sudo", "root", "agent", "uid", "privilege"),
    "nsenter": ("nsenter", "namespace", "pid 1", "/proc/1"),
    "token": ("token", "bearer", "401", "403"),
    "setpriv": ("setpriv", "root", "uid 0"),
    "docker": ("docker", "socket", "engine"),
    "dns": ("resolve", "dns"),
    "egress": ("http", "egress", "resolve", "connect"),
    "certificate": ("certificate", "tls", "ssl"),
}
"""What a remedy may speak of, and what its reason or its evidence has to speak of then."""


@pytest.mark.parametrize(("scenario", "case"), CASES)
def test_a_remedy_speaks_of_its_reasons_subject(scenario: str, case: dict[str, Any]) -> None:
    reason = find_reason(miss(scenario, case))
    assert reason is not None
    spoken_of = "\n".join((reason.sentence, *reason.quotes)).lower()
    remedy = re.sub(r"dockerfile|docker build", "", reason.remedy.lower())

    foreign = [
        word
        for word, subjects in REMEDY_SUBJECTS.items()
        if word in remedy and not any(subject in spoken_of for subject in subjects)
    ]

    assert not foreign, reason.remedy
