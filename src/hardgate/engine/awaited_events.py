"""Waits for an engine's answer in small pieces, so that a signal and a deadline are noticed.

The SDK reads until something comes, which may be never.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import docker

from hardgate.engine.client import hang_up
from hardgate.system.interruption import raise_in_thread

POLL_SECONDS = 0.05

Event = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _AnswerEnd:
    """The end of an answer, and what broke it off."""

    error: Exception | None = None


def await_events(
    client: docker.APIClient,
    request_events: Callable[[], Iterable[Event]],
    raise_if_over: Callable[[], None],
) -> Generator[Event, None, None]:
    """Yield the events of one request by `client`, and raise what it raises.

    `raise_if_over` is asked again and again. However the reading is left early, the engine is told.
    """
    arrived: SimpleQueue[Event | _AnswerEnd] = SimpleQueue()
    # A daemon: an engine that never begins to answer keeps nobody from ending.
    threading.Thread(target=_read_events, args=(request_events, arrived), daemon=True).start()
    has_ended = False
    try:
        while True:
            raise_in_thread()
            raise_if_over()
            try:
                event = arrived.get(timeout=POLL_SECONDS)
            except Empty:
                continue
            if isinstance(event, _AnswerEnd):
                has_ended = True
                if event.error is not None:
                    raise event.error
                return
            yield event
    finally:
        if not has_ended:
            hang_up(client)


def _read_events(
    request_events: Callable[[], Iterable[Event]], arrived: "SimpleQueue[Event | _AnswerEnd]"
) -> None:
    """Hand on each event, and the end, whatever that is."""
    try:
        for event in request_events():
            arrived.put(event)
    except Exception as error:  # raised where the events are read
        arrived.put(_AnswerEnd(error=error))
    else:
        arrived.put(_AnswerEnd())
