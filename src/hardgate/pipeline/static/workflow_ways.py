"""One way that a job may go, and what becomes of a failure on it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from hardgate.pipeline.static.expression import Open
from hardgate.pipeline.static.shell_state import FAILED, OTHER, State, is_known
from hardgate.pipeline.static.shell_state import UNKNOWN as UNKNOWN_TEXT
from hardgate.pipeline.static.workflow import Step

MAX_WAYS = 32
SUCCESS, FAILURE, SKIPPED, CANCELLED = "success", "failure", "skipped", "cancelled"


@dataclass(frozen=True, kw_only=True)
class Lost:
    """Where a failure is thrown away."""

    file: str
    line: int
    by: str
    in_pipe: bool = False
    continues: bool = False
    """By `continue-on-error`."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way that a job may go."""

    status: str = SUCCESS
    steps: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Outcome and conclusion of steps, by id."""
    failed: bool = False
    """The watched command was run, and has failed."""
    ran: bool = False
    """The watched command was run."""
    lost: Lost | None = None
    unsure: str = ""
    """Why it cannot be told that it goes this way."""
    files: Mapping[str, bool] = field(default_factory=dict)
    """Files that steps made or removed."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What steps wrote for later ones: `STEP:NAME`, and `env:NAME`."""

    def _key(self) -> tuple[object, ...]:
        return (self.status, tuple(sorted(self.steps.items())), self.failed, self.ran,
                bool(self.unsure), tuple(sorted(self.files.items())),
                tuple(sorted(self.values.items())))  # fmt: skip

    def outputs_of(self, step: str) -> Open:
        """Give what is known of a step's outputs."""
        begin = f"{step}:"
        return Open(known={
            name.removeprefix(begin): value
            for name, value in self.values.items()
            if name.startswith(begin) and (is_known(value) or value == FAILED)
        })  # fmt: skip


def distinct_ways(ways: Iterable[Way]) -> list[Way]:
    """Leave out ways that are alike."""
    found: dict[tuple[object, ...], Way] = {}
    for way in ways:
        found.setdefault(way._key(), way)
    kept, rest = list(found.values())[:MAX_WAYS], list(found.values())[MAX_WAYS:]
    why = "the job may go more ways than are followed"
    ends = {(way.status, way.failed, way.ran): replace(way, unsure=why) for way in rest}
    return [*kept, *ends.values()]


def join_ways(one: Way, two: Way) -> Way:
    """Two jobs of a called workflow: the whole fails where one does."""
    failing = FAILURE in {one.status, two.status}
    return Way(
        status=FAILURE if failing else SUCCESS,
        failed=one.failed or two.failed,
        ran=one.ran or two.ran,
        lost=one.lost or two.lost,
        unsure=one.unsure or two.unsure,
    )


def note_step(way: Way, step: Step, outcome: str, conclusion: str) -> Way:
    """Note a step's outcome and conclusion, which later steps read by its id."""
    if not step.id:
        return way
    return replace(way, steps={**way.steps, step.id: (outcome, conclusion)})


def follow_script(way: Way, state: State, file: str, step: str) -> Iterator[Way]:
    """Take what a script came to into the job."""
    failed, ran = way.failed or state.failed, way.ran or (state.ran and not state.astray)
    lost = way.lost
    if state.failed and lost is None:
        loss = state.loss
        lost = Lost(
            file=file,
            line=loss.line if loss else 0,
            by=loss.by if loss else "what follows it",
            in_pipe=bool(loss and loss.in_pipe),
        )
    written = {
        f"{step}:{name.removeprefix('output:')}" if name.startswith("output:") else name: text
        for name, text in state.values.items()
        if step or not name.startswith("output:")
    }
    after = replace(
        way, failed=failed, ran=ran, files=state.files, values={**way.values, **written}
    )
    if state.status in {"0", OTHER}:
        why = "its status is handed on to later steps" if state.published else way.unsure
        why = "a piece of the script cannot be read" if state.astray else why
        yield replace(after, lost=lost if failed else None, unsure=why)
    elif state.status == UNKNOWN_TEXT:
        why = "a function or file that is not here decides how it ends"
        yield replace(after, lost=lost if failed else None, unsure=why)
        yield replace(after, status=FAILURE)
    else:
        yield replace(after, status=FAILURE)
