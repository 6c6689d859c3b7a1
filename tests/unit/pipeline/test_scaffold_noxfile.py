"""The noxfile that 'hardgate init' writes: what it installs for which session, and when it does."""

import runpy
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nox
import nox.registry
import pytest

from hardgate.pipeline.scaffold.write import make_starter_files

PLACE = "git+https://forge.example/o/hardgate@0123456789abcdef"


@dataclass(kw_only=True)
class RecordingSession:
    """Notes what a session runs; a 'virtualenv --clear' makes the folder that it names."""

    name: str
    posargs: list[str] = field(default_factory=list)
    ran: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, *words: str, **_settings: object) -> None:
        """Note it."""
        self.ran.append(words)
        if "virtualenv" in words:
            Path(words[-1]).mkdir(parents=True)

    @property
    def installed(self) -> list[str]:
        """Give what pip was to install."""
        return [words[-1] for words in self.ran if "pip" in words]


@pytest.fixture(autouse=True)
def fresh_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each load of the noxfile be nox's first."""
    monkeypatch.setattr(nox.registry, "_REGISTRY", {})
    monkeypatch.setattr(nox, "options", SimpleNamespace())


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
