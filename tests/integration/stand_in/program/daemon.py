"""Taking jobs until told to stop, and then letting the running ones end, for a while."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from . import job
from .refusal import Refusal
from .settings import Settings
from .wire import Wire

Say = Callable[[str], None]


@dataclass(frozen=True)
class Daemon:
    """A runner at work."""

    wire: Wire
    settings: Settings
    place: Callable[[], job.Place]
    """Makes each job's place."""
    once: bool
    gives_up: bool
    """It ends where the forge has removed it; else it goes on asking."""

    def run(self, say: Say) -> None:
        """Work until a signal, a removal, or (once) the end of a job."""
        stopping, cancelled = threading.Event(), threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        removed: list[Refusal] = []

        def take() -> None:
            try:
                self._take(stopping, cancelled)
            except Refusal as refusal:
                removed.append(refusal)
                stopping.set()

        count = 1 if self.once else self.settings.capacity
        pollers = [threading.Thread(target=take) for _ in range(count)]
        for poller in pollers:
            poller.start()
        # In short steps: a signal is heard between them.
        while not stopping.wait(0.1):
            continue
        seconds = self.settings.shutdown_timeout
        say(f"shutdown initiated, waiting {seconds:g}s for running jobs to complete")
        deadline = time.monotonic() + seconds
        for poller in pollers:
            poller.join(max(0.0, deadline - time.monotonic()))
        if any(poller.is_alive() for poller in pollers):
            say("cancelled in progress jobs during shutdown")
        cancelled.set()
        for poller in pollers:
            poller.join()
        if removed:
            raise Refusal(
                "runner is no longer registered with the server; please register it again"
            )

    def _take(self, stopping: threading.Event, cancelled: threading.Event) -> None:
        interval = self.settings.fetch_interval
        while task := job.poll(self.wire, interval, stopping, gives_up=self.gives_up):
            job.run(self.wire, task, self.place(), cancelled=cancelled)
            if self.once:
                stopping.set()
