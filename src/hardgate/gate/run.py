"""`hardgate gate`: from an image to an exit code, in one direction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hardgate.errors import HardgateError, explain_crash
from hardgate.gate.request import GateRequest
from hardgate.gate.second_check import SecondCheck
from hardgate.gate.started import conclude_gate, make_owner, start_gate
from hardgate.gate.state import RunState
from hardgate.gate.verification import RunTimeoutError, verify_image
from hardgate.model.run import Run
from hardgate.report.console import Console
from hardgate.system.interruption import Interrupted, raise_on_signals


def run_gate(request: GateRequest, console: Console) -> Run:
    """Run the gate, report, and give it: a verdict for each promise, whatever happens."""
    gate = start_gate(request, console, make_owner(request))
    with raise_on_signals(), _keep_trouble(lambda: gate.state):
        verify_image(request, gate.owner, gate.folder, console, gate.state)
    return conclude_gate(gate)


def run_two_gates(
    requests: tuple[GateRequest, GateRequest],
    consoles: tuple[Console, Console],
    *,
    on_first_run: Callable[[Run], None],
    on_second_begin: Callable[[], None],
    on_second_refused: Callable[[HardgateError], None],
) -> tuple[Run, Run | None]:
    """Run two gates on one test host, one after the other; the callbacks hear of it as it goes.

    The second one is None where it could not begin there. It is to be run by itself then.
    """
    first = start_gate(requests[0], consoles[0], make_owner(requests[0]))

    def conclude_first() -> Run:
        run = conclude_gate(first)
        on_first_run(run)
        return run

    second = SecondCheck(
        request=requests[1],
        console=consoles[1],
        owner=make_owner(requests[1]),
        first=first,
        conclude_first=conclude_first,
        on_begin=on_second_begin,
        on_refused=on_second_refused,
    )

    def find_state() -> RunState | None:
        """Find whose trouble it is; nobody's, between the two."""
        return second.gate.state if second.started or not second.released.is_set() else None

    try:
        with raise_on_signals(), _keep_trouble(find_state):
            verify_image(
                first.request, first.owner, first.folder, first.console, first.state, second=second
            )
    finally:
        first_run = second.conclude_first_once()
    return first_run, conclude_gate(second.started) if second.started else None


@contextmanager
def _keep_trouble(find_state: Callable[[], RunState | None]) -> Iterator[None]:
    """Take what goes wrong for what is known of the run: it still reports."""
    try:
        yield
    except Interrupted as interruption:
        if (state := find_state()) is None:
            raise
        state.interrupted = interruption
    except HardgateError as error:
        if (state := find_state()) is not None:
            # What a task of ours said of it is nearer to the cause than the play's own end.
            state.error = error if isinstance(error, RunTimeoutError) else state.error or error
    except Exception as error:
        if (state := find_state()) is not None:
            state.error = explain_crash(error)
