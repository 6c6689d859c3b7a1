"""The role host_contract, played on this very machine with a contract that does no harm.

It takes root here, or a sudo that asks for no password.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hardgate.ansible.events import TaskOk
from hardgate.ansible.play import mark_unsafe, run_playbook
from hardgate.diagnosis.diagnose import attach_diagnoses
from hardgate.errors import PlaybookError
from hardgate.model.contract import Subject, load_contract
from hardgate.model.observation import Observation
from hardgate.model.plan import make_host_plan
from hardgate.model.verdict import Outcome, Verdict, judge_plan

OTHER = "nobody"
PLAY = """\
- name: Look at this machine
  hosts: localhost
  gather_facts: false
  roles:
    - role: host_contract
      vars:
        host_contract_file: "{{ file }}"
        host_contract_runner: nobody
        host_contract_environment: "{{ given }}"
  post_tasks:
    - name: Hand on what came of it
      ansible.builtin.debug:
        msg: "held: {{ host_contract_held }}"
"""
PROBES: Mapping[str, Mapping[str, Any]] = {
    "of_the_runner": {"probe": "id -un; echo $HARDGATE_FORGE_URL", "rerun": False},
    "of_root": {"probe": "[ $(id -u) = 0 ]", "user": "root"},
    "like_a_template": {"probe": "echo '{{ no_such }} {% if %} {# #}' >&2; exit 1"},
    "silent": {"probe": "[ 1 = 2 ]"},
    "no_text": {"probe": r"printf '\377\000' ; exit 1"},
    "over_its_time": {"probe": "setsid sleep 961 & (setsid sleep 961 &); sleep 961", "timeout": 1},
}


def write(folder: Path, probes: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write a contract of probes, and the play that looks by it."""
    usual = {"description": "d", "severity": "hard", "source": "s"}
    contract = {
        "version": 1,
        "subject": "host",
        "variables": ["HARDGATE_FORGE_URL"],
        "capabilities": [{"name": name, **usual, **probe} for name, probe in probes.items()],
    }
    file = folder / "contract.yaml"
    file.write_text(json.dumps(contract))
    (folder / "play.yml").write_text(PLAY)
    return file


def look(folder: Path, probes: Mapping[str, Mapping[str, Any]], url: str) -> Iterator[Any]:
    """Play it; yield the role's answer, what the play went on with, and the verdicts."""
    seen: list[Mapping[str, Any]] = []
    file = write(folder, probes)
    run_playbook(
        str(folder / "play.yml"),
        {"file": str(file), "given": mark_unsafe({"HARDGATE_FORGE_URL": url})},
        on_event=lambda event: seen.append(event.result if isinstance(event, TaskOk) else {}),
    )
    told = next(one["host_contract"] for one in seen if "host_contract" in one)
    yield told
    yield next(one["msg"] for one in seen if "held:" in str(one.get("msg")))
    plan = make_host_plan(load_contract(str(file), subject=Subject.HOST))
    observations = [Observation.from_json(one) for one in told["observations"]]
    verdicts = attach_diagnoses(plan, judge_plan(plan, observations), observations)
    yield {verdict.name: verdict for verdict in verdicts}


def test_a_host_is_probed_as_its_contract_says_and_judged_here(tmp_path: Path) -> None:
    begun = time.monotonic()
    told, word, verdicts = look(tmp_path, PROBES, "https://forge.example/{{ x }}")
    outcomes = {name: verdict.outcome for name, verdict in verdicts.items()}
    assert outcomes == dict.fromkeys(PROBES, Outcome.FAIL) | {
        "of_the_runner": Outcome.PASS,
        "of_root": Outcome.PASS,
    }
    assert (told["held"], word) == (False, "held: False")
    said = {name: execution_of(verdict) for name, verdict in verdicts.items()}
    assert said["of_the_runner"].stdout == f"{OTHER}\nhttps://forge.example/{{{{ x }}}}\n"
    assert verdicts["like_a_template"].reason == "{{ no_such }} {% if %} {# #}"
    assert verdicts["silent"].diagnosis.trace == "+ [ 1 = 2 ]\n"
    assert said["no_text"].stdout == "\ufffd\0"
    assert said["over_its_time"].timed_out
    assert not running("sleep\x00961")
    assert told["kernel"] == os.uname().release
    assert time.monotonic() - begun < 30


def test_a_contract_that_holds_is_handed_on_as_held(tmp_path: Path) -> None:
    held = {name: PROBES[name] for name in ("of_the_runner", "of_root")}
    told, word, _ = look(tmp_path, held, "x")
    assert (told["held"], word) == (True, "held: True")


def test_a_contract_of_a_workspace_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    file = write(tmp_path, PROBES)
    contract = json.loads(file.read_text()) | {"subject": "workspace", "agent_uid": 1000}
    file.write_text(json.dumps(contract))
    with pytest.raises(PlaybookError, match="is a workspace, and a host is to be looked at here"):
        run_playbook(str(tmp_path / "play.yml"), {"file": str(file), "given": {}})


def test_a_play_that_is_broken_off_leaves_no_probe_behind(tmp_path: Path) -> None:
    mark = f"96{os.getpid()}"
    file = write(tmp_path, {"long": {"probe": f"setsid sleep {mark} & sleep {mark}"}})
    with pytest.raises(PlaybookError, match="it was interrupted"):
        run_playbook(
            str(tmp_path / "play.yml"),
            {"file": str(file), "given": {"HARDGATE_FORGE_URL": "x"}},
            interrupt=lambda: running(f"sleep\x00{mark}"),
            timeout=30,
        )
    deadline = time.monotonic() + 10
    while running(f"sleep\x00{mark}"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def execution_of(verdict: Verdict) -> Any:
    """Give a verdict's run."""
    return verdict.observation.execution


def running(words: str) -> bool:
    """Tell whether a process of these words is there."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if file.read_text().startswith(words):
                return True
        except (OSError, UnicodeDecodeError):
            continue
    return False
