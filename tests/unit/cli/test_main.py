"""How a command ends that goes wrong: its status, and what is printed of it."""

import types

import pytest

from hardgate.cli import main as command_line
from hardgate.errors import BuildError, ExitCode


def run(monkeypatch: pytest.MonkeyPatch, error: BaseException, *argv: str) -> int:
    def fail(_argv: list[str]) -> int:
        raise error

    monkeypatch.setattr(command_line, "join_engine_group", lambda _argv: None)
    monkeypatch.setattr(
        command_line, "import_module", lambda _name: types.SimpleNamespace(main=fail)
    )
    return command_line.main(["build", *argv])


def test_a_crash_is_exit_3_with_its_evidence_and_never_exit_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(monkeypatch, RuntimeError("nobody foresaw it"))

    printed = capsys.readouterr().err
    assert status == ExitCode.UNKNOWN
    assert "Hardgate itself failed: RuntimeError" in printed
    assert "Traceback" in printed
    assert printed.rstrip().endswith("hardgate: exit 3")


def test_a_file_that_cannot_be_used_is_named_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(monkeypatch, PermissionError(13, "Permission denied", "private.txt"))

    printed = capsys.readouterr().err
    assert status == ExitCode.UNKNOWN
    assert "'private.txt' cannot be used: Permission denied." in printed
    assert "Traceback" not in printed


def test_a_hostile_builds_words_are_neither_commands_nor_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "::add-mask::GREEN\n\x1b]0;owned\x07\x1b[2JGREEN\n##[add-mask]x\nuses s3cr3t-Value_99"
    error = BuildError("The image could not be built.", "Look.", evidence=hostile)

    status = run(monkeypatch, error, "--build-arg", "DEPLOY_TOKEN=s3cr3t-Value_99")

    printed = capsys.readouterr().err
    assert status == ExitCode.UNKNOWN
    assert "\x1b" not in printed
    assert "##[" not in printed
    assert not any(line.lstrip().startswith("::") for line in printed.splitlines())
    assert "s3cr3t-Value_99" not in printed
    assert "[redacted]" in printed


def test_evidence_on_one_line_without_end_is_bounded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, BuildError("It failed.", evidence="x" * 5_000_000))

    assert len(capsys.readouterr().err) < 10_000
