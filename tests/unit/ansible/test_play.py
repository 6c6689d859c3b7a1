"""What goes into a play, and how its failures are told; no play is run here."""

import os
import sys
import sysconfig
from pathlib import Path

import pytest

from hardgate.ansible.environment import build_ansible_environment
from hardgate.ansible.play import PLAY_END_SECONDS, _PlayProgress, mark_unsafe
from hardgate.errors import PlaybookError


@pytest.mark.parametrize(
    ("value", "marked"),
    [
        ("{{ x }}", {"__ansible_unsafe": "{{ x }}"}),
        (["a", 1], [{"__ansible_unsafe": "a"}, 1]),
        (("a",), [{"__ansible_unsafe": "a"}]),
        ({"k": {"n": "v"}}, {"k": {"n": {"__ansible_unsafe": "v"}}}),
        (None, None),
        (True, True),
    ],
)
def test_every_text_is_marked_and_nothing_else(value: object, marked: object) -> None:
    assert mark_unsafe(value) == marked


def test_the_callers_own_ansible_settings_stay_outside(tmp_path: Path) -> None:
    caller = {
        "PATH": "/usr/bin",
        "HOME": "/home/x",
        "ANSIBLE_STRATEGY": "debug",
        "AWX_LIB_DIRECTORY": "/elsewhere",
        "LANGUAGE": "de",
        "LC_ALL": "POSIX",
    }
    environment = build_ansible_environment(caller, tmp_path, callback={})
    assert not {"ANSIBLE_STRATEGY", "AWX_LIB_DIRECTORY", "LANGUAGE"} & set(environment)
    assert environment["HOME"] == "/home/x"
    assert environment["LC_ALL"].endswith("UTF-8")
    assert environment["ANSIBLE_HOME"].startswith(str(tmp_path))


def test_the_programs_beside_the_interpreter_come_first(tmp_path: Path) -> None:
    environment = build_ansible_environment({"PATH": "/usr/bin"}, tmp_path, callback={})
    folders = environment["PATH"].split(os.pathsep)
    assert folders[0] == str(Path(sys.executable).parent)
    assert folders[-1] == "/usr/bin"


def test_an_environment_without_ansible_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(PlaybookError, match="no 'ansible-playbook' beside"):
        build_ansible_environment({"PATH": ""}, tmp_path, callback={})


def test_a_play_that_reported_its_end_is_not_interrupted_at_once() -> None:
    progress = _PlayProgress(
        playbook="gate.yml", on_event=None, interrupt=lambda: True, deadline=None
    )
    progress.handle_event({"event": "playbook_on_stats", "event_data": {}})
    assert not progress.is_over()
    assert progress.conclude_play(0) is progress.ended
    progress.ended_at -= PLAY_END_SECONDS + 1
    assert progress.is_over()
    assert progress.end_reason == "it was interrupted"
