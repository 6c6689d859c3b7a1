"""How much of the machine a workspace gets: `contracts/tiers.yaml`, read, mapped and compared."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hardgate.model.tier_drift import list_unexpected_settings
from hardgate.schema.document import Refusal, read_document, translate_refusals
from hardgate.schema.fields import Field, TableList, read_table_strictly
from hardgate.schema.lists import Pairs, Paths, Words
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
    Field(
        name="pids_limit",
        shape=WholeNumber(lowest=1, highest=2**22),
        about="its limit of processes",
        required=False,
    ),
    Field(
        name="cap_add",
        shape=Words(noun="capabilities", pattern="[A-Z][A-Z_]+", example="NET_ADMIN"),
        about="capabilities that it has beside the engine's default",
        required=False,
    ),
    Field(
        name="cap_drop",
        shape=Words(noun="capabilities", pattern="[A-Z][A-Z_]+", example="NET_RAW"),
        about="capabilities of the engine's default that it lacks",
        required=False,
    ),
    Field(
        name="user",
        shape=Name(),
        about="who its entrypoint starts as, in place of the image's own user: 'uid' or 'uid:gid'",
        required=False,
    ),
    Field(
        name="no_new_privileges",
        shape=Flag(),
        about="whether sudo and other setuid programs gain nothing",
        required=False,
    ),
    Field(
        name="seccomp",
        shape=Name(),
        about="'unconfined', or a profile in JSON, by its path from the folder of this file",
        required=False,
    ),
    Field(
        name="apparmor",
        shape=Name(),
        about="'unconfined', or the name of a profile that the test host has loaded",
        required=False,
    ),
    Field(
        name="ulimits",
        shape=Words(
            noun="limits", pattern=r"[a-z]+=(-1|\d+)(:(-1|\d+))?", example="nofile=1024:4096"
        ),
        about="limits of its processes, 'name=soft:hard'",
        required=False,
    ),
    Field(
        name="devices",
        shape=Words(
            noun="devices",
            pattern=r"/dev/[^:]+:/dev/[^:]+:r?w?m?",
            example="/dev/fuse:/dev/fuse:rwm",
        ),
        about="devices of the host, 'on-the-host:in-the-workspace:rwm'",
        required=False,
    ),
    Field(
        name="extra_hosts",
        shape=Words(noun="host entries", pattern=r"[\w.-]+:[\w.:-]+", example="platform:10.0.0.1"),
        about="lines of its /etc/hosts, 'name:address'",
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
        shape=TableList(fields=TIER_FIELDS, noun="tiers", strict=True),
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
    pids_limit: int | None = None
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    user: str = ""
    """Who its entrypoint starts as; empty is the image's own choice."""
    no_new_privileges: bool = False
    seccomp: str = ""
    """`unconfined`, or a profile's JSON; empty is the engine's own."""
    apparmor: str = ""
    ulimits: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    origin: str = field(default="", compare=False)
    """The file that it was read from."""
    sha256: str = field(default="", compare=False)
    """Of that file's bytes, and of the profiles that it names."""

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
            **{key: value for key, value in self._further_settings().items() if value},
        }

    def _further_settings(self) -> dict[str, Any]:
        """Give what the platform's own tiers leave to the engine. `user` is the container's."""
        return {
            "user": self.user,
            "pids_limit": self.pids_limit,
            "cap_add": list(self.cap_add),
            "cap_drop": list(self.cap_drop),
            "security_opt": list(self._security_options()),
            "ulimits": [split_ulimit(limit) for limit in self.ulimits],
            "devices": list(self.devices),
            "extra_hosts": dict(entry.split(":", 1) for entry in self.extra_hosts),
        }

    def _security_options(self) -> Iterator[str]:
        if self.no_new_privileges:
            yield "no-new-privileges:true"
        if self.seccomp:
            yield f"seccomp={self.seccomp}"
        if self.apparmor:
            yield f"apparmor={self.apparmor}"

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
                ("PidsLimit", max(settings.get("PidsLimit") or 0, 0), self.pids_limit or 0),
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
            *self._further_differences(inspect),
            *list_unexpected_settings(
                settings,
                unconfined=self.privileged or self.pid_host,
                allowed=frozenset({"CapAdd", "CapDrop", "Devices", "ExtraHosts", "SecurityOpt"}),
            ),
        )

    def _further_differences(self, inspect: Mapping[str, Any]) -> Iterator[str]:
        settings = inspect.get("HostConfig") or {}
        for key, found, expected in (
            ("CapAdd", map(_short_capability, settings.get("CapAdd") or ()), self.cap_add),
            ("CapDrop", map(_short_capability, settings.get("CapDrop") or ()), self.cap_drop),
            ("Devices", map(_device_text, settings.get("Devices") or ()), self.devices),
            ("ExtraHosts", settings.get("ExtraHosts") or (), self.extra_hosts),
        ):
            now, then = sorted(found), sorted(expected)
            if now != then:
                yield f"{key} is {now}; tier {self.number} says {then}."
        yield from self._security_differences(settings.get("SecurityOpt") or ())
        user = (inspect.get("Config") or {}).get("User") or ""
        if self.user and user != self.user:
            yield f"User is {user!r}; tier {self.number} says {self.user!r}."
        # An engine may add limits of its own settings.
        limits = [
            {"name": one["Name"], "soft": one["Soft"], "hard": one["Hard"]}
            for one in settings.get("Ulimits") or ()
        ]
        for limit in self.ulimits:
            if split_ulimit(limit) not in limits:
                yield f"Ulimits lack '{limit}' of tier {self.number}."

    def _security_differences(self, options: Iterable[str]) -> Iterator[str]:
        expected = {_plain_option(option): option for option in self._security_options()}
        for option in options:
            # The engine itself opens this for these.
            opened = option == "label=disable" and (self.privileged or self.pid_host)
            if expected.pop(_plain_option(option), None) is None and not opened:
                yield f"SecurityOpt has {option!r}; tier {self.number} does not set it."
        for option in expected.values():
            yield f"SecurityOpt lacks {option!r} of tier {self.number}."

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


def split_ulimit(text: str) -> dict[str, Any]:
    """Read `nofile=1024:4096` as the engine's API has it; a single number is both."""
    name, _, numbers = text.partition("=")
    soft, _, hard = numbers.partition(":")
    return {"name": name, "soft": int(soft), "hard": int(hard or soft)}


def _short_capability(name: str) -> str:
    """Engines from 23 on say `CAP_NET_ADMIN` where they were told `NET_ADMIN`."""
    return name.upper().removeprefix("CAP_")


def _plain_option(option: str) -> str:
    """`no-new-privileges:true` and `no-new-privileges` are one, and so are ':' and '='."""
    name, _, value = option.replace(":", "=", 1).partition("=")
    return name if value in {"", "true"} else f"{name}={value}"


def _device_text(device: Mapping[str, Any]) -> str:
    permissions = device.get("CgroupPermissions") or "rwm"
    return f"{device.get('PathOnHost')}:{device.get('PathInContainer')}:{permissions}"


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
    digest = hashlib.sha256(data)
    with translate_refusals(f"Tiers '{path}'"):
        file = read_table_strictly(read_document(data).root, TIERS_FILE_FIELDS, subject="the file")
        tiers: dict[int, Tier] = {}
        for node in file.values["tiers"]:
            values = dict(read_table_strictly(node, TIER_FIELDS, subject="a tier").values)
            profile = values.get("seccomp", "")
            if profile and profile != "unconfined":
                values["seccomp"] = _read_profile(Path(path).parent / profile, node.line)
                digest.update(values["seccomp"].encode())
            tier = Tier(**values)
            if tier.number in tiers:
                raise Refusal(node.line, f"tier {tier.number} stands here again", "Keep one.")
            _refuse_contradictions(tier, node.line)
            tiers[tier.number] = tier
    sha256 = digest.hexdigest()
    return MappingProxyType(
        {number: replace(tier, origin=str(path), sha256=sha256) for number, tier in tiers.items()}
    )


def _read_profile(path: Path, line: int) -> str:
    """Read a seccomp profile; the engine takes its content, not its path."""
    try:
        return json.dumps(json.loads(path.read_bytes()), separators=(",", ":"))
    except (OSError, ValueError) as error:
        raise Refusal(
            line,
            f"names the seccomp profile '{path}', which cannot be read",
            f"Write it as JSON beside the tiers ({type(error).__name__}).",
        ) from error


def _refuse_contradictions(tier: Tier, line: int) -> None:
    """Refuse what an engine would silently not do."""
    if tier.privileged and (tier.cap_add or tier.cap_drop):
        raise Refusal(
            line,
            f"tier {tier.number} is privileged and chooses capabilities",
            "Leave one of them out: a privileged container has all.",
        )
