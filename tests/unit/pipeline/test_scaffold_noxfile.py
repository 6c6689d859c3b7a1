"""The noxfile that 'hardgate init' writes: what it installs for which session, and when it does."""

import os
import runpy
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nox
import nox.registry
import pytest
from nox.command import CommandFailed

from hardgate.pipeline.scaffold.write import make_starter_files

UV = "uv>=0.8,<1"
PLACE = "git+https://forge.example/o/hardgate@0123456789abcdef"


@dataclass(kw_only=True)
class RecordingSession:
    """Notes what a session runs; a 'virtualenv --clear' makes the folder that it names."""

    name: str
    posargs: list[str] = field(default_factory=list)
    settings: str = ""
    """What pip tells of its own."""
    broken: str = ""
    """A program that fails, or what cannot be installed."""
    ran: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, *words: str, **_settings: object) -> str:
        """Note it."""
        self.ran.append(words)
        if "virtualenv" in words:
            Path(words[-1]).mkdir(parents=True)
        if self.broken in {Path(words[0]).name, words[-1]}:
            raise CommandFailed(self.broken)
        return self.settings if "config" in words else ""

    @property
    def installs(self) -> list[tuple[str, str]]:
        """Give what was to be installed, and by what."""
        return [
            ("pip" if "-m" in words else Path(words[0]).name, words[-1])
            for words in self.ran
            if "install" in words
        ]

    @property
    def installed(self) -> list[str]:
        """Give what was to be installed of hardgate."""
        return [what for _, what in self.installs if what != UV]


@pytest.fixture(autouse=True)
def fresh_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each load of the noxfile be nox's first."""
    monkeypatch.setattr(nox.registry, "_REGISTRY", {})
    monkeypatch.setattr(nox, "options", SimpleNamespace())
    monkeypatch.setenv("PATH", os.devnull)


def load_noxfile(folder: Path, source: str = f"hardgate[pipeline] @ {PLACE}") -> dict[str, Any]:
    file = folder / "noxfile.py"
    file.write_text(make_starter_files(("github",), source)["noxfile.py"])
    nox.registry._REGISTRY.clear()
    return runpy.run_path(str(file))


def run_session(folder: Path, name: str, *posargs: str) -> RecordingSession:
    session = RecordingSession(name=name, posargs=list(posargs))
    load_noxfile(folder)["gate"](session)
    return session


@pytest.mark.parametrize(
    ("name", "posargs", "extras"),
    [
        ("static", (), "static"),
        ("secrets", (), "secrets"),
        ("adapter", (), ""),
        ("runtime", (), ""),
        ("t4", (), ""),
        ("validate", (), "pipeline"),
        ("validate", ("--no-run",), "sign"),
        ("doctor", (), "pipeline"),
    ],
)
def test_a_session_installs_only_what_it_runs(
    tmp_path: Path, name: str, posargs: tuple[str, ...], extras: str
) -> None:
    session = run_session(tmp_path, name, *posargs)
    assert session.installed == [f"hardgate[{extras}] @ {PLACE}"]


def test_sessions_of_one_job_share_what_they_need(tmp_path: Path) -> None:
    assert run_session(tmp_path, "runtime").installed
    t4 = run_session(tmp_path, "t4")
    assert not t4.installed
    assert t4.ran[-1][0] == str(tmp_path / ".nox" / "hardgate-gate" / "bin" / "hardgate")


def test_where_all_is_installed_no_session_installs_anything(tmp_path: Path) -> None:
    run_session(tmp_path, "validate")
    for name in ("static", "secrets", "t4", "validate"):
        session = run_session(tmp_path, name)
        assert not session.installed
        assert session.ran[-1][0] == str(tmp_path / ".nox" / "hardgate" / "bin" / "hardgate")


def test_what_an_older_source_filled_is_not_taken(tmp_path: Path) -> None:
    run_session(tmp_path, "validate")
    (tmp_path / ".nox" / "hardgate" / "stamp").write_text("another\n")
    assert run_session(tmp_path, "t4").installed


def test_a_source_without_extras_is_installed_as_it_is(tmp_path: Path) -> None:
    session = RecordingSession(name="static")
    load_noxfile(tmp_path, "hardgate==1.2")["gate"](session)
    assert session.installed == ["hardgate==1.2"]


def fill_environment(
    folder: Path, *, settings: str = "", broken: str = ""
) -> list[tuple[str, str]]:
    session = RecordingSession(name="t4", settings=settings, broken=broken)
    load_noxfile(folder)["gate"](session)
    return session.installs


def test_uv_fills_the_environment_and_pip_brings_it_once(tmp_path: Path) -> None:
    assert fill_environment(tmp_path) == [("pip", UV), ("uv", f"hardgate[] @ {PLACE}")]
    uv = tmp_path / ".nox" / "uv" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.touch()
    assert [by for by, _ in run_session(tmp_path, "static").installs] == ["uv"]


def test_a_uv_that_is_there_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uv = tmp_path / "programs" / "uv"
    uv.parent.mkdir()
    uv.touch()
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", str(uv.parent))
    assert [by for by, _ in fill_environment(tmp_path)] == ["uv"]


@pytest.mark.parametrize("broken", [UV, "uv"])
def test_pip_fills_it_where_uv_cannot(tmp_path: Path, broken: str) -> None:
    assert fill_environment(tmp_path, broken=broken)[-1] == ("pip", f"hardgate[] @ {PLACE}")


@pytest.mark.parametrize("setting", ["global.index-url='https://i.example'", ":env:.no-index='1'"])
def test_uv_asks_no_index_where_pip_was_told_another(tmp_path: Path, setting: str) -> None:
    assert fill_environment(tmp_path, settings=setting) == [("pip", f"hardgate[] @ {PLACE}")]


@pytest.mark.parametrize("kept", [True, False])
def test_what_python_would_not_keep_is_compiled_at_once(
    tmp_path: Path, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", not kept)
    session = run_session(tmp_path, "t4")
    assert any("--compile-bytecode" in words for words in session.ran) is not kept
