"""A step that is taken before Ansible comes to its task."""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardgate.ansible.play import mark_unsafe
from hardgate.ansible.preloaded_playbook import begin_first_step, unmark

MODULE = """
import json, os, pathlib, sys

def take(variables):
    draft = pathlib.Path(variables["answer"] + ".draft")
    draft.write_text(json.dumps([variables, os.getppid(), os.ttyname(1) if os.isatty(1) else ""]))
    draft.rename(variables["answer"])

def crash(variables):
    pathlib.Path(variables["answer"]).touch()
    raise ValueError("a bug")
"""

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(VALUES.filter(lambda value: "__ansible_unsafe" not in json.dumps(value)))
def test_a_step_has_the_variables_as_the_caller_gave_them(value: object) -> None:
    assert unmark(json.loads(json.dumps(mark_unsafe(value)))) == value


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Give what begins a step of this module; it answers with the file of the variables."""
    (tmp_path / "steps_of_a_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "play"
    folder.mkdir()

    def begin(function: str) -> Path:
        begin_first_step(f"steps_of_a_test:{function}", folder / "variables.yml")
        return folder / "variables.yml"

    return begin


def write_variables(file: Path, variables: Mapping[str, object]) -> None:
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps([{"import_playbook": "x.yml", "vars": mark_unsafe(variables)}]))
    draft.rename(file)


def test_the_step_is_taken_when_the_variables_are_there(
    begin: Callable[[str], Path], tmp_path: Path
) -> None:
    file, answer = begin("take"), tmp_path / "answer"
    time.sleep(0.05)
    assert not answer.exists()
    variables = {"answer": str(answer), "text": "{{ not a template }}", "list": ["a", 1]}
    write_variables(file, variables)
    _, status = os.wait()
    assert json.loads(answer.read_text()) == [variables, os.getpid(), ""]
    assert status == 0


def test_without_memory_for_a_worker_the_play_goes_on(
    begin: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    assert begin("take").parent.exists()


def test_a_play_that_is_given_up_takes_the_worker_along(begin: Callable[[str], Path]) -> None:
    begin("take").parent.rmdir()
    assert os.wait()[1] == 0


def test_a_step_that_crashes_says_nothing_for_the_task_takes_it_again(
    begin: Callable[[str], Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_variables(begin("crash"), {"answer": str(tmp_path / "answer")})
    assert os.wait()[1] == 0
    assert (tmp_path / "answer").exists()
    assert capfd.readouterr() == ("", "")
