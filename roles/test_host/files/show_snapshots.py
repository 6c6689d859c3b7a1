#!/usr/bin/python3 -ISB
"""Shows the layers of an image in containerd's store as `adopt_image.py` finds an engine's own.

    show_snapshots.py SHELF OUT IMAGE_ID DIFF_ID...

SHELF holds the outer machine's folders and sockets of containerd, each at its own path. Which
folder holds which layer, containerd itself is asked; what the image is made of, is read from its
content store, and each of these documents by its digest. Written are OUT/image and OUT/overlay2, as
an engine has them that keeps its layers itself; printed is the digest of the image's configuration,
by which such an engine knows the image. See D79 in ARCHITECTURE.md.

Exits 3, with nothing written, where the store does not show the image or one of its layers.
"""

# The import of pathlib would be a third of this program's time.
# ruff: noqa: PTH103, PTH112, PTH118, PTH123, PTH211

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NOT_SHOWN = 3
NAMESPACE = "moby"
"""Where an engine keeps its things, unless it is started with '--containerd-namespace'."""
SNAPSHOTTER = "overlayfs"
CONTENT_FOLDER = "io.containerd.content.v1.content"
MAX_DOCUMENT_BYTES = 8 * 2**20
"""More than any manifest or configuration has."""
MAX_INDEX_DEPTH = 4


class NotShownError(Exception):
    """The store does not show all that the image is made of."""


def main() -> int:
    """Show one image."""
    shelf, out, image, *diffs = sys.argv[1:]
    chains = chain_layers(diffs)
    try:
        config = find_config(shelf, image, diffs)
        folders = find_folders(shelf, chains) if chains else {}
    except NotShownError as error:
        print(error, file=sys.stderr)
        return NOT_SHOWN
    write_config(out, config)
    for index, chain in enumerate(chains):
        write_layer(out, chains[: index + 1], diffs[index], folders[chain])
    print(f"sha256:{hashlib.sha256(config).hexdigest()}")
    return 0


def chain_layers(diffs: Sequence[str]) -> list[str]:
    """Name each layer by itself and all below it, as
    https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid defines it.
    """
    chains: list[str] = []
    for diff in diffs:
        both = f"{chains[-1]} {diff}".encode() if chains else b""
        chains.append(f"sha256:{hashlib.sha256(both).hexdigest()}" if both else diff)
    return chains


def find_config(shelf: str, image: str, diffs: Sequence[str]) -> bytes:
    """Find the configuration of these layers: an image is known by its manifest, or by an index of
    manifests for several platforms, of which two may differ in nothing but their configuration.
    """
    stores = [
        f"{folder}/{CONTENT_FOLDER}/blobs/sha256"
        for folder, names, _ in walk_shelf(shelf)
        if CONTENT_FOLDER in names
    ]
    configs = {
        config
        for config in walk_configs(stores, image, MAX_INDEX_DEPTH)
        if (json.loads(config).get("rootfs") or {}).get("diff_ids", []) == list(diffs)
    }
    if len(configs) != 1:
        raise NotShownError(f"{image} has {len(configs)} configurations here with these layers.")
    return configs.pop()


def walk_shelf(shelf: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk the folders that lead to what is shown, and no further."""
    for folder, names, files in os.walk(shelf):
        yield folder, list(names), files
        if any(name.startswith("io.containerd.") for name in names):
            names.clear()


def walk_configs(stores: Sequence[str], digest: str, depth: int) -> Iterator[bytes]:
    """Give each configuration that a manifest or an index leads to."""
    document = read_document(stores, digest)
    if document is None or not depth:
        return
    parsed = json.loads(document)
    for manifest in parsed.get("manifests") or ():
        yield from walk_configs(stores, manifest["digest"], depth - 1)
    if "config" in parsed and "layers" in parsed:
        config = read_document(stores, parsed["config"]["digest"])
        if config is not None:
            yield config


def read_document(stores: Sequence[str], digest: str) -> bytes | None:
    """Read a document that is what its digest says; None where no store has it."""
    kind, _, digits = digest.partition(":")
    if kind != "sha256" or not digits.isalnum():
        return None
    for store in stores:
        try:
            with open(os.path.join(store, digits), "rb") as file:
                document = file.read(MAX_DOCUMENT_BYTES)
        except OSError:
            continue
        if hashlib.sha256(document).hexdigest() == digits:
            return document
    return None


def find_folders(shelf: str, chains: Sequence[str]) -> Mapping[str, tuple[str, int]]:
    """Give each layer's folder, as it is seen here, and its size in bytes."""
    sockets = [
        os.path.join(folder, name)
        for folder, _, files in walk_shelf(shelf)
        for name in files
        if name.endswith(".sock")
    ]
    for socket in sockets:
        answers = ask_containerd(socket, chains)
        if answers is None:
            continue
        listing, mounts, usage = answers
        folders = dict(zip(*match_mounts(listing, mounts, chains[-1]), strict=True))
        return {chain: show_layer(shelf, folders, usage, chain) for chain in chains}
    raise NotShownError("No containerd here has the image's layers unpacked.")


def ask_containerd(socket: str, chains: Sequence[str]) -> tuple[str, str, str] | None:
    """Ask for all snapshots, how the topmost is mounted, and how much each holds; all at once.

    None where this containerd has not got them all. How a snapshot is mounted, containerd answers
    of a view alone. It holds nothing, goes at once, and with containerd's next collection of what
    has no owner where this process is killed.
    """
    view = f"hardgate-{os.uname().nodename}"
    asked = [
        start_ctr(socket, "ls"),
        start_ctr(socket, "view", "--mounts", view, chains[-1]),
        start_ctr(socket, "usage", "-b", *chains),
    ]
    listing, mounts, usage = (process.communicate()[0] for process in asked)
    if not asked[1].returncode:
        start_ctr(socket, "rm", view).communicate()
    return None if any(process.returncode for process in asked) else (listing, mounts, usage)


def start_ctr(socket: str, *command: str) -> "subprocess.Popen[str]":
    """Start asking a containerd for snapshots."""
    words = ["ctr", "--address", socket, "--namespace", NAMESPACE]
    words += ["snapshots", "--snapshotter", SNAPSHOTTER, *command]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def match_mounts(listing: str, mounts: str, top: str) -> tuple[list[str], list[str]]:
    """Give the snapshots below the topmost, and their folders, the topmost first.

    Between an image's layers may lie some that are none of it: the classic builder has one for each
    of its containers.
    """
    parents = {
        key: rest[0] if len(rest) > 1 else "" for key, *rest in map(str.split, listing.splitlines())
    }
    keys = []
    while top:
        keys.append(top)
        top = parents.get(top, "")
    folders = read_lower_folders(json.loads(mounts))
    if len(keys) != len(folders):
        raise NotShownError(f"{len(keys)} snapshots are mounted as {len(folders)} folders.")
    return keys, folders


def read_lower_folders(mounts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Read the folders of a mount that containerd would make, the topmost first."""
    (mount,) = mounts
    if mount["Type"] == "bind":
        return [str(mount["Source"])]
    options = dict(option.partition("=")[::2] for option in mount["Options"])
    return str(options["lowerdir"]).split(":")


def show_layer(shelf: str, folders: Mapping[str, str], usage: str, chain: str) -> tuple[str, int]:
    """Give a layer's folder and size; 0 for one that holds nothing but its own folder."""
    counted = {key: numbers for key, *numbers in map(str.split, usage.splitlines())}
    folder = shelf + folders.get(chain, "/.")
    if chain not in folders or not os.path.isdir(folder):
        raise NotShownError(f"Layer {chain} is not shown.")
    size, inodes = map(int, counted[chain])
    return folder, size if inodes > 1 else 0


def write_config(out: str, config: bytes) -> None:
    """Write an image's configuration, which is all that there is to an image."""
    folder = f"{out}/image/imagedb/content/sha256"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/{hashlib.sha256(config).hexdigest()}", "wb") as file:
        file.write(config)


def write_layer(out: str, chains: Sequence[str], diff: str, shown: tuple[str, int]) -> None:
    """Write a layer's records, unless an earlier image has it; its folder is the snapshot's."""
    *below, chain = (chain.removeprefix("sha256:") for chain in chains)
    if os.path.isdir(f"{out}/overlay2/{chain}"):
        return
    folder, size = shown
    records = {"cache-id": chain, "diff": diff, "size": str(size)}
    if below:
        records["parent"] = f"sha256:{below[-1]}"
    write_records(f"{out}/image/layerdb/sha256/{chain}", records)
    lower = ":".join(f"l/{shorten_chain(one)}" for one in reversed(below))
    links = {"link": shorten_chain(chain)} | ({"lower": lower} if lower else {})
    write_records(f"{out}/overlay2/{chain}", links)
    os.symlink(folder, f"{out}/overlay2/{chain}/diff")


def shorten_chain(chain: str) -> str:
    """Give the short name of a layer, by which it is mounted: as long as an engine's own."""
    return chain[:26].upper()


def write_records(folder: str, records: Mapping[str, str]) -> None:
    """Write small files, a text each."""
    os.makedirs(folder)
    for name, text in records.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    sys.exit(main())
