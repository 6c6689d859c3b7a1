"""`hardgate explain` tells what a promise is about, and why a finished run is red."""

import json
from pathlib import Path

import pytest

from hardgate.cli.main import main
from hardgate.redaction import Redactor
from hardgate.report.summary_json import write_summary
from tests.unit import runs
from tests.unit.diagnosis.test_root_cause import shared


def explain(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["explain", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_capability_is_told_from_its_contract(capsys: pytest.CaptureFixture[str]) -> None:
    code, told, _ = explain(capsys, "list_peers_http_200")
    assert code == 0
    for title in ("What it promises", "Why it exists", "What breaks it", "How to fix it"):
        assert f"\n\n{title}\n  " in told
    assert "  - the runtime runs as root, so that its token is not the agent's\n" in told
    assert "{" not in told.partition("Its probe")[0]


def test_only_what_the_probe_is_about_breaks_it(capsys: pytest.CaptureFixture[str]) -> None:
    _, told, _ = explain(capsys, "docker_socket_reachable")
    causes = told.partition("What breaks it")[2].partition("How to fix it")[0]
    assert "the engine's socket is not mounted" in causes
    assert "egress" not in causes


def test_a_guard_is_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, told, _ = explain(capsys, "host_writes_are_real")
    assert code == 0
    assert "What the workspace claims to have written to the host" in told


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((), "Name a capability, or '--run DIR'."),
        (("lst_peers_http_200",), "Did you mean 'list_peers_http_200'?"),
        (("--run", "/no/such/run"), "Name the folder that a run wrote its reports to"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(
    words: tuple[str, ...], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, error = explain(capsys, *words)
    assert code == 2
    assert wanted in error


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A run's folder."""
    write_summary(runs.red(verdicts=shared()), tmp_path / "summary.json", Redactor())
    return tmp_path


def test_a_run_is_told_from_its_evidence(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told, _ = explain(capsys, "--run", str(finished))
    assert code == 0
    assert told.startswith("HARDGATE RED: ")
    assert f"Cause 1: It is path_owner of /x.\n  breaks: {', '.join(runs.NAMES[:3])}" in told
    assert "What broke it\n  It is path_owner of /x." in told
    assert "Seen\n  | path_owner /x 0" in told
    assert "The probe, traced\n  | + x" in told


def test_one_miss_of_a_run_is_told_alone(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, told, _ = explain(capsys, runs.NAMES[1], "--run", str(finished))
    assert f"\n{runs.NAMES[1]}: fail (hard)\n" in told
    assert f"\n{runs.NAMES[0]}: fail" not in told


def test_the_newest_run_may_be_named_by_a_file(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latest = finished.parent / "latest"
    latest.write_text(f"{finished.name}\n")
    assert explain(capsys, "--run", str(latest))[0] == 0


def test_another_versions_summary_is_refused(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = finished / "summary.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 2}))
    code, _, error = explain(capsys, "--run", str(finished))
    assert code == 2
    assert "another version" in error
