"""How the sessions' environments are filled: by uv, or by pip where uv may or can not do it."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import nox
import pytest
from nox.command import CommandFailed

import noxfile

OF_UV = ["pip install uv", "uv venv", "uv pip"]
OF_PIP = ["virtualenv", "pip install hardgate"]


class Session:
    """Notes what would be run; what is named in `failing` fails."""

    def __init__(
        self, *, settings: str = "", failing: tuple[str, ...] = (), version: str = ""
    ) -> None:
        self.settings = settings
        self.failing = failing
        self.version = version
        self.steps: list[str] = []

    def run(self, *words: str, **_: Any) -> str:
        """Note a command by what it is."""
        if words[-2:] == ("config", "list"):
            return self.settings
        if words[-1] == "--version":
            if not self.version:
                raise CommandFailed
            return self.version
        step = self.name(words)
        self.steps.append(step)
        if step in self.failing:
            raise CommandFailed
        return ""

    def name(self, words: tuple[str, ...]) -> str:
        """Say in short what a command does."""
        if Path(words[0]).name == "uv":
            return f"uv {words[1]}"
        if words[1] == "-c":
            return "compile"
        if words[2] == "virtualenv":
            return "virtualenv"
        return "pip install uv" if words[-1] == noxfile.UV else "pip install hardgate"

    def warn(self, _: str) -> None:
        """Hear a warning."""


@pytest.mark.parametrize(
    ("settings", "failing", "steps"),
    [
        ("", (), OF_UV),
        ("global.cert='/x'\n:env:.find-links='/index-url'", (), OF_UV),
        ("global.index-url='https://mirror.example/simple'", (), OF_PIP),
        (":env:.extra-index-url='https://mirror.example/simple'", (), OF_PIP),
        (":env:.no-index='1'", (), OF_PIP),
        ("", ("pip install uv",), [*OF_UV[:1], *OF_PIP]),
        ("", ("uv venv",), [*OF_UV[:2], *OF_PIP]),
        ("", ("uv pip",), [*OF_UV[:3], *OF_PIP]),
    ],
)
def test_pip_fills_an_environment_where_uv_may_not_or_cannot(
    settings: str,
    failing: tuple[str, ...],
    steps: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(noxfile, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / ".nox").mkdir()
    session = Session(settings=settings, failing=failing)
    noxfile.fill_environment(cast("nox.Session", session), tmp_path / ".nox" / "test", "test")
    assert session.steps == steps


@pytest.mark.parametrize(
    ("version", "taken"),
    [
        ("uv 0.8.0", True),
        ("uv 0.12.3 (abcdef 2026-01-01)", True),
        ("uv 0.7.22", False),
        ("uv 1.0.0", False),
        ("another program 0.9.0", False),
        ("", False),
    ],
)
def test_a_uv_that_is_there_is_taken_where_it_is_new_enough(
    version: str, taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\nexit 1\n")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(noxfile, "ROOT", tmp_path)
    (tmp_path / ".nox").mkdir()
    session = Session(version=version)
    found = noxfile.have_uv(cast("nox.Session", session))
    assert found == str(uv if taken else tmp_path / ".nox" / "uv" / "bin" / "uv")
    assert session.steps == ([] if taken else OF_UV[:1])


@pytest.mark.parametrize("keeps_nothing", [True, False])
@pytest.mark.parametrize("group", ["pipeline", "test", None, "lint"])
def test_where_python_keeps_nothing_what_gates_load_is_compiled_once(
    group: str | None, keeps_nothing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noxfile, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", keeps_nothing)
    (tmp_path / ".nox").mkdir()
    session = Session()
    noxfile.fill_environment(cast("nox.Session", session), tmp_path / ".nox" / "it", group)
    compiled = keeps_nothing and group != "lint"
    assert session.steps == [*OF_UV, *["compile"] * compiled]


def test_what_a_gate_loads_is_compiled_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("first/__init__", "first/inner/part", "ansible/cli", "ansible/modules/copy"):
        file = tmp_path / f"{module}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("raise SystemError\n")
    (tmp_path / "ansible" / "__init__.py").write_text("")
    (tmp_path / "first" / "broken.py").write_text("1 +")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    words = [sys.executable, "-c", noxfile.COMPILE_PACKAGES, "missing", "first", "ansible"]
    assert subprocess.run(words, check=True, capture_output=True).stdout == b""
    compiled = {file.parent.parent.name for file in tmp_path.rglob("*.pyc")}
    assert compiled == {"first", "inner", "ansible"}


class EndedError(Exception):
    """Stands for nox's own end of a session."""


class FailingSession(Session):
    """Ends a session by its last words, as nox does."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(settings="", failing=())
        self.reason = reason

    def run(self, *words: str, **_: Any) -> str:
        self.steps.append(Path(words[0]).name)
        raise CommandFailed(self.reason)

    def error(self, words: str) -> None:
        raise EndedError(words)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (1, "does not hold, or is stale"),
        (2, "the contract or the command is wrong"),
        (3, "unknown"),
        (130, "interrupted"),
        (143, "terminated"),
    ],
)
def test_noxs_last_words_say_what_the_exit_code_means(
    code: int, meaning: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stale fleet is not a missed capability."""
    monkeypatch.setattr(noxfile, "environment", lambda *_: Path("/programs"))
    session = cast("nox.Session", FailingSession(f"Returned code {code}"))
    with pytest.raises(EndedError, match=f"exit {code}: .*{meaning}"):
        noxfile.hardgate(session, "fleet")


def test_an_environment_that_cannot_be_filled_is_not_told_as_a_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> Path:
        raise CommandFailed("Returned code 1")

    monkeypatch.setattr(noxfile, "environment", fail)
    session = FailingSession()
    with pytest.raises(EndedError, match="gate was not run: its environment failed") as ended:
        noxfile.hardgate(cast("nox.Session", session), "gate")
    assert "exit 1" not in str(ended.value)
    assert session.steps == []


def test_of_two_sessions_at_once_one_fills_the_environment_and_the_other_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noxfile, "ROOT", tmp_path)
    monkeypatch.setattr(noxfile, "fingerprint", lambda: "as it should be")
    filled: list[Path] = []

    def fill(_session: object, home: Path, _group: object) -> None:
        filled.append(home)
        time.sleep(0.3)
        assert not (home / "stamp").exists()
        home.mkdir()

    monkeypatch.setattr(noxfile, "fill_environment", fill)
    session = cast("nox.Session", Session(settings="", failing=()))
    with ThreadPoolExecutor() as at_once:
        homes = list(at_once.map(lambda _: noxfile.environment(session, "test"), range(4)))
    assert homes == [tmp_path / ".nox" / "test" / "bin"] * 4
    assert filled == [tmp_path / ".nox" / "test"]
