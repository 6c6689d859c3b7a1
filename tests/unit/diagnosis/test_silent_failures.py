"""Evidence that real engines gave, recorded: the same cause is found in it, and no other."""

import json
from pathlib import Path
from typing import Any

import pytest

from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.reason import FINDERS, WHOLE, find_reason
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


def miss(scenario: str, case: dict[str, Any]) -> Miss:
    facts = RECORDED[scenario]["facts"]
    others = {name: Observation(name=name, facts=seen) for name, seen in facts.items()}
    return Miss(
        observation=Observation.from_json(case["observation"]), script=case["script"], others=others
    )


@pytest.mark.parametrize(("scenario", "case"), CASES)
def test_the_cause_is_found_on_evidence(scenario: str, case: dict[str, Any]) -> None:
    reason = find_reason(miss(scenario, case))
    assert reason is not None
    assert (reason.cause, bool(reason.quotes)) == (case["cause"], True), reason.sentence


@pytest.mark.parametrize(("scenario", "case"), CASES)
def test_no_finder_stumbles_over_real_evidence(scenario: str, case: dict[str, Any]) -> None:
    seen = miss(scenario, case)
    for look in WHOLE:
        list(look(seen))
    for step in seen.steps:
        for find in FINDERS:
            list(find(seen, step))


@pytest.mark.parametrize(("scenario", "case"), CASES)
def test_without_strace_no_other_cause_is_named(scenario: str, case: dict[str, Any]) -> None:
    """The plain trace and the facts may say less; what they say is true, or what failed."""
    bare = {**case["observation"], "discarded": [], "commands": [], "failures": [], "exchanges": []}
    reason = find_reason(miss(scenario, {**case, "observation": bare}))
    assert reason is None or reason.general or reason.cause in (case["cause"], *NEARLY), reason


NEARLY = ("unauthorized", "curl_status")
"""Causes that say less of the same thing."""


@pytest.mark.parametrize(("scenario", "case"), CASES)
def test_without_facts_no_other_cause_is_named(scenario: str, case: dict[str, Any]) -> None:
    del scenario  # Its guards saw nothing, either.
    bare = {**case["observation"], "surroundings": {}}
    reason = find_reason(
        Miss(observation=Observation.from_json(bare), script=case["script"], others={})
    )
    assert reason is None or reason.general or reason.cause in (case["cause"], *LESS), reason


LESS = (
    "curl_status",
    "bearer_empty",
    "http_server_error",
    "path_missing",
    "access_denied",
    "read_only",
    "unauthorized",
    "nothing_listens",
    "command_missing",
    "docker_command_missing",
)
"""What can be said where nothing was seen from outside."""
