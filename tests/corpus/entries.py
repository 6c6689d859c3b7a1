"""Entries of the corpus: read from YAML, and built as templates in folders of their own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from hardgate.pipeline.template import Template
from tests.unit.pipeline.static.templates import GATE, change_file, make_template, write_file

FOLDER = Path(__file__).parent
FILES = ("dockerfile.yaml", "entrypoint.yaml", "workflow.yaml", "linters.yaml", "rows.yaml")
EXPECTED = {"broken": "hard", "holds": "", "untold": "untold"}
BEFORE_WORK = "WORKDIR /app\n"
BEFORE_PACKAGES = "RUN apt-get update \\\n"
BEFORE_START = "ENTRYPOINT"
BEGIN = "set -eu\n"
PACKAGES = "ca-certificates curl docker-cli gosu sudo util-linux"
USERS = """\
RUN useradd --uid 1000 --user-group --create-home --shell /bin/bash agent \\
 && install -d -o agent -g agent /agent-home
"""
SUDO = """\
COPY agent.sudoers /etc/sudoers.d/agent
RUN chmod 0440 /etc/sudoers.d/agent \\
 && visudo -cf /etc/sudoers.d/agent
"""
REPAIR = """\
for folder in /agent-home /configs /workspace; do
    mkdir -p "$folder"
    chown -R agent:agent "$folder"
done
"""
EVENTS = "  push:\n  pull_request:\n"
STEP = "      - run: nox -s t4\n"
T4_BODY = "    name: t4 (${{ github.event_name }})\n"
LAST = "    if: always()\n    steps:\n      - run: nox -s validate -- --no-run\n"
REPLACED = {
    "from": ("Dockerfile", "python:3.11-slim"),
    "packages": ("Dockerfile", PACKAGES),
    "users": ("Dockerfile", USERS),
    "sudo": ("Dockerfile", SUDO),
    "boot": ("entrypoint.sh", 'exec gosu agent "$@"\n'),
    "repair": ("entrypoint.sh", REPAIR),
    "events": (GATE, EVENTS),
    "step_yaml": (GATE, STEP),
    "last": (GATE, LAST),
}
"""What one of an entry's words replaces, and in which file."""
LEVELS = {"events": 2, "step_yaml": 6, "last": 4}
"""How far YAML of an entry is indented."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A template that breaks a rule, holds it, or does not let it be told."""

    file: str
    thread: str
    """The public thread that it follows, as owner/name#number, or a row of a review."""
    about: str
    rule: str
    label: str
    expected: str
    """As find_answers calls it: `hard`, `advice`, `untold`, or empty where the rule holds."""
    also: frozenset[str]
    """Other rules that the same words break."""
    forge: str
    linter: str
    """The linter that is asked, and not the rules; `rule` is a code of its own then."""
    words: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Tell it from all others."""
        return f"{self.rule}: {self.thread}: {self.label}: {self.about}"

    def build(self, folder: Path) -> Template:
        """Write the template."""
        template = make_template(folder)
        for word, value in self.words.items():
            _write(template, word, value, early=bool(self.words.get("early")))
        if self.forge != ".github":
            old = template.root / ".github"
            old.rename(template.root / self.forge)
        return template


def read_entries() -> Sequence[Entry]:
    """Read all entries, in the order of the files."""
    return [entry for name in FILES for entry in _read_file(FOLDER / name)]


def _read_file(path: Path) -> Iterator[Entry]:
    for pair in yaml.safe_load(path.read_text()):
        shared = pair.get("all", {})
        for label in (label for label in EXPECTED if label in pair):
            expected = EXPECTED[label]
            if label == "broken":
                expected = "advice" if "linter" in pair else pair.get("as", expected)
            words = dict(pair[label])
            yield Entry(
                file=path.name,
                thread=pair.get("thread") or pair["row"],
                about=pair["about"],
                rule=pair["rule"],
                label=label,
                expected=expected,
                also=frozenset(words.pop("also", ())),
                forge=pair.get("forge", ".github"),
                linter=pair.get("linter", ""),
                words={**shared, **words},
            )


def _write(template: Template, word: str, value: Any, *, early: bool) -> None:
    if word in REPLACED:
        _replace(template, word, value)
    elif word == "lines" and early:
        _put_before("Dockerfile", BEFORE_PACKAGES)(template, f"{value}\n")
    elif word in WRITERS:
        WRITERS[word](template, value)
    elif word != "early":
        message = f"'{word}' is not a word of an entry"
        raise ValueError(message)


def _replace(template: Template, word: str, value: str) -> None:
    name, old = REPLACED[word]
    text = value
    if old.endswith("\n"):
        text = indent(value.rstrip("\n") + "\n", " " * LEVELS.get(word, 0))
    change_file(template, name, old, text)


def _put_before(name: str, place: str) -> Callable[[Template, str], None]:
    return lambda template, text: change_file(template, name, place, text + place)


def _put_behind(name: str, place: str) -> Callable[[Template, str], None]:
    return lambda template, text: change_file(template, name, place, place + text)


def _edit(template: Template, edits: Sequence[tuple[str, str, str]]) -> None:
    for name, old, new in edits:
        change_file(template, GATE if name == "W" else name, old, new)


def _write_files(template: Template, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        write_file(template.context / name, text)


def _set_step(template: Template, script: str) -> None:
    lines = indent(script, " " * 10)
    change_file(template, GATE, STEP, f"      - run: |\n{lines}\n")


def _add_step_keys(template: Template, keys: str) -> None:
    begin = "      - run: "
    text = (template.root / GATE).read_text()
    last = text[text.index(begin) :].partition("\n")[0]
    added = indent(keys, " " * 8).lstrip()
    change_file(template, GATE, last, f"      - {added}\n        {last.lstrip(' -')}")


def _block(text: str, level: int) -> str:
    return indent(text.rstrip("\n") + "\n", " " * level)


WRITERS: Mapping[str, Callable[[Template, Any], None]] = {
    "run": lambda template, text: WRITERS["lines"](template, f"RUN {text}"),
    "lines": lambda template, text: _put_before("Dockerfile", BEFORE_WORK)(template, f"{text}\n"),
    "end": lambda template, text: _put_before("Dockerfile", BEFORE_START)(template, f"{text}\n"),
    "before": lambda template, text: _put_behind("entrypoint.sh", BEGIN)(template, f"{text}\n"),
    "t4": lambda template, text: _put_behind(GATE, T4_BODY)(template, _block(text, 4)),
    "jobs": lambda template, text: _put_behind(GATE, "jobs:\n")(template, _block(text, 2)),
    "step": _set_step,
    "step_keys": _add_step_keys,
    "edit": _edit,
    "write": _write_files,
}
"""What the other words do."""
