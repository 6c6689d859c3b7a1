"""What others use of hardgate, by their own programs: act runs the action, pre-commit the hooks."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.acting import RecordProperty, note_how
from tests.integration.sharing import copy_checkout, run_in

SECONDS = 900
pytestmark = [pytest.mark.independent, pytest.mark.slow, pytest.mark.full]

WORKFLOW = """\
name: used
on: push
jobs:
  used:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: good
        uses: ./hardgate
        with:
          arguments: |
            --context
            hardgate/image
            --egress
            beacon
          out: reports/a gate
      - id: bad
        continue-on-error: true
        uses: ./hardgate
        with:
          command: static
          arguments: |
            --context
            a template
      - id: word
        continue-on-error: true
        uses: ./hardgate
        with:
          command: validate
          arguments: |
            --context
            a template
      - shell: bash
        env:
          TOLD: >-
            good=${{ steps.good.outputs.verdict }} ${{ steps.good.outcome }}
            bad=${{ steps.bad.outputs.verdict }} ${{ steps.bad.outcome }}
            word=${{ steps.word.outputs.verdict }}
          REPORT: ${{ steps.good.outputs.report }}
        run: echo "TOLD $TOLD"; grep -o 'HARDGATE GREEN' "$REPORT" | head -n 1 | sed 's/^/REPORT /'
"""


def commit_all(folder: Path) -> None:
    author = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for words in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True)


def make_template(folder: Path) -> Path:
    """Make a template that stays root, so that its text alone is red."""
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM debian\nUSER root\n")
    return folder


def test_the_action_gives_verdict_and_report_of_a_gate_and_of_sessions(
    act: str, tmp_path: Path, record_property: RecordProperty
) -> None:
    repository = tmp_path / "repository"
    copy_checkout(repository / "hardgate")
    make_template(repository / "a template")
    (repository / ".github" / "workflows").mkdir(parents=True)
    (repository / ".github" / "workflows" / "used.yml").write_text(WORKFLOW)
    commit_all(repository)
    note_how(record_property, "the action", act)
    if not act:
        run_by_hand(repository, tmp_path)
        return
    ended = run_in(
        repository,
        *(act, "push", "-P", "ubuntu-latest=-self-hosted", "--no-cache-server"),
        *("--action-cache-path", str(tmp_path / "act")),
        seconds=SECONDS,
    )
    assert ended.returncode == 0
    assert "TOLD good=green success bad=red failure word=red" in ended.stdout
    assert "REPORT HARDGATE GREEN" in ended.stdout


def run_by_hand(repository: Path, folder: Path) -> None:
    """Run what the action runs, as a forge would, for the template that is red."""
    report, output = folder / "out" / "report.html", folder / "output"
    ended = run_in(
        repository,
        "hardgate/.ci/action",
        seconds=SECONDS,
        RUNNER_TEMP=str(folder),
        GITHUB_OUTPUT=str(output),
        HARDGATE_SOURCE=str(repository / "hardgate"),
        HARDGATE_COMMAND="static",
        HARDGATE_ARGUMENTS="--context\na template\n",
        HARDGATE_OUT=str(report.parent),
    )
    assert ended.returncode == 1
    assert output.read_text() == f"verdict=red\nreport={report}\n"
    assert "HARDGATE STATIC RED" in report.read_text()


CONTRACT = """\
version: 1
agent_uid: 1000
capabilities:
  - name: home
    description: The agent can write to its home.
    severity: hard
    source: It was missing once.
    probe: |
      {probe}
"""


def test_the_hooks_find_a_weak_probe_and_a_template_that_stays_root(tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    copy_checkout(hooks)
    commit_all(hooks)
    template = make_template(tmp_path / "template")
    contract = template / "contracts" / "own.yaml"
    contract.parent.mkdir()
    contract.write_text(CONTRACT.format(probe="test -w /agent-home || true"))
    commit_all(template)
    home = str(tmp_path / "home")

    def run_hook(name: str) -> "subprocess.CompletedProcess[str]":
        words = ("-m", "pre_commit", "try-repo", str(hooks), name, "--all-files", "--verbose")
        # What pip would compile is most of the time that pre-commit takes.
        return run_in(
            template,
            *(sys.executable, *words),
            seconds=SECONDS,
            PRE_COMMIT_HOME=home,
            PIP_NO_COMPILE="1",
        )

    ended = run_hook("hardgate-contract-check")
    assert ended.returncode == 1
    assert "contracts/own.yaml" in ended.stdout
    contract.write_text(
        CONTRACT.format(probe="test -w /agent-home || { echo 'No /agent-home.' >&2; exit 1; }")
    )
    assert run_hook("hardgate-contract-check").returncode == 0
    ended = run_hook("hardgate-static")
    assert ended.returncode == 1
    assert "HARDGATE STATIC RED" in ended.stdout
