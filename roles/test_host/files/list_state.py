"""Lists what can stay behind on a test host when a workspace is gone: JSON, a list for each kind.

Two lists are equal where nothing stayed. What hardgate's own execs make is left out: their parent
is outside of the host's PID namespace. So is what the engine keeps of its first container on.
"""

# The import of pathlib would be a third of this program's time.
# ruff: noqa: PTH118, PTH123, PTH208

import json
import os
import subprocess
from collections.abc import Iterator

ENGINE_FOLDERS = (
    "containers",
    "volumes",
    "overlay2",
    "image/overlay2/imagedb/content/sha256",
    "image/overlay2/layerdb/sha256",
    "image/overlay2/layerdb/mounts",
)
MEMORY_FOLDERS = ("/dev", "/dev/shm")  # noqa: S108 - they are listed, and nothing is written
ENGINE_MOUNTS = ("/run/docker/netns/",)


def main() -> None:
    """Print the lists."""
    lists = {
        "processes": sorted(list_processes()),
        "mounts": sorted(list_mounts()),
        "network": sorted(list_network()),
        "engine": sorted(list_engine_files()),
        "memory": sorted(list_memory_files()),
    }
    print(json.dumps(lists))


def list_processes() -> Iterator[str]:
    """Yield each process of the host that is not an exec's, by number, start and name."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                head, _, rest = file.read().rpartition(")")
        except OSError:
            continue  # it ended meanwhile
        fields = rest.split()
        if int(fields[1]) or name == "1":
            yield f"{name} {fields[19]} {head.partition('(')[2]}"


def list_mounts() -> Iterator[str]:
    """Yield what is mounted where, without the numbers that a mount gets."""
    with open("/proc/1/mountinfo") as file:
        for line in file:
            fields = line.split()
            if not fields[4].startswith(ENGINE_MOUNTS):
                yield " ".join([*fields[2:6], *fields[fields.index("-") :]])


def list_network() -> Iterator[str]:
    """Yield interfaces, routes, and the rules of the firewall without their counters."""
    yield from os.listdir("/sys/class/net")
    with open("/proc/net/route") as file:
        yield from (line.strip() for line in file)
    words = ["/usr/sbin/iptables-save"]
    rules = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    yield from (line.split("[")[0].strip() for line in rules.splitlines() if line[:1] != "#")


def list_engine_files() -> Iterator[str]:
    """Yield the names of what the engine keeps."""
    for folder in ENGINE_FOLDERS:
        path = os.path.join("/var/lib/docker", folder)
        if os.path.isdir(path):  # noqa: PTH112 - as above
            yield from (f"{folder}/{name}" for name in os.listdir(path))


def list_memory_files() -> Iterator[str]:
    """Yield what lies in folders that are in memory, which the outer engine does not compare."""
    for folder in MEMORY_FOLDERS:
        yield from (f"{folder}/{name}" for name in os.listdir(folder))


if __name__ == "__main__":
    main()
