"""containerd's store is shown as an engine's own: what is what, by digest, or not at all."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hardgate.resources import ROLES

PROGRAM = ROLES / "test_host" / "files" / "show_snapshots.py"
STORE = "var/lib/containerd"
SNAPSHOTS = f"/{STORE}/io.containerd.snapshotter.v1.overlayfs/snapshots"
DIFFS = tuple(f"sha256:{digit * 64}" for digit in "abc")
CTR = """#!/bin/sh
# Answers as containerd 1.7 does; what it was asked is kept.
echo "$@" >>"{folder}/asked"
case "$*" in
*"--address {shelf}/run/containerd/containerd.sock --namespace moby "*) ;;
*) exit 1 ;;
esac
case "$*" in
*" ls") cat "{folder}/ls" ;;
*" view --mounts "*) cat "{folder}/view" ;;
*" usage -b "*) cat "{folder}/usage" ;;
*" rm "*) ;;
*) exit 2 ;;
esac
"""


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("show_snapshots", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Machine:
    """The outer machine as the host is shown it, with one image of three layers.

    The classic builder left a snapshot of its own between the second layer and the third, and the
    second is empty.
    """

    def __init__(self, folder: Path, chains: Sequence[str]) -> None:
        self.folder, self.chains = folder, chains
        self.shelf, self.out = folder / "shelf", folder / "out"
        self.blobs = self.shelf / STORE / "io.containerd.content.v1.content/blobs/sha256"
        self.blobs.mkdir(parents=True)
        (self.shelf / "run/containerd").mkdir(parents=True)
        (self.shelf / "run/containerd/containerd.sock").touch()
        for number in "1 2 3 9".split():
            (self.shelf / f"{SNAPSHOTS[1:]}/{number}/fs").mkdir(parents=True)
        (self.shelf / f"{SNAPSHOTS[1:]}/1/fs/file").touch()
        (self.shelf / f"{SNAPSHOTS[1:]}/9/fs/file").touch()
        first, second, third = chains
        self.say_listing({first: "", second: first, "x-init": second, third: "x-init"})
        self.say_lower("9", "3", "2", "1")
        self._say("usage", f"KEY SIZE INODES\n{first} 12288 2\n{second} 4096 1\n{third} 8192 2\n")
        ctr = folder / "ctr"
        ctr.write_text(CTR.format(folder=folder, shelf=self.shelf))
        ctr.chmod(0o755)
        self.config = self.store({"rootfs": {"type": "layers", "diff_ids": list(DIFFS)}})
        self.image = self.store({"config": {"digest": self.config}, "layers": []})

    def store(self, document: object) -> str:
        data = json.dumps(document).encode()
        digits = hashlib.sha256(data).hexdigest()
        (self.blobs / digits).write_bytes(data)
        return f"sha256:{digits}"

    def say_listing(self, parents: dict[str, str]) -> None:
        lines = [f"{key} {parent} Committed" for key, parent in parents.items()]
        self._say("ls", "\n".join(["KEY PARENT KIND", "other  Active", *lines, ""]))

    def say_lower(self, *numbers: str) -> None:
        lower = ":".join(f"{SNAPSHOTS}/{number}/fs" for number in numbers)
        mount: dict[str, Any] = {"Type": "overlay", "Options": ["index=off", f"lowerdir={lower}"]}
        if len(numbers) == 1:
            mount = {"Type": "bind", "Source": lower, "Options": ["ro", "rbind"]}
        self._say("view", json.dumps([mount]))

    def _say(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def show(self, image: str = "", diffs: Sequence[str] = DIFFS) -> tuple[int, str]:
        words = [str(self.shelf), str(self.out), image or self.image, *diffs]
        shown = subprocess.run(
            [sys.executable, "-I", "-S", "-B", str(PROGRAM), *words],
            env={"PATH": f"{self.folder}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        print(shown.stderr)
        return shown.returncode, shown.stdout.strip()

    def read_layer(self, chain: str) -> dict[str, str]:
        digits = chain.removeprefix("sha256:")
        records = [*(self.out / "image/layerdb/sha256" / digits).iterdir()]
        records += [self.out / "overlay2" / digits / name for name in ("link", "lower")]
        layer = {file.name: file.read_text() for file in records if file.is_file()}
        diff = (self.out / "overlay2" / digits / "diff").readlink()
        return {**layer, "folder": str(diff).removeprefix(f"{self.shelf}{SNAPSHOTS}/")}


@pytest.fixture
def machine(tmp_path: Path, program: ModuleType) -> Machine:
    return Machine(tmp_path, program.chain_layers(DIFFS))


def test_an_image_is_shown_as_an_engine_has_it_that_keeps_its_layers(machine: Machine) -> None:
    assert machine.show() == (0, machine.config)

    first, second, third = (chain.removeprefix("sha256:") for chain in machine.chains)
    links = [digits[:26].upper() for digits in (first, second, third)]
    assert [machine.read_layer(chain) for chain in machine.chains] == [
        {"cache-id": first, "diff": DIFFS[0], "size": "12288", "link": links[0], "folder": "1/fs"},
        {
            "cache-id": second,
            "diff": DIFFS[1],
            "size": "0",
            "parent": f"sha256:{first}",
            "link": links[1],
            "lower": f"l/{links[0]}",
            "folder": "2/fs",
        },
        {
            "cache-id": third,
            "diff": DIFFS[2],
            "size": "8192",
            "parent": f"sha256:{second}",
            "link": links[2],
            "lower": f"l/{links[1]}:l/{links[0]}",
            "folder": "9/fs",
        },
    ]
    digits = machine.config.removeprefix("sha256:")
    config = machine.out / "image/imagedb/content/sha256" / digits
    assert hashlib.sha256(config.read_bytes()).hexdigest() == digits


def test_the_chain_is_that_of_the_image_specification(program: ModuleType) -> None:
    both = hashlib.sha256(f"{DIFFS[0]} {DIFFS[1]}".encode()).hexdigest()
    assert program.chain_layers(DIFFS[:2]) == [DIFFS[0], f"sha256:{both}"]


def test_an_index_leads_to_the_configuration_of_these_layers(machine: Machine) -> None:
    other = machine.store({"rootfs": {"diff_ids": [DIFFS[0]]}})
    manifests = [
        {"digest": machine.store({"config": {"digest": other}, "layers": []})},
        {"digest": f"sha256:{'e' * 64}"},  # of another platform, which nobody pulled
        {"digest": machine.image},
    ]
    assert machine.show(machine.store({"manifests": manifests})) == (0, machine.config)


def test_two_platforms_of_the_same_layers_are_not_confused(machine: Machine) -> None:
    other = machine.store({"architecture": "s390x", "rootfs": {"diff_ids": list(DIFFS)}})
    manifests = [
        {"digest": machine.store({"config": {"digest": config}, "layers": []})}
        for config in (other, machine.config)
    ]
    assert machine.show(machine.store({"manifests": manifests})) == (3, "")


def test_an_image_without_layers_needs_no_containerd(machine: Machine) -> None:
    config = machine.store({"rootfs": {"type": "layers"}})
    image = machine.store({"config": {"digest": config}, "layers": []})
    assert machine.show(image, ()) == (0, config)
    assert not (machine.folder / "asked").exists()


def test_a_second_image_has_the_layers_that_are_there(machine: Machine) -> None:
    assert machine.show()[0] == 0
    assert machine.show() == (0, machine.config)


def test_a_view_that_was_asked_for_is_removed(machine: Machine) -> None:
    machine.show()
    asked = (machine.folder / "asked").read_text().splitlines()
    (view,) = (line.split()[-2] for line in asked if " view " in line)
    assert asked[-1].endswith(f" rm {view}")


@pytest.mark.parametrize("document", ["image", "config"])
def test_a_document_that_is_not_what_its_digest_says_is_not_read(
    document: str, machine: Machine
) -> None:
    digits = getattr(machine, document).removeprefix("sha256:")
    file = machine.blobs / digits
    file.write_bytes(file.read_bytes() + b" ")
    assert machine.show() == (3, "")
    assert not machine.out.exists()


@pytest.mark.parametrize("image", ["sha256:../../x", "sha256:", "name:1", "md5:1"])
def test_an_id_that_is_no_digest_leads_nowhere(image: str, machine: Machine) -> None:
    (machine.blobs.parent.parent / "x").write_bytes(
        (machine.blobs / machine.image[7:]).read_bytes()
    )
    assert machine.show(image) == (3, "")


def test_an_index_that_is_its_own_manifest_comes_to_an_end(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    looped = json.dumps({"manifests": [{"digest": "sha256:1"}]}).encode()
    monkeypatch.setattr(program, "read_document", lambda _stores, _digest: looped)
    assert list(program.walk_configs([], "sha256:1", program.MAX_INDEX_DEPTH)) == []


def _forget_folder(machine: Machine) -> None:
    (machine.shelf / f"{SNAPSHOTS[1:]}/2/fs").rmdir()


def _mount_other_number(machine: Machine) -> None:
    machine.say_lower("9", "2", "1")


def _lose_layer_between(machine: Machine) -> None:
    first, second, third = machine.chains
    machine.say_listing({first: "", "x": first, "x-init": "x", third: "x-init"})
    assert second


def _remove_sockets(machine: Machine) -> None:
    (machine.shelf / "run/containerd/containerd.sock").unlink()


def _move_socket(machine: Machine) -> None:
    (machine.shelf / "run/containerd/containerd.sock").rename(machine.shelf / "run/other.sock")


@pytest.mark.parametrize(
    "change",
    [_forget_folder, _mount_other_number, _lose_layer_between, _remove_sockets, _move_socket],
)
def test_a_store_that_does_not_show_every_layer_shows_nothing(
    change: Any, machine: Machine
) -> None:
    change(machine)
    assert machine.show() == (3, "")
    assert not machine.out.exists()


def test_a_single_layer_is_mounted_by_a_bind(machine: Machine) -> None:
    config = machine.store({"rootfs": {"diff_ids": [DIFFS[0]]}})
    image = machine.store({"config": {"digest": config}, "layers": []})
    machine.say_lower("1")
    assert machine.show(image, DIFFS[:1]) == (0, config)
    assert machine.read_layer(DIFFS[0])["folder"] == "1/fs"
