"""A runner that was never proved, whose jobs it takes, and the folders that a gate leaves there."""

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from hardgate.resources import PLAYBOOKS, ROLES

RUNNER, REMOTE_GATE = ROLES / "runner", ROLES / "remote_gate"
DEFAULTS = {"runner_policy": {}, "runner_api_scope": "", "runner_record": "/record"}


def template(text: str, **variables: object) -> Any:
    """Render as Ansible does, with the role's own variables."""
    loader = DataLoader()
    known = loader.load_from_file(str(RUNNER / "vars" / "main.yml"), trusted_as_template=True)
    templar = Templar(loader=loader, variables={**known, **DEFAULTS, **variables})
    return templar.template(trust_as_template(text))


def read_policy(**variables: object) -> Any:
    return yaml.safe_load(template("{{ __runner_policy }}", **variables))


SERVED: Mapping[str, tuple[dict[str, object], str | None]] = {
    "a repository at GitHub": (
        {"runner_forge": "github", "runner_url": "https://github.example/own/it.git/"},
        "own/it",
    ),
    "an organisation at GitHub": (
        {"runner_forge": "github", "runner_url": "https://github.example/own"},
        "own",
    ),
    "a repository at Gitea": (
        {"runner_forge": "gitea", "runner_api_scope": "repos/own/it"},
        "own/it",
    ),
    "an owner at Forgejo": ({"runner_forge": "forgejo", "runner_api_scope": "orgs/own"}, "own"),
    "a whole forge": ({"runner_forge": "gitea", "runner_api_scope": "admin"}, "forge.example"),
    "a user": ({"runner_forge": "gitea", "runner_api_scope": "user"}, None),
    "nobody says": ({"runner_forge": "forgejo"}, None),
    "its owner says otherwise": (
        {
            "runner_forge": "gitea",
            "runner_api_scope": "repos/own/it",
            "runner_policy": {"registered_for": "own/other"},
        },
        "own/other",
    ),
}


@pytest.mark.parametrize("name", SERVED)
def test_the_policy_names_whom_the_runner_is_registered_for(name: str) -> None:
    given, expected = SERVED[name]
    policy = read_policy(**{"runner_url": "https://forge.example:3000", **given})
    assert policy.get("registered_for") == expected
    assert policy["direct_for_untrusted"] is False


def test_what_the_owner_decided_stays_in_the_policy() -> None:
    policy = read_policy(
        runner_forge="github",
        runner_url="https://github.example/own/it",
        runner_policy={"direct_for": ["own/it"], "direct_for_untrusted": True},
    )
    assert policy == {
        "direct_for": ["own/it"],
        "direct_for_untrusted": True,
        "registered_for": "own/it",
    }


def read_tasks(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load(file.read_text()))


def find_block() -> dict[str, Any]:
    play = read_tasks(PLAYBOOKS / "runner.yml")[0]
    return next(task for task in play["post_tasks"] if "rescue" in task)


TAKEN_BACK: Mapping[str, tuple[dict[str, object], bool]] = {
    "this play registered it": ({"__runner_registering": {"changed": True}}, True),
    "an earlier play registered it, and never proved it": (
        {"__runner_never_proved": {"stat": {"exists": True}}},
        True,
    ),
    "it is proved, and nobody can tell now": (
        {"__runner_never_proved": {"stat": {"exists": False}}},
        False,
    ),
    "it is proved, and was seen to miss now": (
        {"__runner_never_proved": {"stat": {"exists": False}}, "host_contract_missed": True},
        True,
    ),
    "its tier 4 was seen red": ({"remote_gate": {"exit_code": 1}}, True),
    "its tier 4 could not be looked at": ({"remote_gate": {"exit_code": 3}}, False),
    "the play never came that far": ({}, False),
}


@pytest.mark.parametrize("name", TAKEN_BACK)
def test_only_a_runner_that_was_proved_stays_where_nobody_can_tell(name: str) -> None:
    variables, expected = TAKEN_BACK[name]
    condition = find_block()["rescue"][0]["when"]
    assert template(f"{{{{ {condition} }}}}", **variables) is expected


def test_the_mark_is_there_from_before_registering_until_after_the_last_proof() -> None:
    tasks = read_tasks(RUNNER / "tasks" / "register_now.yml")
    marks = [
        number
        for number, task in enumerate(tasks)
        if any(
            file["path"] == "{{ __runner_unproven }}"
            for file in task.get("placed_files", {}).get("files", [])
        )
    ]
    registering = [number for number, task in enumerate(tasks) if "forge_registration" in task]
    assert len(marks) == 1
    assert marks[0] < registering[0]
    last = find_block()["block"][-1]["ansible.builtin.include_role"]
    assert last == {"name": "runner", "tasks_from": "proven.yml"}
    for file in ("proven.yml", "withdraw_now.yml"):
        removed = [task.get("placed_files", {}) for task in read_tasks(RUNNER / "tasks" / file)]
        assert any("{{ __runner_unproven }}" in one.get("absent", []) for one in removed)


def make_gate_folder(home: Path, *, seconds: int = 60) -> Path:
    """Run the role's script as for a user whose home is `home`."""
    programs = home.parent / "bin"
    programs.mkdir(exist_ok=True)
    getent = programs / "getent"
    getent.write_text(f"#!/bin/sh\necho 'me:x:1:1::{home}:/bin/sh'\n")
    getent.chmod(0o755)
    words = ["sh", str(REMOTE_GATE / "files" / "make-folder"), "me", str(seconds)]
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}
    ran = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return Path(ran.stdout.strip())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home of me"
    folder.mkdir()
    return folder


def test_a_gates_folder_says_until_when_it_is_used(home: Path) -> None:
    folder = make_gate_folder(home, seconds=7200)
    deadline = int(folder.name.split(".")[1])
    assert folder.parent == home
    assert time.time() + 7200 < deadline < time.time() + 7200 + 3700


@dataclass(frozen=True, kw_only=True)
class OldFolder:
    """A folder that a gate's play left. Its deadline: seconds from now, or other words."""

    deadline: int | str
    hours_old: float
    stays: bool

    def name_now(self) -> str:
        """The folder's name; deadlines count from the test, for a whole run of tests takes long."""
        match self.deadline:
            case int(seconds):
                return f"hardgate-gate.{int(time.time()) + seconds}.abc"
            case words:
                return f"hardgate-gate.{words}"


OLD_FOLDERS: Mapping[str, OldFolder] = {
    "another play's, which has worked for hours": OldFolder(deadline=900, hours_old=9, stays=True),
    "one whose time is over": OldFolder(deadline=-900, hours_old=0, stays=False),
    "an earlier version's of today": OldFolder(deadline="abcdef", hours_old=9, stays=True),
    "an earlier version's of days ago": OldFolder(deadline="abcdef", hours_old=50, stays=False),
    "one that names no number": OldFolder(deadline="12x4.abc", hours_old=9, stays=True),
}


@pytest.mark.parametrize("kind", OLD_FOLDERS)
def test_only_a_gates_folder_whose_time_is_over_is_removed(home: Path, kind: str) -> None:
    old = OLD_FOLDERS[kind]
    folder = home / old.name_now()
    folder.mkdir()
    (folder / "file").write_text("x")
    os.utime(folder, (time.time() - old.hours_old * 3600,) * 2)
    make_gate_folder(home)
    assert folder.exists() is old.stays


def test_a_gates_folder_in_which_a_process_works_stays(home: Path) -> None:
    folder = home / f"hardgate-gate.{int(time.time()) - 900}.abc"
    (folder / "source").mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"], cwd=folder / "source") as process:
        make_gate_folder(home)
        process.kill()
    assert folder.exists()
    make_gate_folder(home)
    assert not folder.exists()


def test_a_link_in_place_of_a_gates_folder_leads_nowhere(home: Path) -> None:
    elsewhere = home.parent / "elsewhere"
    elsewhere.mkdir()
    (home / "hardgate-gate.1.abc").symlink_to(elsewhere)
    make_gate_folder(home)
    assert elsewhere.exists()
