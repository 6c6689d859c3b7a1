"""A template that holds every rule, in a folder of its own, for tests to break in one way."""

import shutil
from functools import cache
from pathlib import Path

from hardgate.model.contract import Contract, Severity, load_contract
from hardgate.model.verdict import Outcome
from hardgate.pipeline.static.checks import Examination
from hardgate.pipeline.template import Template
from hardgate.resources import CONTRACTS

TEMPLATES = Path(__file__).parents[3] / "integration" / "templates"
GATE = ".github/workflows/gate.yml"
WORKFLOW = """\
name: gate
on:
  push:
  pull_request:
permissions:
  contents: read
jobs:
  t4:
    name: t4 (${{ github.event_name }})
    runs-on: docker-host
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
        with:
          persist-credentials: false
      - run: nox -s t4
  validate:
    name: validate (${{ github.event_name }})
    runs-on: docker-host
    needs: [t4]
    if: always()
    steps:
      - run: nox -s validate -- --no-run
"""


def make_template(folder: Path) -> Template:
    """Copy the good template into a folder of its own, on a base that is known, with a workflow."""
    template = folder / "template"
    shutil.copytree(TEMPLATES / "good", template)
    dockerfile = template / "Dockerfile"
    text = dockerfile.read_text()
    assert "FROM hardgate-test/python-slim:1" in text
    dockerfile.write_text(text.replace("hardgate-test/python-slim:1", "python:3.11-slim"))
    write_file(template / GATE, WORKFLOW)
    return Template(context=template, dockerfile=dockerfile, root=template)


def write_file(path: Path, text: str) -> None:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def change_file(template: Template, name: str, old: str, new: str) -> None:
    """Change one place of a file."""
    path = template.context / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@cache
def load_t4() -> Contract:
    """Load the contract once for all tests."""
    return load_contract(str(CONTRACTS / "t4.yaml"))


def find_answers(template: Template) -> dict[str, tuple[str, str]]:
    """Give what each rule that does not hold comes to (`hard`, `advice`, `untold`), and why."""
    found = {}
    for check in Examination(template=template, contract=load_t4()).iter_rule_checks():
        if check.outcome is Outcome.ERROR:
            assert check.severity is Severity.ADVISORY
            found[check.name] = ("untold", check.reason)
        elif check.outcome is Outcome.FAIL:
            kind = "hard" if check.severity is Severity.HARD else "advice"
            found[check.name] = (kind, check.reason)
    return found


def find_rules(template: Template, kind: str) -> set[str]:
    """Give the rules that come to one kind of answer."""
    return {name for name, (found, _) in find_answers(template).items() if found == kind}
