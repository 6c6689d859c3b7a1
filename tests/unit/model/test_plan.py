"""Plans: what a run owes verdicts for."""

from dataclasses import replace

import pytest

from hardgate.errors import ContractError, UsageError
from hardgate.model.contract import Contract, Subject, parse_contract
from hardgate.model.guard import GUARDS
from hardgate.model.plan import make_host_plan, make_plan
from hardgate.model.tier import load_tiers
from hardgate.resources import CONTRACTS

TIERS = load_tiers(CONTRACTS / "tiers.yaml")


def contract(*names: str) -> Contract:
    lines = ["version: 1", "agent_uid: 1000", "capabilities:"]
    for name in names:
        lines += [
            f"  - name: {name}",
            "    description: d",
            "    severity: hard",
            "    source: s",
            "    probe: exit 0",
        ]
    return parse_contract("\n".join(lines).encode(), "x.yaml")


ABC = contract("agent_home", "egress", "socket")


@pytest.mark.parametrize(
    ("only", "names", "partial"),
    [
        ((), ["agent_home", "egress", "socket"], False),
        (("egress",), ["egress"], True),
        (("socket", "agent_home"), ["agent_home", "socket"], True),
        (("egress", "egress"), ["egress"], True),
        (("socket", "egress", "agent_home"), ["agent_home", "egress", "socket"], False),
    ],
)
def test_a_plan_has_what_is_asked_for_in_the_contracts_order(
    only: tuple[str, ...], names: list[str], partial: bool
) -> None:
    plan = make_plan(ABC, TIERS[4], only)
    assert [capability.name for capability in plan.capabilities] == names
    assert plan.is_partial is partial


@pytest.mark.parametrize(
    ("only", "remedy"),
    [
        ("agent_hom", "Did you mean 'agent_home'?"),
        ("Egress", "Did you mean 'egress'?"),
        ("nonsense", "It has agent_home, egress, socket."),
        ("", "It has agent_home, egress, socket."),
    ],
)
def test_a_name_that_is_not_in_the_contract_is_refused_and_guessed(only: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_plan(ABC, TIERS[4], ["egress", only])
    assert caught.value.problem == f"Contract 'x.yaml' has no capability '{only}'."
    assert caught.value.remedy == remedy


@pytest.mark.parametrize("name", [guard.name for guard in GUARDS])
def test_a_capability_with_the_name_of_a_guard_is_refused_with_its_line(name: str) -> None:
    with pytest.raises(ContractError, match=f"line 9: capability '{name}' has the name") as caught:
        make_plan(contract("a", name), TIERS[4])
    assert caught.value.remedy == "Give it another name."


OF_THE_HOST = {
    "host_writes_are_real",
    "host_root_is_real",
    "engine_reach_is_real",
    "egress_is_real",
    "token_is_accepted",
}


@pytest.mark.parametrize(
    ("number", "left_out"),
    [
        (1, OF_THE_HOST),
        (2, OF_THE_HOST),
        (3, OF_THE_HOST),
        (4, set()),
    ],
)
def test_every_guard_is_planned_where_its_tier_can_have_it(number: int, left_out: set[str]) -> None:
    plan = make_plan(ABC, TIERS[number])
    assert {guard.name for guard in GUARDS} - {guard.name for guard in plan.guards} == left_out


def test_guards_are_planned_however_few_capabilities_are_asked_for() -> None:
    assert make_plan(ABC, TIERS[4], ["egress"]).guards == make_plan(ABC, TIERS[4]).guards


def test_the_names_in_a_plan_are_unique() -> None:
    names = [guard.name for guard in GUARDS]
    assert len(names) == len(set(names))


def host_contract(origin: str = "contracts/runner-host.yaml") -> Contract:
    return replace(ABC, origin=origin, subject=Subject.HOST, agent_uid=None)


def test_a_host_is_planned_without_a_tier_and_without_guards() -> None:
    plan = make_host_plan(host_contract(), ["egress"])
    assert (plan.tier, plan.guards, plan.is_partial) == (None, (), True)
    assert [one.name for one in plan.capabilities] == ["egress"]


def test_a_hosts_cases_stand_under_its_contract_whatever_the_session_is_called() -> None:
    plan = make_host_plan(host_contract(), session="runner")
    assert (plan.title, plan.group) == ("runner", "runner-host")
    assert make_host_plan(host_contract("https://x.org/a/b.yaml")).title == "b"
    assert make_plan(ABC, TIERS[2]).group == "t2"


def test_a_contract_of_a_workspace_is_no_hosts() -> None:
    with pytest.raises(UsageError, match=r"is about a workspace, and this is a host\."):
        make_host_plan(ABC)


def test_a_workspace_is_never_started_by_a_hosts_plan() -> None:
    with pytest.raises(UsageError, match="no workspace has it"):
        _ = make_host_plan(host_contract()).workspace_tier
