"""An image of the outer engine's becomes the host's: records copied, layers bound read-only."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

from hardgate.resources import ROLES

PROGRAM = ROLES / "test_host" / "files" / "adopt_image.py"
IMAGE, LOW, HIGH = "1" * 64, "a" * 64, "b" * 64
HIGH_CHAIN = "ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load the program, with its folders and 'mount' of the test's own."""
    spec = spec_from_loader("adopt_image", SourceFileLoader("adopt_image", str(PROGRAM)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("SHELF", "STORE", "MOUNT_TABLE"):
        monkeypatch.setattr(module, name, str(tmp_path / name.lower()))
    monkeypatch.setenv("PATH", str(tmp_path))
    make_mount(tmp_path, 0)
    for chain, layer in ((LOW, "low"), (module.chain_layers([LOW, HIGH])[1], "high")):
        show_layer(tmp_path / "shelf", chain, layer)
    content = tmp_path / "shelf" / "image" / "imagedb" / "content" / "sha256"
    content.mkdir(parents=True)
    (content / IMAGE).write_text("{}")
    return module


def make_mount(folder: Path, status: int) -> None:
    (folder / "mount").write_text(f"#!/bin/sh\nexit {status}\n")
    (folder / "mount").chmod(0o755)


def show_layer(shelf: Path, chain: str, layer: str) -> None:
    record = shelf / "image" / "layerdb" / "sha256" / chain
    record.mkdir(parents=True)
    (record / "cache-id").write_text(layer)
    (record / "size").write_text("7")
    folder = shelf / "overlay2" / layer
    (folder / "diff").mkdir(parents=True)
    (folder / "diff" / "file").write_text("content")
    (folder / "link").write_text(f"L{layer}")


def run(program: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    words = [f"sha256:{digest}" for digest in (IMAGE, LOW, HIGH)]
    monkeypatch.setattr("sys.argv", ["adopt_image.py", *words])
    return int(program.main())


def test_a_layers_chain_id_is_the_engines(program: Any) -> None:
    """As 'printf "sha256:aaa... sha256:bbb..." | sha256sum' gives it."""
    assert program.chain_layers([LOW, HIGH]) == [LOW, HIGH_CHAIN]


def test_each_layer_is_bound_read_only_to_where_the_engine_looks(
    program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(program, monkeypatch) == 0
    assert (tmp_path / "mount_table").read_text().splitlines() == [
        f"{tmp_path}/shelf/overlay2/{layer}/diff {tmp_path}/store/overlay2/{layer}/diff "
        "none bind,ro 0 0"
        for layer in ("low", "high")
    ]
    for layer in ("low", "high"):
        assert (tmp_path / "store" / "overlay2" / "l" / f"L{layer}").readlink() == Path(
            f"../{layer}/diff"
        )
        assert (tmp_path / "store" / "overlay2" / layer / "committed").is_file()


def test_records_are_copied_whole(
    program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(program, monkeypatch) == 0
    records = tmp_path / "store" / "image" / "overlay2"
    assert (records / "layerdb" / "sha256" / HIGH_CHAIN / "cache-id").read_text() == "high"
    assert (records / "imagedb" / "content" / "sha256" / IMAGE).read_text() == "{}"


@pytest.mark.parametrize(
    "missing",
    [
        f"image/layerdb/sha256/{LOW}/cache-id",
        f"image/imagedb/content/sha256/{IMAGE}",
        "overlay2/high/diff/file",
    ],
)
def test_where_the_store_does_not_show_all_nothing_is_done(
    program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    (tmp_path / "shelf" / missing).unlink()
    assert run(program, monkeypatch) == program.NOT_SHOWN
    assert not (tmp_path / "store").exists()


def test_a_layer_without_a_file_is_shown_all_the_same(
    program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shelf/overlay2/low/diff/file").unlink()
    (tmp_path / "shelf/image/layerdb/sha256" / LOW / "size").write_text("0")
    assert run(program, monkeypatch) == 0


@pytest.mark.parametrize("status", [1, 3, 32, 64])
def test_a_layer_that_is_not_bound_is_trouble_and_no_reason_to_copy(
    program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    make_mount(tmp_path, status)
    assert run(program, monkeypatch) == program.NOT_BOUND
