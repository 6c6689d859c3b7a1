"""Which gates of `hardgate validate --run` may share a test host."""

from io import StringIO
from pathlib import Path

import pytest

from hardgate.cli.validate import _make_two_requests
from hardgate.report.console import Console


@pytest.fixture(autouse=True)
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PLATFORM_URL", raising=False)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "config.yaml").write_text("name: T\ntier: 3\n")
    return tmp_path


def can_share(*words: str) -> bool:
    consoles = Console(StringIO()), Console(StringIO())
    requests = _make_two_requests([words, words], consoles, None)
    if requests is None:
        return False
    first, second = requests
    assert (first.plan.title, second.plan.title) == ("runtime", "t4")
    assert first.plan.workspace_tier.number == 3
    return True


def test_two_gates_of_one_image_share_a_host_whatever_their_tiers() -> None:
    assert can_share()


@pytest.mark.parametrize(
    "words",
    [
        ("--keep",),
        ("--only", "sudo"),
        ("--tier", "9"),
        ("--env-file", "nowhere"),
    ],
)
def test_what_belongs_to_one_run_alone_or_is_wrong_gets_no_shared_host(
    words: tuple[str, ...],
) -> None:
    assert not can_share(*words)


def test_a_platform_of_its_own_for_each_keeps_no_gate_from_sharing() -> None:
    assert can_share("--platform", "double")


def test_this_machine_itself_is_shared_by_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "GITHUB_ACTIONS", "GITHUB_EVENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    assert not can_share("--host", "direct")
