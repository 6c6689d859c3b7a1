"""How much of the machine a workspace gets: `contracts/tiers.yaml`, read, mapped and compared."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hardgate.model.tier_drift import list_unexpected_settings
from hardgate.schema.document import Refusal, read_document, translate_refusals
from hardgate.schema.fields import Field, TableList, read_table_strictly
from hardgate.schema.lists import Pairs, Paths
from hardgate.schema.source import read_origin
from hardgate.schema.types import Choice, Flag, Name, WholeNumber

MIB_BYTES = 1024 * 1024
NANO_PER_CPU = 10**9

TIER_FIELDS = (
    Field(name="number", shape=WholeNumber(lowest=1, highest=99), about="what --tier calls it"),
    Field(name="name", shape=Name(), about="what people call it"),
    Field(
        name="memory_mib",
        shape=WholeNumber(lowest=6, highest=2**30),
        about="its limit of memory",
        required=False,
    ),
    Field(
        name="cpus",
        shape=WholeNumber(lowest=1, highest=2**16),
        about="its limit of CPUs",
        required=False,
    ),
    Field(name="network", shape=Choice(options=("bridge", "host")), about="its network"),
    Field(name="privileged", shape=Flag(), about="whether it has all capabilities", required=False),
    Field(
        name="pid_host", shape=Flag(), about="whether it sees the host's processes", required=False
    ),
    Field(
        name="read_only", shape=Flag(), about="whether its root cannot be written", required=False
    ),
    Field(name="tmpfs", shape=Pairs(), about="folders in memory, '/path:options'", required=False),
    Field(name="volumes", shape=Paths(), about="where it gets fresh volumes"),
    Field(
        name="binds",
        shape=Pairs(),
        about="what it sees of the host, '/on-the-host:/in-the-workspace'",
        required=False,
    ),
)
TIERS_FILE_FIELDS = (
    Field(
        name="version",
        shape=WholeNumber(lowest=1, highest=1),
        about="the version of this file's form",
    ),
    Field(
        name="tiers",
        shape=TableList(fields=TIER_FIELDS, noun="tiers"),
        about="the tiers, each once",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Tier:
    """The settings that a container is started under."""

    number: int
    name: str
    memory_mib: int | None = None
    cpus: int | None = None
    network: str
    """`bridge` or `host`."""
    privileged: bool = False
    pid_host: bool = False
    read_only: bool = False
    tmpfs: tuple[tuple[str, str], ...] = ()
    """Pairs of path and mount options."""
    volumes: tuple[str, ...]
    """Paths of fresh volumes."""
    binds: tuple[tuple[str, str], ...] = ()
    """Pairs of a path on the test host and a path in the workspace."""

    def container_settings(self, cpus: int) -> dict[str, Any]:
        """Give the SDK's `create_host_config` its keywords; `cpus` is what the engine has.

        The volumes are not among them: they are made anew for each workspace.
        """
        return {
            "privileged": self.privileged,
            "pid_mode": "host" if self.pid_host else None,
            "network_mode": self.network,
            "mem_limit": self._memory_bytes() or None,
            "nano_cpus": self._nano_cpus(cpus) or None,
            "read_only": self.read_only,
            "tmpfs": dict(self.tmpfs),
            "binds": [f"{source}:{target}" for source, target in self.binds],
        }

    def describe_adaptation(self, cpus: int) -> str:
        """Say where the engine has fewer CPUs than the tier: it refuses more than it has."""
        return f"{cpus} of {self.cpus} CPUs" if self.cpus and cpus < self.cpus else ""

    def limit_differences(self, inspect: Mapping[str, Any], *, cpus: int) -> tuple[str, ...]:
        """Compare the limits, which an engine may discard where its kernel cannot keep them."""
        settings = inspect.get("HostConfig") or {}
        return tuple(
            f"{setting} is {found or 'unlimited'}; tier {self.number} says "
            f"{expected or 'unlimited'}."
            for setting, found, expected in (
                ("Memory (bytes)", settings.get("Memory") or 0, self._memory_bytes()),
                ("NanoCpus", settings.get("NanoCpus") or 0, self._nano_cpus(cpus)),
                ("PidsLimit", max(settings.get("PidsLimit") or 0, 0), 0),
            )
            if found != expected
        )

    def list_differences(
        self, inspect: Mapping[str, Any], *, cpus: int, extra_volumes: Iterable[str] = ()
    ) -> tuple[str, ...]:
        """Compare what the engine says that it started with this tier, in both directions.

        `inspect` is the engine's answer; `extra_volumes` are paths that the caller asked for.
        """
        settings = inspect.get("HostConfig") or {}
        return (
            *self.limit_differences(inspect, cpus=cpus),
            *self._mode_differences(settings),
            *self._network_differences(inspect),
            *self._mount_differences(inspect, extra_volumes),
            *list_unexpected_settings(settings, unconfined=self.privileged or self.pid_host),
        )

    def _memory_bytes(self) -> int:
        return (self.memory_mib or 0) * MIB_BYTES

    def _nano_cpus(self, cpus: int) -> int:
        return min(self.cpus, cpus) * NANO_PER_CPU if self.cpus else 0

    def _mode_differences(self, settings: Mapping[str, Any]) -> Iterator[str]:
        for key, found, expected in (
            ("Privileged", bool(settings.get("Privileged")), self.privileged),
            ("PidMode", settings.get("PidMode") or "", "host" if self.pid_host else ""),
            ("ReadonlyRootfs", bool(settings.get("ReadonlyRootfs")), self.read_only),
            ("Tmpfs", dict(settings.get("Tmpfs") or {}), dict(self.tmpfs)),
        ):
            if found != expected:
                yield f"{key} is {found!r}; tier {self.number} says {expected!r}."

    def _network_differences(self, inspect: Mapping[str, Any]) -> Iterator[str]:
        found = (inspect.get("HostConfig") or {}).get("NetworkMode")
        if ("bridge" if found == "default" else found) != self.network:
            yield f"NetworkMode is {found!r}; tier {self.number} says {self.network!r}."
        joined = (inspect.get("NetworkSettings") or {}).get("Networks") or {}
        for network in sorted(set(joined) - {self.network, found}):
            yield f"It is in the network '{network}' too; tier {self.number} is not."

    def _mount_differences(
        self, inspect: Mapping[str, Any], extra_volumes: Iterable[str]
    ) -> Iterator[str]:
        mounts = {mount.get("Destination"): mount for mount in inspect.get("Mounts") or ()}
        for source, target in self.binds:
            yield from _bind_differences(mounts.pop(target, None), source, target)
        for path in dict.fromkeys((*self.volumes, *extra_volumes)):
            yield from _volume_differences(mounts.pop(path, None), path)
        declared = (inspect.get("Config") or {}).get("Volumes") or {}
        for path, mount in mounts.items():
            if not (mount.get("Type") == "volume" and path in declared):
                yield f"It has a {mount.get('Type')} at '{path}'; tier {self.number} has none."


def _bind_differences(mount: Mapping[str, Any] | None, source: str, target: str) -> Iterator[str]:
    expected = f"the bind '{source}:{target}'"
    if mount is None:
        yield f"It lacks {expected}."
        return
    if mount.get("Type") != "bind" or mount.get("Source") != source:
        found = f"{mount.get('Type')} from '{mount.get('Source')}'"
        yield f"At '{target}' it has a {found}, not {expected}."
    if not mount.get("RW"):
        yield f"It cannot write to {expected}."
    if mount.get("Propagation") in ("shared", "rshared"):
        yield f"What it mounts in {expected} comes up on the host."


def _volume_differences(mount: Mapping[str, Any] | None, path: str) -> Iterator[str]:
    if mount is None:
        yield f"It lacks the volume at '{path}'."
        return
    if mount.get("Type") != "volume":
        yield f"At '{path}' it has a {mount.get('Type')}, not a volume."
    if not mount.get("RW"):
        yield f"It cannot write to the volume at '{path}'."


def load_tiers(path: str | Path) -> Mapping[int, Tier]:
    """Read the tiers of a file, by number; raises ContractError with file, line and remedy."""
    data = read_origin(str(path), noun="Tiers")
    with translate_refusals(f"Tiers '{path}'"):
        file = read_table_strictly(read_document(data).root, TIERS_FILE_FIELDS, subject="the file")
        tiers: dict[int, Tier] = {}
        for node in file.values["tiers"]:
            tier = Tier(**read_table_strictly(node, TIER_FIELDS, subject="a tier").values)
            if tier.number in tiers:
                raise Refusal(node.line, f"tier {tier.number} stands here again", "Keep one.")
            tiers[tier.number] = tier
    return MappingProxyType(tiers)
