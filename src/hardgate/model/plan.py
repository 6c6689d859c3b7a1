"""What a run is going to look at, fixed before any engine is touched."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from hardgate.errors import ContractError, UsageError
from hardgate.model.contract import Capability, Contract, Subject
from hardgate.model.guard import GUARDS, Guard
from hardgate.model.tier import Tier
from hardgate.text.typo import suggest_choice


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every capability and guard that owes a verdict."""

    contract: Contract
    tier: Tier | None
    """None where the subject is a host, which nobody starts."""
    capabilities: tuple[Capability, ...]
    """Those that are looked at: all of the contract's, or the ones asked for by name."""
    guards: tuple[Guard, ...]
    beacon: bool = False
    """Egress is looked at by the run's own beacon, not the internet."""
    waits_for_token: bool = False
    """The workspace is only ready with its token, though no probe here asks for it."""
    session: str = ""
    """What is run, where it is not the gate of a tier."""

    @property
    def title(self) -> str:
        """What reports call it, such as `t4`."""
        return self.session or (f"t{self.tier.number}" if self.tier else self.group)

    @property
    def group(self) -> str:
        """What its cases stand under; a host has several contracts in one session."""
        name = PurePosixPath(self.contract.origin).stem
        return name if self.tier is None else self.title

    @property
    def workspace_tier(self) -> Tier:
        """Give the tier of a workspace; raises UsageError where a host is the subject."""
        if self.tier is None:
            raise UsageError(
                f"Contract '{self.contract.origin}' is about a host, and no workspace has it.",
                "Probe hosts by 'hardgate runner'.",
            )
        return self.tier

    @property
    def is_partial(self) -> bool:
        """Some of the contract's capabilities are not looked at."""
        return len(self.capabilities) < len(self.contract.capabilities)

    def narrow_to(self, name: str) -> "Plan":
        """Plan one capability or guard alone."""
        return replace(
            self,
            capabilities=tuple(planned for planned in self.capabilities if planned.name == name),
            guards=tuple(one for one in self.guards if one.name == name),
        )


def make_plan(
    contract: Contract, tier: Tier, only: Iterable[str] = (), *, beacon: bool = False
) -> Plan:
    """Plan the capabilities named in `only` (all where it is empty) and the tier's guards.

    Raises UsageError for a name that the contract has not, and for a name that is a guard's.
    """
    _refuse_guard_names(contract)
    return Plan(
        contract=contract,
        tier=tier,
        capabilities=_select_capabilities(contract, only),
        guards=tuple(guard for guard in GUARDS if guard.applies_to(tier)),
        beacon=beacon,
    )


def make_host_plan(contract: Contract, only: Iterable[str] = (), *, session: str = "") -> Plan:
    """Plan the probes of a host, which has neither a tier nor guards.

    Raises UsageError for a name that the contract has not, and for a contract of a workspace.
    """
    if contract.subject is not Subject.HOST:
        raise UsageError(
            f"Contract '{contract.origin}' is about a workspace, and this is a host.",
            "Verify images by 'hardgate gate', or name a contract with 'subject: host'.",
        )
    return Plan(
        contract=contract,
        tier=None,
        capabilities=_select_capabilities(contract, only),
        guards=(),
        session=session,
    )


def _select_capabilities(contract: Contract, only: Iterable[str]) -> tuple[Capability, ...]:
    selected = frozenset(only)
    _refuse_unknown_names(selected, contract)
    return tuple(
        capability
        for capability in contract.capabilities
        if not selected or capability.name in selected
    )


def _refuse_guard_names(contract: Contract) -> None:
    """One name owes one verdict, so that no report can mix them up."""
    taken = {guard.name for guard in GUARDS}
    for capability in contract.capabilities:
        if capability.name in taken:
            raise ContractError(
                f"Contract '{contract.origin}' line {capability.line}: "
                f"capability '{capability.name}' has the name of one of the gate's guards.",
                "Give it another name.",
            )


def _refuse_unknown_names(selected: Iterable[str], contract: Contract) -> None:
    names = [capability.name for capability in contract.capabilities]
    for name in sorted(set(selected) - set(names)):
        raise UsageError(
            f"Contract '{contract.origin}' has no capability '{name}'.",
            suggest_choice(name, names) or f"It has {', '.join(names)}.",
        )
