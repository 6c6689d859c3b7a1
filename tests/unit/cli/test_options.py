"""Words that several commands take mean the same to each of them."""

from pathlib import Path

import pytest

from hardgate.cli.commands import COMMANDS
from hardgate.cli.main import main

PIN = "--contract-sha256"


def takers(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Name the commands that take a contract's pin, by what they tell of themselves."""
    found = []
    for name in COMMANDS:
        with pytest.raises(SystemExit):
            main([name, "--help"])
        if PIN in capsys.readouterr().out:
            found.append(name)
    return found


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((PIN, ""), "The sha256 to pin is empty. Give 64 hexadecimal digits"),
        ((f"{PIN}=",), "The sha256 to pin is empty"),
        ((PIN, " "), "The sha256 to pin is empty"),
        ((PIN, "abc"), "'abc' is not a sha256"),
    ],
)
def test_a_pin_that_is_none_is_exit_2_wherever_one_is_taken(
    words: tuple[str, ...],
    problem: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)
    found = takers(capsys)
    assert {"gate", "runtime", "validate", "static", "adapter", "secrets", "explain"} <= {*found}
    for name in found:
        assert main([name, *words]) == 2, name
        assert problem in capsys.readouterr().err, name
    assert {entry.name for entry in tmp_path.iterdir()} <= {"Dockerfile", "reports"}
    for report in tmp_path.glob("reports/*/*/junit.xml"):
        assert "MISUSED" in report.read_text()
