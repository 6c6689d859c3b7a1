"""What an engine cannot grant is remembered while that engine runs, and no longer."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hardgate.engine import capability_memory
from hardgate.engine.capability_memory import CapabilityMemory, open_capability_memory

SOCKET = "unix:///var/run/docker.sock"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand a process for an engine; give the file that holds its number."""
    monkeypatch.setattr(capability_memory, "ENGINE_PROGRAM", "sleep")
    with run_engine() as process:
        pid_file = tmp_path / "docker.pid"
        pid_file.write_text(str(process.pid))
        yield pid_file


@contextmanager
def run_engine() -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process that has the name of an engine's."""
    with subprocess.Popen(["sleep", "60"]) as process:
        # The kernel names a process a moment after it has closed what its starter waits for.
        while Path(f"/proc/{process.pid}/comm").read_text() != "sleep\n":
            time.sleep(0.001)
        yield process
        process.kill()


def open_memory(
    tmp_path: Path, pid_file: Path, *, url: str = SOCKET, name: str = "ABCD", socket: str = "none"
) -> CapabilityMemory | None:
    """Open the memory in a cache folder of this test."""
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    return open_capability_memory(
        url, name, environ, pid_file=pid_file, sockets=(tmp_path / socket,)
    )


def remember(tmp_path: Path, pid_file: Path, *names: str) -> CapabilityMemory:
    """Remember names for the engine of this test."""
    memory = open_memory(tmp_path, pid_file)
    assert memory is not None
    memory.write_lacking(names)
    return memory


def test_what_was_written_is_read_by_a_later_run(tmp_path: Path, engine: Path) -> None:
    remember(tmp_path, engine, "SYS_RESOURCE")
    memory = open_memory(tmp_path, engine)
    assert memory is not None
    assert memory.read_lacking() == {"SYS_RESOURCE"}
    assert memory.file.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in memory.file.parent.iterdir()] == [memory.file.name]


def test_nothing_is_remembered_of_an_engine_that_was_started_again(
    tmp_path: Path, engine: Path
) -> None:
    remember(tmp_path, engine, "SYS_RESOURCE")
    with run_engine() as later:
        engine.write_text(str(later.pid))
        memory = open_memory(tmp_path, engine)
    assert memory is not None
    assert memory.read_lacking() == frozenset()


def test_nothing_is_remembered_once_containerd_was_started_again(
    tmp_path: Path, engine: Path
) -> None:
    (tmp_path / "containerd.sock").touch()
    before = open_memory(tmp_path, engine, socket="containerd.sock")
    assert before is not None
    before.write_lacking(["SYS_RESOURCE"])
    (tmp_path / "kept").hardlink_to(tmp_path / "containerd.sock")
    (tmp_path / "containerd.sock").unlink()
    (tmp_path / "containerd.sock").touch()
    after = open_memory(tmp_path, engine, socket="containerd.sock")
    assert after is not None
    assert after.read_lacking() == frozenset()


def test_nothing_is_remembered_of_another_engine(tmp_path: Path, engine: Path) -> None:
    remember(tmp_path, engine, "SYS_RESOURCE")
    memory = open_memory(tmp_path, engine, name="EFGH")
    assert memory is not None
    assert memory.read_lacking() == frozenset()


@pytest.mark.parametrize("url", ["tcp://10.0.0.1:2375", "unix:///tmp/other.sock", ""])
def test_an_engine_whose_process_is_not_known_has_no_memory(
    tmp_path: Path, engine: Path, url: str
) -> None:
    assert open_memory(tmp_path, engine, url=url) is None


@pytest.mark.parametrize("text", ["", "none", "999999999", "-1", "self"])
def test_a_process_that_is_no_engine_has_no_memory(tmp_path: Path, engine: Path, text: str) -> None:
    engine.write_text(str(os.getpid()) if text == "self" else text)
    assert open_memory(tmp_path, engine) is None


def test_an_engine_without_an_id_has_no_memory(tmp_path: Path, engine: Path) -> None:
    assert open_memory(tmp_path, engine, name="") is None


def test_what_is_forgotten_is_asked_again(tmp_path: Path, engine: Path) -> None:
    memory = remember(tmp_path, engine, "SYS_RESOURCE")
    memory.forget()
    memory.forget()
    assert memory.read_lacking() == frozenset()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"engine": 1}', "\x00", '{"lacking": []}', '"' * 5000],
    ids=range(8),
)
def test_a_damaged_file_is_as_none(tmp_path: Path, engine: Path, text: str) -> None:
    memory = remember(tmp_path, engine, "SYS_RESOURCE")
    memory.file.write_text(text)
    assert memory.read_lacking() == frozenset()


@pytest.mark.parametrize(
    "lacking", [["ALL"], ["sys_resource"], "SYS_RESOURCE", [1], None, {"A": 1}]
)
def test_names_that_are_no_capabilities_are_not_believed(
    tmp_path: Path, engine: Path, lacking: object
) -> None:
    memory = remember(tmp_path, engine, "SYS_RESOURCE")
    memory.file.write_text(json.dumps({"engine": memory.engine, "lacking": lacking}))
    assert memory.read_lacking() == frozenset()


def test_a_file_that_others_may_write_is_not_believed(tmp_path: Path, engine: Path) -> None:
    memory = remember(tmp_path, engine, "SYS_RESOURCE")
    memory.file.chmod(0o666)
    assert memory.read_lacking() == frozenset()


def test_a_link_is_neither_believed_nor_written_through(tmp_path: Path, engine: Path) -> None:
    memory = remember(tmp_path, engine, "SYS_RESOURCE")
    target = tmp_path / "target"
    memory.file.rename(target)
    before = target.read_text()
    memory.file.symlink_to(target)
    assert memory.read_lacking() == frozenset()
    memory.write_lacking(["MKNOD"])
    assert target.read_text() == before
    assert memory.read_lacking() == {"MKNOD"}


def test_a_cache_that_cannot_be_written_is_no_trouble(tmp_path: Path, engine: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    memory = remember(tmp_path, engine, "SYS_RESOURCE")
    assert memory.read_lacking() == frozenset()
