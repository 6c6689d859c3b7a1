#!/usr/bin/python3 -ISB
"""Takes an image over from the outer engine's own store, without copying a layer.

    adopt_image.py IMAGE_ID DIFF_ID...

Each layer's folder is bound read-only to where the test host's engine (not yet started) will look
for it, and the store's small records are copied. The engine itself then recomputes the image's id
from its configuration and the layers' chain, and refuses what does not match; the layers' bytes are
the very ones that the outer engine would run.

Exits 3, with nothing done, where the store does not show every layer.
"""

# The imports of pathlib, shutil and subprocess would take longer than all else.
# ruff: noqa: PTH101, PTH103, PTH113, PTH123, PTH208, PTH211

import os
import sys
from hashlib import sha256

SHELF = os.environ.get("HARDGATE_SHELF", "/run/shelf")
STORE = "/var/lib/docker"
MOUNT_TABLE = "/run/hardgate-layers"
NOT_SHOWN, NOT_BOUND = 3, 1


def main() -> int:
    """Look at all of it before anything is taken."""
    image, *layers = (word.removeprefix("sha256:") for word in sys.argv[1:])
    chains = chain_layers(layers)
    shown = {chain: find_layer(chain) for chain in chains}
    if "" in shown.values() or not os.path.isfile(f"{SHELF}/image/imagedb/content/sha256/{image}"):
        return NOT_SHOWN
    make_store()
    binds = [take_layer(chain, layer) for chain, layer in shown.items()]
    copy_file(*(f"{place}/imagedb/content/sha256/{image}" for place in record_places()))
    return bind_folders(binds)


def chain_layers(layers: list[str]) -> list[str]:
    """Give each layer's chain id, by which a store knows it on top of those below it."""
    chains = layers[:1]
    for layer in layers[1:]:
        chains.append(sha256(f"sha256:{chains[-1]} sha256:{layer}".encode()).hexdigest())
    return chains


def find_layer(chain: str) -> str:
    """Name the layer's folder in the outer engine's store; empty where that does not show it."""
    record = f"{SHELF}/image/layerdb/sha256/{chain}"
    try:
        layer = read_file(f"{record}/cache-id")
        # An engine may itself have its layers by mounts, which do not show from here.
        shown = os.listdir(f"{SHELF}/overlay2/{layer}/diff") or read_file(f"{record}/size") == "0"
    except FileNotFoundError:
        return ""
    return layer if shown else ""


def record_places() -> tuple[str, str]:
    """Give the outer engine's records of its images, and the host's."""
    return f"{SHELF}/image", f"{STORE}/image/overlay2"


def make_store() -> None:
    """Make the folders of an empty store."""
    _, records = record_places()
    os.makedirs(f"{STORE}/overlay2/l", exist_ok=True)
    for name in ("imagedb/content", "imagedb/metadata", "layerdb"):
        os.makedirs(f"{records}/{name}/sha256", exist_ok=True)
    os.chmod(f"{STORE}/overlay2", 0o710)  # noqa: S103 - as an engine has it


def take_layer(chain: str, layer: str) -> tuple[str, str]:
    """Copy a layer's records; give its folder in the outer engine's store, and in the host's."""
    known, records = (f"{place}/layerdb/sha256/{chain}" for place in record_places())
    source, target = f"{SHELF}/overlay2/{layer}", f"{STORE}/overlay2/{layer}"
    os.makedirs(records, exist_ok=True)
    for name in os.listdir(known):
        copy_file(f"{known}/{name}", f"{records}/{name}")
    for name in ("diff", "work"):
        os.makedirs(f"{target}/{name}", exist_ok=True)
    for name in ("link", "lower"):
        if os.path.isfile(f"{source}/{name}"):
            copy_file(f"{source}/{name}", f"{target}/{name}")
    # An engine says so of a layer only once something was made from it, and would mount a fresh
    # one writable to save it, which a read-only layer cannot be.
    write_file(f"{target}/committed", b"")
    link = f"{STORE}/overlay2/l/{read_file(f'{target}/link')}"
    if not os.path.lexists(link):
        os.symlink(f"../{layer}/diff", link)
    return f"{source}/diff", f"{target}/diff"


def bind_folders(binds: list[tuple[str, str]]) -> int:
    """Bind folders read-only, by one program for all."""
    table = "".join(f"{source} {target} none bind,ro 0 0\n" for source, target in binds)
    write_file(MOUNT_TABLE, table.encode())
    words = ["mount", "--all", "--fstab", MOUNT_TABLE]
    _, status = os.waitpid(os.posix_spawnp(words[0], words, os.environ), 0)
    return NOT_BOUND if status else 0


def copy_file(source: str, target: str) -> None:
    """Copy a small file's bytes."""
    with open(source, "rb") as file:
        write_file(target, file.read())


def write_file(path: str, data: bytes) -> None:
    """Write a file whole."""
    with open(path, "wb") as file:
        file.write(data)


def read_file(path: str) -> str:
    """Read a small record."""
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


if __name__ == "__main__":
    sys.exit(main())
