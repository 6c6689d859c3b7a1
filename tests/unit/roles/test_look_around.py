"""The program that looks around a miss, on this machine's own /proc and files."""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hardgate.resources import ROLES

PROGRAM = ROLES / "test_host" / "files" / "look_around.py"


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("look_around", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_path_is_described(program: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("five\n")
    file.chmod(0o640)
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "empty").mkdir()
    seen = program.describe_path(str(file))
    assert (seen["type"], seen["size"], seen["mode"], seen["uid"]) == (
        "file",
        5,
        "0640",
        os.getuid(),
    )
    link = program.describe_path(str(tmp_path / "link"))
    assert (link["link"], link["real"], link["type"]) == ("file", str(file), "file")
    assert program.describe_path(str(tmp_path / "empty"))["empty"] is True
    assert program.describe_path(str(tmp_path))["empty"] is False


def test_a_missing_path_is_described_by_what_there_is_of_it(
    program: ModuleType, tmp_path: Path
) -> None:
    seen = program.describe_path(str(tmp_path / "a" / "b"))
    assert (seen["exists"], seen["errno"]) == (False, "ENOENT")
    assert seen["parent"]["path"] == str(tmp_path)
    (tmp_path / "dangling").symlink_to("/nowhere/at/all")
    dangling = program.describe_path(str(tmp_path / "dangling"))
    assert (dangling["exists"], dangling["link"]) == (False, "/nowhere/at/all")


@pytest.mark.parametrize(
    ("content", "blank"), [("", True), (" \n", True), ("x", False), (None, None)]
)
def test_a_token_is_told_to_be_blank_and_never_told(
    program: ModuleType, tmp_path: Path, content: str | None, *, blank: bool | None
) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    assert program.is_blank_file(str(tmp_path / "token")) is blank


def test_nothing_but_a_plain_file_is_read(program: ModuleType, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert program.read_plain_file(str(tmp_path / "pipe")) == ""
    assert program.read_plain_file("/dev/zero") == ""
    assert program.read_word(str(tmp_path)) is None


def test_a_path_is_on_the_last_mount_of_the_deepest_point(program: ModuleType) -> None:
    mounted = [
        {"point": "/", "fstype": "overlay"},
        {"point": "/configs", "fstype": "ext4"},
        {"point": "/configs", "fstype": "tmpfs"},
    ]
    assert program.find_mount("/configs/.auth_token", mounted)["fstype"] == "tmpfs"
    assert program.find_mount("/configs-2", mounted)["fstype"] == "overlay"


def test_this_process_has_mounts_with_a_root_among_them(program: ModuleType) -> None:
    assert any(one["point"] == "/" and one["fstype"] for one in program.read_mounts(os.getpid()))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0100007F", "127.0.0.1"),
        ("00000000", "0.0.0.0"),  # noqa: S104 - nothing is bound to it
        ("00000000000000000000000000000000", "::"),
        ("00000000000000000000000001000000", "::1"),
    ],
)
def test_an_address_of_the_kernels_is_written_the_usual_way(
    program: ModuleType, text: str, address: str
) -> None:
    assert program.format_address(text) == address


def test_a_port_is_told_with_who_listens(program: ModuleType) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        (seen,) = [one for one in program.list_listeners(os.getpid()) if one["port"] == port]
    assert (seen["address"], seen["pid"], seen["uid"]) == ("127.0.0.1", os.getpid(), os.getuid())


def test_a_command_is_found_with_its_kind(program: ModuleType, tmp_path: Path) -> None:
    agent = {"uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups()}
    script = tmp_path / "tool"
    script.write_text("#!/bin/sh -e\n")
    script.chmod(0o4755)
    seen = program.find_command("tool", [str(tmp_path)], agent)
    assert (seen["kind"], seen["interpreter"], seen["setuid"]) == ("script", "/bin/sh -e", True)
    assert program.find_command("no-such-command", [str(tmp_path)], agent) is None


def test_the_namespaces_of_one_process_are_its_own(program: ModuleType) -> None:
    seen = program.read_namespaces(os.getpid())
    assert set(seen["workspace"]) == set(program.NAMESPACES)
    assert seen["workspace"]["pid"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root may change its root")
def test_the_whole_answer_is_json_seen_from_the_workspaces_root() -> None:
    request: dict[str, Any] = {
        "init": os.getpid(),
        "uid": 65534,
        "want": ["passwd", "token", "processes", "capabilities", "namespaces", "socket"],
        "paths": ["/etc/passwd", "/no/such"],
        "host_paths": [],
        "commands": ["sh", "no-such-command"],
        "path": ["/usr/bin", "/bin"],
        "image": "",
        "socket": "/no/docker.sock",
        "token": "/no/token",
        "port": "/no/port",
    }
    answer = json.loads(
        subprocess.run(
            [sys.executable, "-I", "-S", str(PROGRAM), json.dumps(request)],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    )
    assert answer["paths"]["/etc/passwd"]["readable"] is True
    assert answer["paths"]["/etc/passwd"]["writable"] is False
    assert answer["paths"]["/no/such"]["exists"] is False
    assert answer["commands"]["sh"]["executable"] is True
    assert answer["commands"]["no-such-command"] is None
    assert answer["token"] == answer["token"] | {"exists": False, "blank": None}
    assert any(one["pid"] == os.getpid() for one in answer["processes"]["processes"])


def test_an_init_is_known_by_its_executable(program: ModuleType, tmp_path: Path) -> None:
    """A copy of `sleep` that is called like an init is none; with an init's marks in it, it is."""
    sleep = Path(shutil.which("sleep") or "").resolve().read_bytes()
    for name, content, known in (
        ("tini", sleep, False),
        ("tini", sleep + b"TINI_", True),
        ("other", sleep + b"TINI_", False),
        ("dumb-init", sleep + b"TINI_", False),
        ("s6-supervise", sleep + b"s6-supervise", True),
        ("tini", sleep + b"TINI_" + bytes(2**21), False),
    ):
        file = tmp_path / name
        file.write_bytes(content)
        file.chmod(0o755)
        with subprocess.Popen([str(file), "60"]) as process:
            seen = program.is_known_init(process.pid)
            process.kill()
        file.unlink()
        assert seen is known, (name, known)


def test_a_process_that_calls_itself_an_init_is_none(program: ModuleType) -> None:
    rename = """
import ctypes, time
ctypes.CDLL(None).prctl(15, b"tini")
print(1, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", rename], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        name = program.read_process_status(process.pid)["Name"]
        seen = program.is_known_init(process.pid)
        process.kill()
    assert (name, seen) == ("tini", False)


def test_what_listens_is_told_with_the_process(program: ModuleType) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        seen = program.list_workload(os.getpid())
        port = server.getsockname()[1]
    me = next(one for one in seen["processes"] if one["pid"] == os.getpid())
    assert (port in me["listening"], me["uid"], me["is_init"]) == (True, os.getuid(), False)


@pytest.mark.parametrize(
    ("lines", "group", "inside"),
    [
        (["0::/docker/a"], ["0::/docker/a"], True),
        (["0::/docker/a/below"], ["0::/docker/a"], True),
        (["0::/docker/ab"], ["0::/docker/a"], False),
        (["0::/docker/a"], ["0::/"], False),
        (["0::/"], ["0::/"], True),
        (["1:cpu:/a", "0::/b"], ["1:cpu:/a"], False),
        ([], [], False),
    ],
)
def test_a_process_is_in_a_control_group_or_below_it(
    program: ModuleType, lines: list[str], group: list[str], inside: bool
) -> None:
    assert program.is_in_group(lines, group) is inside
