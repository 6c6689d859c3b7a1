"""SIGINT and SIGTERM, as an exception that comes once: a run is broken off, and still reports."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hardgate.errors import ExitCode


class Interrupted(Exception):  # noqa: N818 - it is not an error
    """SIGINT or SIGTERM came."""

    def __init__(self, number: int) -> None:
        """Take the signal's number."""
        super().__init__(signal.Signals(number).name)
        self.number = number
        self.exit_code = ExitCode(128 + number)


@contextmanager
def raise_on_signals() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into an exception; later ones must not stop the clean-up."""

    def raise_once(number: int, _frame: object) -> None:
        for ignored in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ignored, signal.SIG_IGN)
        raise Interrupted(number)

    before = {
        number: signal.signal(number, raise_once) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ignore_signals() -> Iterator[None]:
    """Let neither signal come between a run's end and its reports."""
    before = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def defer_signals() -> Iterator[None]:
    """Hold the first SIGINT or SIGTERM back until the block is done, and raise it then."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = {
        number: signal.signal(number, lambda came, _frame: held.append(came))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held:
        signal.raise_signal(held[0])
