"""How the sessions' environments are filled: by uv, or by pip where uv may or can not do it."""

from pathlib import Path
from typing import Any, cast

import nox
import pytest
from nox.command import CommandFailed

import noxfile

OF_UV = ["virtualenv", "pip install uv", "uv venv", "uv pip"]
OF_PIP = ["virtualenv", "pip install hardgate"]


class Session:
    """Notes what would be run; what is named in `failing` fails."""

    def __init__(self, *, settings: str, failing: tuple[str, ...]) -> None:
        self.settings = settings
        self.failing = failing
        self.steps: list[str] = []

    def run(self, *words: str, **_: Any) -> str:
        """Note a command by what it is."""
        if words[-2:] == ("config", "list"):
            return self.settings
        step = self.name(words)
        self.steps.append(step)
        if step in self.failing:
            raise CommandFailed
        return ""

    def name(self, words: tuple[str, ...]) -> str:
        """Say in short what a command does."""
        if Path(words[0]).name == "uv":
            return f"uv {words[1]}"
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
        ("", ("pip install uv",), [*OF_UV[:2], *OF_PIP]),
        ("", ("uv venv",), [*OF_UV[:3], *OF_PIP]),
        ("", ("uv pip",), [*OF_UV, *OF_PIP]),
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
    (tmp_path / ".nox").mkdir()
    session = Session(settings=settings, failing=failing)
    noxfile.fill_environment(cast("nox.Session", session), tmp_path / ".nox" / "test", "test")
    assert session.steps == steps
