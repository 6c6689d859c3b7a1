"""Wrong commands of `hardgate gate`: exit 2, told before any engine is touched."""

from pathlib import Path

import pytest

from hardgate.cli.main import main


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever asks an engine fail, and be heard of."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")


def refused(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    """Give what a command says that has to be refused."""
    assert main(["gate", *words]) == 2
    told = capsys.readouterr()
    assert "unix:///nowhere" not in told.out + told.err
    return told.err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--contract", "/nowhere/contract.yaml"), "/nowhere/contract.yaml"),
        (("--contrat", "x.yaml"), "Did you mean '--contract'"),
        (("--tier", "7"), "There is no tier 7"),
        (("--only", "agent_home"), "agent_home_writable"),
        (("--egress", "ftp://x"), "not an egress target"),
        (("--volume", "relative"), "not a path in the workspace"),
        (("--env-file", "/nowhere"), "cannot be read"),
        (("--context", "/nowhere"), "There is no folder"),
        (("--target", "last"), "'--image' builds nothing"),
        (("--build-platform", "linux/arm64"), "'--image' builds nothing"),
        (("--secret", "id=x"), "'--image' builds nothing"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_wrong_command_is_exit_2_before_any_engine_is_touched(
    words: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    image = () if "--context" in words else ("--image", "not-there")
    assert problem in refused((*image, *words), capsys)


def test_a_config_that_holds_what_a_probe_asserts_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".auth_token").write_text("prepared")
    told = refused(("--image", "not-there", "--config", str(tmp_path)), capsys)
    assert "which a probe asserts" in told


@pytest.mark.parametrize("name", [".auth_token", "deeper/.auth_token"])
def test_a_config_whose_link_becomes_such_a_file_in_the_image_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """L10: it dangles here, and leads to a file there."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).symlink_to("/agent-home/prepared")
    told = refused(("--image", "not-there", "--config", str(tmp_path)), capsys)
    assert "which a probe asserts" in told
