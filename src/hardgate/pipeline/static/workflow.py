"""A workflow file of GitHub, Gitea or Forgejo, as far as a gate depends on it; with its lines."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hardgate.schema.document import Listing, Node, Refusal, Scalar, Table, read_document

_EXPRESSION = re.compile(r"^\s*\$\{\{(.*)\}\}\s*$", re.DOTALL)
_ALWAYS = re.compile(r"always\(\)|!\s*cancelled\(\)|failure\(\)")
_NEVER = frozenset({"false", "0", "''", '""', "null", "!true", "! true", "1 == 0", "0 == 1"})


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a job."""

    title: str
    line: int
    uses: str
    run: str
    run_line: int
    """Where the script's first line stands."""
    shell: str
    condition: str
    continues: bool
    """It may fail, and the job goes on."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job."""

    id: str
    line: int
    name: str
    condition: str
    needs: tuple[str, ...]
    uses: str
    continues: bool
    permissions: Node | None
    steps: tuple[Step, ...]

    @property
    def always(self) -> bool:
        """It runs although a job that it needs failed or was skipped."""
        return bool(_ALWAYS.search(self.condition))


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """One file."""

    file: str
    name: str
    run_name: str
    events: Mapping[str, Node | None]
    permissions: Node | None
    jobs: tuple[Job, ...]

    @property
    def forge(self) -> str:
        """The folder that it is in: `.github`, `.gitea`, `.forgejo`."""
        return self.file.partition("/")[0]


def read_workflow(data: bytes, file: str) -> Workflow:
    """Read a file's bytes; raises Refusal."""
    root = read_document(data).root
    if not isinstance(root, Table):
        raise Refusal(root.line, "it is no mapping", "Begin with 'name:', 'on:' and 'jobs:'")
    shell = text(_inside(root, "defaults", "run", "shell"))
    jobs = root.get_value("jobs")
    if not isinstance(jobs, Table) or not jobs.entries:
        raise Refusal(root.line, "it has no jobs", "Add some below 'jobs:'")
    return Workflow(
        file=file,
        name=text(root.get_value("name")),
        run_name=text(root.get_value("run-name")),
        events=dict(_events(root.get_value("on"))),
        permissions=root.get_value("permissions"),
        jobs=tuple(_job(key, node, shell) for key, node in jobs.entries if isinstance(node, Table)),
    )


def text(node: Node | None) -> str:
    """Give a single value as it was written; empty where there is none."""
    return node.text if isinstance(node, Scalar) else ""


def _inside(node: Node | None, *names: str) -> Node | None:
    for name in names:
        node = node.get_value(name) if isinstance(node, Table) else None
    return node


def _events(node: Node | None) -> Iterator[tuple[str, Node | None]]:
    if isinstance(node, Scalar):
        yield node.text, None
    elif isinstance(node, Listing):
        yield from ((text(item), None) for item in node.items)
    elif isinstance(node, Table):
        yield from ((key.text, value) for key, value in node.entries)


def _job(key: Scalar, node: Table, shell: str) -> Job:
    shell = text(_inside(node, "defaults", "run", "shell")) or shell
    steps, needs = node.get_value("steps"), node.get_value("needs")
    listed = [text(item) for item in needs.items] if isinstance(needs, Listing) else [text(needs)]
    return Job(
        id=key.text,
        line=key.line,
        name=text(node.get_value("name")) or key.text,
        condition=_condition(node),
        needs=tuple(need for need in listed if need),
        uses=text(node.get_value("uses")),
        continues=_continues(node),
        permissions=node.get_value("permissions"),
        steps=tuple(
            _step(item, number, shell)
            for number, item in enumerate(steps.items if isinstance(steps, Listing) else (), 1)
            if isinstance(item, Table)
        ),
    )


def _step(node: Table, number: int, shell: str) -> Step:
    run = node.get_value("run")
    block = isinstance(run, Scalar) and "\n" in run.text
    return Step(
        title=text(node.get_value("name")) or f"step {number}",
        line=node.line,
        uses=text(node.get_value("uses")),
        run=text(run),
        run_line=(run.line if run else node.line) + block,
        shell=text(node.get_value("shell")) or shell,
        condition=_condition(node),
        continues=_continues(node),
    )


def _continues(node: Table) -> bool:
    return text(node.get_value("continue-on-error")).lower() not in {"", "false"}


def _condition(node: Table) -> str:
    written = text(node.get_value("if")).strip()
    inner = _EXPRESSION.match(written)
    return (inner[1] if inner else written).strip()


def is_never(condition: str, events: Mapping[str, Node | None]) -> bool:
    """Tell whether a condition is false whatever happens."""
    plain = condition.strip().lower()
    parts = [part.strip(" ()") for part in plain.split("&&")]
    if "||" not in plain and any(part in _NEVER for part in parts):
        return True
    named = re.fullmatch(r"github\.event_name\s*==\s*'(\w+)'", plain)
    return bool(named) and named[1] not in events  # type: ignore[index]  # it matched
