"""What a fleet's last block tells: each cause once, with all images and hosts that it breaks."""

from collections.abc import Iterator

from hardgate.model.verdict import VerdictKind
from hardgate.remote.fleet.headline import fleet_headline
from hardgate.remote.fleet.result import FleetRun, format_locations
from hardgate.remote.fleet.status import ImageState, ImageStatus
from hardgate.report.closing_block import BlockCause, ClosingBlock, make_error_cause, merge_causes
from hardgate.report.console import Console
from hardgate.report.marks import Mark, Tone, tone_of_exit_code

STALE_REMEDY = (
    "Let the image list name the fleet's contract for it, or bring its own contract up to the "
    "fleet's ('hardgate contract diff')."
)


def make_fleet_block(run: FleetRun, console: Console) -> ClosingBlock:
    """Make the block: what was seen not to hold, what is stale, what nobody could tell."""
    causes = [
        *_sort_causes(_list_misses(run, console)),
        *_sort_causes(_list_stale(run, console)),
        *_sort_causes(_list_errors(run, console)),
    ]
    return ClosingBlock(
        causes=tuple(causes),
        notices=run.notices,
        headline=fleet_headline(run),
        tone=tone_of_exit_code(run.exit_code),
    )


def _sort_causes(causes: Iterator[BlockCause]) -> list[BlockCause]:
    return sorted(merge_causes(causes), key=lambda cause: -len(cause.places))


def _list_misses(run: FleetRun, console: Console) -> Iterator[BlockCause]:
    for status in run.standings:
        for cell in status.make_cells() if status.state is ImageState.RED else ():
            if cell.mark is Mark.MISSED:
                guard = " (guard)" if cell.kind is VerdictKind.GUARD else ""
                yield BlockCause(
                    mark=console.draw_mark(Mark.MISSED),
                    name=f"{cell.name}{guard}",
                    places=(_locate(status),),
                    why=cell.reason,
                    remedy=cell.remedy,
                )


def _list_stale(run: FleetRun, console: Console) -> Iterator[BlockCause]:
    for status in run.with_state(ImageState.STALE):
        yield BlockCause(
            mark=console.draw_mark(Mark.STALE),
            name="stale",
            places=(_locate(status),),
            why=" ".join(reason.sentence for reason in status.stale_reasons),
            remedy=STALE_REMEDY,
            tone=Tone.UNSURE,
        )


def _list_errors(run: FleetRun, console: Console) -> Iterator[BlockCause]:
    if run.problem:
        yield make_error_cause(console.draw_mark(Mark.UNKNOWN), "the whole run", (), run.problem)
    for status in run.with_state(ImageState.UNKNOWN):
        if status.error and not (run.problem and status.error.problem == run.problem.problem):
            yield make_error_cause(
                console.draw_mark(Mark.UNKNOWN), "unknown", (_locate(status),), status.error
            )


def _locate(status: ImageStatus) -> str:
    return format_locations((status,))
