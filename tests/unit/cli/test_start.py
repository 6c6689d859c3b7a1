"""Which commands have Ansible started ahead."""

import pytest

from hardgate.cli.start import PLAYBOOKS, ROLES_OF_GATES, find_certain_playbook
from hardgate.gate.play import PLAYBOOKS as PLAYBOOKS_OF_SESSIONS
from hardgate.resources import PLAYBOOKS as FOLDER
from hardgate.resources import ROLES


@pytest.mark.parametrize(
    ("words", "playbook"),
    [
        ("gate", "gate.yml"),
        ("gate --context image", "gate.yml"),
        ("runtime", "runtime.yml"),
        ("gate --help", None),
        ("runtime -h", None),
        ("gate --watch", None),
        ("static", None),
        ("static gate", None),
        ("--version", None),
        ("", None),
    ],
)
def test_only_a_command_that_will_play_has_ansible_ahead(words: str, playbook: str | None) -> None:
    assert find_certain_playbook(words.split()) == playbook


def test_what_is_started_is_what_the_gate_will_play() -> None:
    assert PLAYBOOKS["gate"] == PLAYBOOKS_OF_SESSIONS.get("t4", "gate.yml")
    assert PLAYBOOKS["runtime"] == PLAYBOOKS_OF_SESSIONS["runtime"]
    for playbook in PLAYBOOKS.values():
        text = (FOLDER / playbook).read_text()
        assert all(f"role: {role}" in text or f"name: {role}" in text for role in ROLES_OF_GATES)


def test_each_role_has_the_plugin_that_is_loaded_ahead() -> None:
    for role in ROLES_OF_GATES:
        assert (ROLES / role / "action_plugins" / f"{role}.py").is_file()
