"""Settings of an engine that no tier has: whatever is set there makes more, or less, of a tier."""

from collections.abc import Iterator, Mapping
from typing import Any

UNUSED_SETTINGS = (
    "BlkioDeviceReadBps",
    "BlkioDeviceReadIOps",
    "BlkioDeviceWriteBps",
    "BlkioDeviceWriteIOps",
    "BlkioWeight",
    "BlkioWeightDevice",
    "CapAdd",
    "CapDrop",
    "CgroupParent",
    "CpuPeriod",
    "CpuQuota",
    "CpuShares",
    "CpusetCpus",
    "CpusetMems",
    "DeviceCgroupRules",
    "DeviceRequests",
    "Devices",
    "Dns",
    "DnsOptions",
    "DnsSearch",
    "ExtraHosts",
    "GroupAdd",
    "Init",
    "Links",
    "MemoryReservation",
    "OomKillDisable",
    "PortBindings",
    "PublishAllPorts",
    "Sysctls",
    "UTSMode",
    "UsernsMode",
    "VolumesFrom",
)
"""Settings of the engine that no tier has.

Not here is what an engine fills in by itself: CgroupnsMode, LogConfig, MemorySwap,
MemorySwappiness, OomScoreAdj, Runtime, ShmSize, Ulimits.
"""


def list_unexpected_settings(
    settings: Mapping[str, Any], *, unconfined: bool, allowed: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Say what is set in an engine's `HostConfig` beyond any tier.

    `unconfined`: privileged, or with the host's PIDs; the engine itself opens more for these.
    `allowed`: settings that the caller compares itself.
    """
    for key in UNUSED_SETTINGS:
        if settings.get(key) and key not in allowed:
            yield f"{key} is {settings[key]!r}; no tier sets it."
    ipc = str(settings.get("IpcMode") or "")
    if ipc == "host" or ipc.startswith("container:"):
        yield f"IpcMode is {ipc!r}; no tier shares it."
    restart = (settings.get("RestartPolicy") or {}).get("Name") or "no"
    if restart != "no":
        yield f"RestartPolicy is {restart!r}; a workspace that ends has to be seen."
    for option in () if "SecurityOpt" in allowed else settings.get("SecurityOpt") or ():
        if not (option == "label=disable" and unconfined):
            yield f"SecurityOpt has {option!r}; no tier sets it."
    for key in ("MaskedPaths", "ReadonlyPaths"):
        if settings.get(key) == [] and not unconfined:
            yield f"{key} is empty; only a privileged tier sees all of /proc."
