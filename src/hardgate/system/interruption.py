"""SIGINT and SIGTERM, as an exception that comes once: a run is broken off, and still reports.

Python hears of signals in the main thread alone. Another thread that does work for it listens by
`listen_in_thread`, and asks by `raise_in_thread`; `run_command` asks while a program runs.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from hardgate.errors import ExitCode


class Interrupted(BaseException):
    """SIGINT or SIGTERM came.

    No Exception: a library that takes any of these for trouble of its own would go on. The engine's
    SDK does, and a run that was interrupted while it asked ended as one without an engine.
    """

    def __init__(self, number: int) -> None:
        """Take the signal's number."""
        super().__init__(signal.Signals(number).name)
        self.number = number
        self.exit_code = ExitCode(128 + number)


@dataclass(kw_only=True)
class _Broadcast:
    """The signal that came, for the threads beside the main one."""

    depth: int = 0
    """How many `raise_on_signals` of the main thread are open; none is, and all is forgotten."""
    number: int | None = None
    listening: set[int] = field(default_factory=set)
    """Ids of the threads that are to be told; each is told once, so that it can still report."""


_broadcast = _Broadcast()


def raise_in_thread() -> None:
    """Raise Interrupted in a thread that listens, once, where a signal came."""
    number, thread = _broadcast.number, threading.get_ident()
    if number is not None and thread in _broadcast.listening:
        _broadcast.listening.remove(thread)
        raise Interrupted(number)


@contextmanager
def listen_in_thread() -> Iterator[None]:
    """Let the signals that the main thread hears reach this one as well, by `raise_in_thread`."""
    thread = threading.get_ident()
    _broadcast.listening.add(thread)
    try:
        yield
    finally:
        _broadcast.listening.discard(thread)


def was_interrupted() -> bool:
    """Tell whether a signal came: no further work is to begin."""
    return _broadcast.number is not None


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def raise_on_signals() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into an exception; later ones must not stop the clean-up.

    In another thread it does nothing: `raise_in_thread` raises there.
    """
    if not _is_main_thread():
        yield
        return

    def raise_once(number: int, _frame: object) -> None:
        for ignored in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ignored, signal.SIG_IGN)
        _broadcast.number = number
        raise Interrupted(number)

    before = {
        number: signal.signal(number, raise_once) for number in (signal.SIGINT, signal.SIGTERM)
    }
    _broadcast.depth += 1
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _broadcast.depth -= 1
        if not _broadcast.depth:
            _broadcast.number = None


@contextmanager
def ignore_signals() -> Iterator[None]:
    """Let neither signal come between a run's end and its reports."""
    if not _is_main_thread():
        yield
        return
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
    if not _is_main_thread():
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
