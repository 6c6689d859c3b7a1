"""A script becomes a contract of its own, unchanged to the byte; wrong ones are exit 2."""

import io
import sys
from pathlib import Path

import pytest

from hardgate.cli.main import main
from hardgate.cli.probe import MAX_SCRIPT_BYTES, make_script_contract, read_script
from hardgate.cli.shell import split_command_words
from hardgate.errors import UsageError
from hardgate.model.plan import make_plan
from tests.unit import runs

SCRIPT = "#!/bin/sh\n\tprintf '%s' \"ü $1\"\r\nexit 3"


def test_the_script_is_the_one_hard_capability_unchanged_to_the_byte(tmp_path: Path) -> None:
    file = tmp_path / "probe.sh"
    file.write_bytes(SCRIPT.encode())
    contract = make_script_contract(runs.CONTRACT, str(file), read_script(str(file)))
    plan = make_plan(contract, runs.TIER)
    assert [(one.name, one.probe) for one in plan.capabilities] == [("script", SCRIPT)]
    assert not plan.is_partial
    assert contract.agent_uid == runs.CONTRACT.agent_uid
    assert contract.sha256 != runs.CONTRACT.sha256


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SCRIPT.encode())))
    assert read_script("-") == SCRIPT


@pytest.mark.parametrize("content", [b"", b" \n", b"a\0b", b"\xff", b"x" * (MAX_SCRIPT_BYTES + 1)])
def test_what_no_shell_can_be_given_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "probe.sh"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="Script"):
        read_script(str(file))


def test_a_missing_script_is_exit_2_before_any_engine_is_touched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    assert main(["probe", "--script", "/nowhere/probe.sh", "--image", "x"]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--tier", "2"], (["--tier", "2"], ())),
        (["--tier", "2", "--", "sh", "-c", "a -- b"], (["--tier", "2"], ["sh", "-c", "a -- b"])),
        (["--", "x", "--", "y"], ([], ["x", "--", "y"])),
    ],
)
def test_the_command_of_a_shell_stands_after_two_dashes(
    argv: list[str], expected: tuple[list[str], list[str]]
) -> None:
    assert tuple(map(list, split_command_words(argv))) == tuple(map(list, expected))
