"""A workflow file of GitHub, Gitea or Forgejo, and what it calls: values that know their lines."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hardgate.pipeline.static.shell_word_reader import Lines
from hardgate.schema.document import Listing, Node, Refusal, Scalar, Table, read_document

GITHUB = ".github"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a job or of a composite action."""

    id: str
    title: str
    line: int
    uses: str
    inputs: Mapping[str, str]
    """`with:`."""
    run: str
    run_lines: Lines
    shell: str
    folder: str
    """`working-directory:`."""
    environment: Mapping[str, str]
    condition: str
    """As written; empty where there is none."""
    continues: str
    """`continue-on-error:`, as written."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job."""

    id: str
    line: int
    name: str
    condition: str
    condition_line: int
    needs: tuple[str, ...]
    uses: str
    inputs: Mapping[str, str]
    continues: str
    permissions: Node | None
    environment: Mapping[str, str]
    matrix: Node | None
    steps: tuple[Step, ...]
    runs_on: str
    has_outputs: bool = False


@dataclass(frozen=True, kw_only=True)
class Input:
    """What a workflow or action that others call is given."""

    default: str = ""
    kind: str = "string"
    """`boolean`, `number` or `string`; an action's are all texts."""

    def convert(self, text: str) -> bool | float | str:
        """Take a text for what it is in conditions: the text 'false' is true, the value is not."""
        if self.kind == "boolean":
            return text.strip().lower() == "true"
        if self.kind == "number" and re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", text):
            return float(text)
        return text


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """One file."""

    file: str
    """From the repository's root."""
    name: str
    run_name: str
    events: Mapping[str, Node | None]
    permissions: Node | None
    environment: Mapping[str, str]
    jobs: tuple[Job, ...]
    inputs: Mapping[str, Input] = field(default_factory=dict)
    """Of `workflow_call`."""

    @property
    def forge(self) -> str:
        """The folder that it is in: `.github`, `.gitea`, `.forgejo`."""
        return self.file.partition("/")[0]

    def job(self, name: str) -> Job | None:
        """Find a job by its id."""
        return next((job for job in self.jobs if job.id == name), None)


def read_workflow(data: bytes, file: str) -> Workflow:
    """Read a file's bytes; raises Refusal."""
    root = read_document(data, references=True).root
    if not isinstance(root, Table):
        raise Refusal(root.line, "it is not a mapping", "Begin with 'name:', 'on:' and 'jobs:'")
    jobs = root.get_value("jobs")
    if not isinstance(jobs, Table) or not jobs.entries:
        raise Refusal(root.line, "it has no jobs", "Add some below 'jobs:'")
    source = data.decode("utf-8").splitlines()
    defaults = _inside(root, "defaults", "run")
    events = dict(_events(root.get_value("on")))
    return Workflow(
        file=file,
        name=text_of(root.get_value("name")),
        run_name=text_of(root.get_value("run-name")),
        events=events,
        permissions=root.get_value("permissions"),
        environment=_texts(root.get_value("env")),
        jobs=tuple(
            _job(key, node, defaults, source)
            for key, node in jobs.entries
            if isinstance(node, Table)
        ),
        inputs=dict(_inputs(events.get("workflow_call"))),
    )


def read_action(data: bytes) -> tuple[tuple[Step, ...] | None, Mapping[str, str]]:
    """Read a composite action: its steps, and its inputs' defaults; None where it has none."""
    root = read_document(data, references=True).root
    runs = _inside(root, "runs")
    source = data.decode("utf-8").splitlines()
    if text_of(_inside(runs, "using")) != "composite":
        return None, {}
    defaults = {name: one.default for name, one in _inputs(root)}
    return tuple(_steps(_inside(runs, "steps"), None, None, source)), defaults


def text_of(node: Node | None) -> str:
    """Give a single value as it was written; empty where there is none."""
    return node.text if isinstance(node, Scalar) and node.tag != "null" else ""


def list_of(node: Node | None) -> tuple[str, ...]:
    """Give a list's single values, or the one value that stands in its place."""
    if isinstance(node, Listing):
        return tuple(text_of(item) for item in node.items)
    return (text_of(node),) if text_of(node) else ()


def _inside(node: Node | None, *names: str) -> Node | None:
    for name in names:
        node = node.get_value(name) if isinstance(node, Table) else None
    return node


def _texts(node: Node | None) -> dict[str, str]:
    if not isinstance(node, Table):
        return {}
    return {key.text: text_of(value) for key, value in node.entries}


def _inputs(node: Node | None) -> Iterator[tuple[str, Input]]:
    """Yield what stands below `inputs:`."""
    inputs = _inside(node, "inputs")
    for key, value in inputs.entries if isinstance(inputs, Table) else ():
        default = text_of(_inside(value, "default"))
        yield key.text, Input(default=default, kind=text_of(_inside(value, "type")) or "string")


def _events(node: Node | None) -> Iterator[tuple[str, Node | None]]:
    if isinstance(node, Table):
        yield from ((key.text, value) for key, value in node.entries)
    else:
        yield from ((name, None) for name in list_of(node))


def _job(key: Scalar, node: Table, defaults: Node | None, source: Sequence[str]) -> Job:
    own = _inside(node, "defaults", "run")
    condition = node.get_value("if")
    return Job(
        id=key.text,
        line=key.line,
        name=text_of(node.get_value("name")) or key.text,
        condition=text_of(condition).strip(),
        condition_line=condition.line if condition else key.line,
        needs=list_of(node.get_value("needs")),
        uses=text_of(node.get_value("uses")),
        inputs=_texts(node.get_value("with")),
        continues=text_of(node.get_value("continue-on-error")),
        permissions=node.get_value("permissions"),
        environment=_texts(node.get_value("env")),
        matrix=_inside(node, "strategy", "matrix"),
        steps=tuple(_steps(node.get_value("steps"), own, defaults, source)),
        runs_on=" ".join(list_of(node.get_value("runs-on"))),
        has_outputs=node.get_value("outputs") is not None,
    )


def _steps(
    node: Node | None, own: Node | None, defaults: Node | None, source: Sequence[str]
) -> Iterator[Step]:
    for number, item in enumerate(node.items if isinstance(node, Listing) else (), start=1):
        if isinstance(item, Table):
            yield _step(item, number, own, defaults, source)


def _step(
    node: Table, number: int, own: Node | None, defaults: Node | None, source: Sequence[str]
) -> Step:
    run = node.get_value("run")

    def setting(name: str) -> str:
        given = (_inside(where, name) for where in (own, defaults))
        return text_of(node.get_value(name)) or next(filter(None, map(text_of, given)), "")

    return Step(
        id=text_of(node.get_value("id")),
        title=text_of(node.get_value("name")) or f"step {number}",
        line=node.line,
        uses=text_of(node.get_value("uses")),
        inputs=_texts(node.get_value("with")),
        run=text_of(run),
        run_lines=_lines_of_run(run, source),
        shell=setting("shell"),
        folder=setting("working-directory"),
        environment=_texts(node.get_value("env")),
        condition=text_of(node.get_value("if")).strip(),
        continues=text_of(node.get_value("continue-on-error")),
    )


def _lines_of_run(run: Node | None, source: Sequence[str]) -> Lines:
    """Count a script's lines: a literal block has one for each of the file's, others fold."""
    if not isinstance(run, Scalar):
        return lambda _: 0
    first = source[run.line - 1] if run.line <= len(source) else ""
    literal = re.search(r"\|[+-]?\d?[+-]?\s*+(#|$)", first)
    begin = run.line + (1 if literal or re.search(r">[+-]?\d?\s*+(#|$)", first) else 0)
    if not literal:
        return lambda _: begin
    text = run.text
    return lambda offset: begin + text.count("\n", 0, offset)
