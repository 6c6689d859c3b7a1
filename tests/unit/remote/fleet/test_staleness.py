"""An image is stale unless the contract that it was verified by demands all that is wanted."""

from dataclasses import replace
from typing import Any

import pytest

from hardgate.model.contract import Contract, Severity
from hardgate.model.contract_fields import ProbeUser, Subject
from hardgate.remote.fleet.staleness import find_stale_reasons, make_skipped_reason
from tests.unit import runs

WANTED = runs.CONTRACT
NAME = runs.NAMES[1]
ADVISORY = runs.NAMES[-1]


def with_one(which: str, /, **changes: Any) -> Contract:
    return replace(
        WANTED,
        capabilities=tuple(
            replace(one, **changes) if one.name == which else one for one in WANTED.capabilities
        ),
    )


def reasons(verified_by: Contract) -> list[str]:
    return [lack.sentence for lack in find_stale_reasons(verified_by, WANTED)]


def more() -> Contract:
    extra = replace(WANTED.capabilities[0], name="one_more")
    return replace(WANTED, capabilities=(*WANTED.capabilities, extra))


@pytest.mark.parametrize(
    "verified_by",
    [
        WANTED,
        more(),
        replace(WANTED, version=2),
        replace(WANTED, capabilities=WANTED.capabilities[::-1]),
        with_one(ADVISORY, severity=Severity.HARD),
        with_one(NAME, hint="x", description="x", source="x", secret=True, rerun=False),
        replace(WANTED, origin="elsewhere.yaml", sha256="0" * 64),
    ],
)
def test_a_contract_that_demands_at_least_all_of_it_makes_nobody_stale(
    verified_by: Contract,
) -> None:
    assert find_stale_reasons(verified_by, WANTED) == ()


@pytest.mark.parametrize(
    ("verified_by", "reason"),
    [
        (
            replace(WANTED, capabilities=WANTED.capabilities[1:]),
            f"'{runs.NAMES[0]}' is not in the contract that it was verified by.",
        ),
        (
            replace(WANTED, capabilities=WANTED.capabilities[:-1]),
            f"'{ADVISORY}' is not in the contract that it was verified by.",
        ),
        (with_one(NAME, probe="exit 0 "), f"'{NAME}' was looked at by another probe."),
        (with_one(ADVISORY, probe="exit 0\n"), f"'{ADVISORY}' was looked at by another probe."),
        (
            with_one(NAME, severity=Severity.ADVISORY),
            f"'{NAME}' was advisory there, and is hard.",
        ),
        (
            with_one(NAME, required_egress=("https://a",)),
            f"'{NAME}' had other targets to reach.",
        ),
        (
            with_one(NAME, timeout=30.0),
            f"'{NAME}': Its probe may take as long as the run says; it was 30 s.",
        ),
        (replace(WANTED, version=0), "It was verified by schema version 0, not 1."),
        (
            replace(WANTED, subject=Subject.HOST),
            "It was verified as a contract of a host, not of a workspace.",
        ),
        (
            with_one(NAME, user=ProbeUser.ROOT),
            f"'{NAME}': Its probe is run as runner, and was as root.",
        ),
        (
            replace(WANTED, variables=("HARDGATE_INODES",)),
            "Its probes see nothing; they saw HARDGATE_INODES.",
        ),
        (
            replace(WANTED, agent_uid=1001),
            "It was verified for an agent of uid 1001, not 1000.",
        ),
    ],
)
def test_what_nobody_looked_at_makes_stale_and_is_said(verified_by: Contract, reason: str) -> None:
    assert reasons(verified_by) == [reason]


def test_a_capability_by_another_name_is_another_capability() -> None:
    assert reasons(with_one(NAME, name="renamed")) == [
        f"'{NAME}' is not in the contract that it was verified by."
    ]


def test_a_lack_says_whose_it_is_and_what_a_miss_would_cost() -> None:
    (lack,) = find_stale_reasons(with_one(ADVISORY, probe="no"), WANTED)
    assert (lack.capability, lack.severity) == (ADVISORY, Severity.ADVISORY)
    (whole,) = find_stale_reasons(replace(WANTED, agent_uid=1001), WANTED)
    assert (whole.capability, whole.severity) == ("", Severity.HARD)


def test_what_a_run_left_out_is_a_lack_too() -> None:
    assert (
        make_skipped_reason(WANTED.capabilities[1]).sentence
        == f"'{NAME}' was left out of the run, as asked."
    )


def test_all_reasons_are_given() -> None:
    assert len(reasons(replace(with_one(NAME, probe="no"), agent_uid=1001))) == 2
