"""What a fleet is asked for: images, the contract of each, and the hosts that run them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardgate.ansible.inventory import Inventory
from hardgate.errors import UsageError
from hardgate.model.contract import Contract, load_contract
from hardgate.model.plan import Plan, make_plan
from hardgate.model.tier import Tier
from hardgate.remote.fleet.image_list import ImageEntry, ImageList
from hardgate.remote.fleet.staleness import StaleReason, find_stale_reasons
from hardgate.report.job_summary import PublishSummary, append_job_summary
from hardgate.text.typo import suggest_choice

MAX_LISTED_NAMES = 10
"""Names that a sentence lists before it counts the rest."""


@dataclass(frozen=True, kw_only=True)
class FleetImage:
    """One image, and what it is verified by."""

    reference: str
    plan: Plan
    """What each of its gates owes verdicts for."""
    contract_file: Path
    hosts: tuple[str, ...]
    """Of the inventory, in its order."""
    stale_reasons: tuple[StaleReason, ...] = ()
    """Why a green by its contract is none by the fleet's."""


@dataclass(frozen=True, kw_only=True)
class FleetRequest:
    """What the command line asked for, read and found to make sense."""

    inventory: Inventory
    contract: Contract
    """The fleet's contract: who was verified by less is stale."""
    images: tuple[FleetImage, ...]
    hosts: tuple[str, ...]
    """All of the inventory."""
    host_kind: str
    """`nested` or `direct`: what each gate takes for its test host."""
    user: str
    """Who runs the gates there."""
    gate_arguments: tuple[str, ...]
    """More words for each gate."""
    out: Path | None
    formats: tuple[str, ...] = ()
    """Of the reports; all of them where it is empty."""
    publish_summary: PublishSummary = append_job_summary

    @property
    def unused_hosts(self) -> tuple[str, ...]:
        """Hosts that no image is for."""
        busy = {host for image in self.images for host in image.hosts}
        return tuple(host for host in self.hosts if host not in busy)


def resolve_images(
    image_list: ImageList,
    *,
    fleet_contract: Contract,
    fleet_contract_file: Path,
    tier: Tier,
    hosts: Sequence[str],
    groups: Mapping[str, Sequence[str]],
) -> tuple[FleetImage, ...]:
    """Read each image's contract, and say on which hosts it is; raises UsageError."""
    return tuple(
        _resolve_image(
            entry,
            _FleetContext(
                image_list.origin, fleet_contract, fleet_contract_file, tier, tuple(hosts), groups
            ),
        )
        for entry in image_list.entries
    )


@dataclass(frozen=True)
class _FleetContext:
    origin: str
    fleet_contract: Contract
    fleet_contract_file: Path
    tier: Tier
    hosts: tuple[str, ...]
    groups: Mapping[str, Sequence[str]]


def _resolve_image(entry: ImageEntry, context: _FleetContext) -> FleetImage:
    contract = load_contract(str(entry.contract)) if entry.contract else context.fleet_contract
    chosen = set(_resolve_hosts(entry, context)) if entry.hosts else set(context.hosts)
    return FleetImage(
        reference=entry.reference,
        plan=make_plan(contract, context.tier),
        contract_file=entry.contract or context.fleet_contract_file,
        hosts=tuple(host for host in context.hosts if host in chosen),
        stale_reasons=find_stale_reasons(contract, context.fleet_contract),
    )


def _resolve_hosts(entry: ImageEntry, context: _FleetContext) -> Iterator[str]:
    for name in entry.hosts:
        found = _find_hosts(name, context)
        if not found:
            raise UsageError(
                f"Image list '{context.origin}' line {entry.line}: image '{entry.reference}' is "
                f"for '{name}', and the inventory has no such host, nor a group with one.",
                suggest_choice(name, _list_known_names(context))
                or f"It has {_join_names(_list_known_names(context))}.",
            )
        yield from found


def _find_hosts(name: str, context: _FleetContext) -> Iterable[str]:
    if name in context.hosts:
        return [name]
    return context.groups.get(name, ())


def _join_names(names: Sequence[str]) -> str:
    rest = len(names) - MAX_LISTED_NAMES
    return ", ".join(names[:MAX_LISTED_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _list_known_names(context: _FleetContext) -> list[str]:
    with_hosts = [group for group, hosts in context.groups.items() if hosts]
    return [*context.hosts, *with_hosts]
