"""What a fleet is asked for: images, the contract of each, and the hosts that run them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardgate.ansible.inventory import Inventory
from hardgate.errors import UsageError
from hardgate.model.contract import Contract, load_contract
from hardgate.model.plan import Plan, make_plan
from hardgate.model.tier import Tier
from hardgate.remote.fleet.image_list import Entry, ImageList
from hardgate.remote.fleet.staleness import Lack, why_stale
from hardgate.text.typo import guess

NAMED = 10
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
    lacks: tuple[Lack, ...] = ()
    """Why a green by its contract is none by the fleet's."""


@dataclass(frozen=True, kw_only=True)
class FleetRequest:
    """What the command line asked for, read and found to make sense."""

    inventory: Inventory
    wanted: Contract
    """The fleet's contract: who was verified by less is stale."""
    images: tuple[FleetImage, ...]
    hosts: tuple[str, ...]
    """All of the inventory."""
    host_kind: str
    """`nested` or `direct`: what each gate takes for its test host."""
    user: str
    """Who runs the gates there."""
    words: tuple[str, ...]
    """More words for each gate."""
    out: Path | None

    @property
    def idle(self) -> tuple[str, ...]:
        """Hosts that no image is for."""
        busy = {host for image in self.images for host in image.hosts}
        return tuple(host for host in self.hosts if host not in busy)


def read_images(
    listed: ImageList,
    *,
    wanted: Contract,
    wanted_file: Path,
    tier: Tier,
    hosts: Sequence[str],
    groups: Mapping[str, Sequence[str]],
) -> tuple[FleetImage, ...]:
    """Read each image's contract, and say on which hosts it is; raises UsageError."""
    return tuple(
        _image(entry, _Context(listed.origin, wanted, wanted_file, tier, tuple(hosts), groups))
        for entry in listed.entries
    )


@dataclass(frozen=True)
class _Context:
    origin: str
    wanted: Contract
    wanted_file: Path
    tier: Tier
    hosts: tuple[str, ...]
    groups: Mapping[str, Sequence[str]]


def _image(entry: Entry, context: _Context) -> FleetImage:
    contract = load_contract(str(entry.contract)) if entry.contract else context.wanted
    chosen = set(_chosen(entry, context)) if entry.hosts else set(context.hosts)
    return FleetImage(
        reference=entry.reference,
        plan=make_plan(contract, context.tier),
        contract_file=entry.contract or context.wanted_file,
        hosts=tuple(host for host in context.hosts if host in chosen),
        lacks=why_stale(contract, context.wanted),
    )


def _chosen(entry: Entry, context: _Context) -> Iterator[str]:
    for name in entry.hosts:
        found = _hosts_of(name, context)
        if not found:
            raise UsageError(
                f"Image list '{context.origin}' line {entry.line}: image '{entry.reference}' is "
                f"for '{name}', and the inventory has no such host, nor a group with one.",
                guess(name, _names(context)) or f"It has {_listed(_names(context))}.",
            )
        yield from found


def _hosts_of(name: str, context: _Context) -> Iterable[str]:
    if name in context.hosts:
        return [name]
    return context.groups.get(name, ())


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _names(context: _Context) -> list[str]:
    with_hosts = [group for group, hosts in context.groups.items() if hosts]
    return [*context.hosts, *with_hosts]
