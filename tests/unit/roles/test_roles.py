"""What Ansible does not see to: every default is documented, and names say whose they are."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hardgate.ansible.events import read_task_marks
from hardgate.resources import PLAYBOOKS, ROLES

NAMES = sorted(folder.name for folder in ROLES.iterdir() if folder.is_dir())


def read(file: Path) -> Any:
    return yaml.safe_load(file.read_text()) if file.is_file() else {}


def options(role: str) -> dict[str, Any]:
    specs = read(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"]
    return dict(specs["main"]["options"])


@pytest.mark.parametrize("role", NAMES)
def test_every_default_stands_in_the_roles_argument_specs(role: str) -> None:
    documented = {
        name: option["default"] for name, option in options(role).items() if "default" in option
    }
    assert read(ROLES / role / "defaults" / "main.yml") == documented


@pytest.mark.parametrize("role", NAMES)
def test_every_variable_without_a_default_is_required(role: str) -> None:
    for name, option in options(role).items():
        assert ("default" in option) != option.get("required", False), name


@pytest.mark.parametrize("role", NAMES)
def test_names_say_whose_they_are_and_whether_they_are_public(role: str) -> None:
    assert all(name.startswith(f"{role}_") for name in options(role))
    assert all(name.startswith(f"__{role}_") for name in read(ROLES / role / "vars" / "main.yml"))


@pytest.mark.parametrize("role", NAMES)
def test_every_option_is_used_and_every_public_name_that_is_used_is_an_option(role: str) -> None:
    specs = read(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"]
    known = {name for entry in specs.values() for name in entry["options"]}
    text = "".join(
        file.read_text() for kind in ("tasks", "vars") for file in (ROLES / role / kind).glob("*")
    )
    used = set(re.findall(rf"(?<![_\w.-]){role}_\w+", text)) & set(re.findall(r"[a-z0-9_]+", text))
    # A fact may also be an option, which says what it is before.
    assert used | facts_of(role) == known | facts_of(role)


def facts_of(role: str) -> set[str]:
    """Name what the role answers with, for the roles that come after it."""
    tasks = [task for file in (ROLES / role / "tasks").glob("*.yml") for task in read(file)]
    return {name for task in tasks for name in task.get("ansible.builtin.set_fact", {})}


def test_a_playbook_is_a_list_of_roles() -> None:
    for file in PLAYBOOKS.glob("*.yml"):
        for play in read(file):
            assert {role["role"] for role in play["roles"]} <= set(NAMES)
            assert "tasks" not in play


@pytest.mark.parametrize("file", sorted(PLAYBOOKS.glob("*.yml")), ids=lambda file: file.stem)
def test_what_a_playbook_takes_of_a_role_that_role_registers(file: Path) -> None:
    """Where it does not, nothing sees it before the play comes there."""
    files = [file, *ROLES.glob("*/tasks/*.yml"), *ROLES.glob("*/vars/*.yml")]
    text = "".join(path.read_text() for path in files)
    registered = set(re.findall(r"register: (__\w+)", text))
    registered |= set(re.findall(r"^ *(__\w+):", text, re.MULTILINE))
    assert set(re.findall(r"(?<!\w)__\w+", file.read_text())) <= registered


def test_an_image_that_is_copied_whole_is_a_step_of_its_own() -> None:
    tasks = ROLES / "test_host" / "tasks"
    assert read_task_marks(str(tasks / "load.yml")) == {}
    names = [task["name"] for task in yaml.safe_load((tasks / "load.yml").read_text())]
    assert names == ["Copy the image into the test host"]
