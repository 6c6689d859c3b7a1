"""Ansible, started before it is known what it is to play with.

Ansible takes as long to load as a gate to find out what it is to do. A command that is certain to
play a playbook starts Ansible first of all, on a playbook that is a FIFO: Ansible loads all of
itself, and then waits there. What it reads in the end is the import of the real playbook, with its
variables. A command that ends before (a mistake in its words) gives it up.
"""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hardgate.ansible.playbook_process import (
    RawEventHandler,
    make_play_folder,
    make_runner,
    run_to_end,
    write_private_file,
)
from hardgate.errors import HardgateError
from hardgate.resources import PLAYBOOKS
from hardgate.system.interruption import defer_signals

PROGRAM = "hardgate.ansible.preloaded_playbook"
FIFO_NAME = "awaited.yml"
VARIABLES_NAME = "with_variables.yml"
PAUSE_SECONDS = 0.005


class PlayAhead:
    """One play that waits for its variables, in a thread and a process of its own."""

    def __init__(self, playbook: str, plugins: Sequence[Path], first_step: str = "") -> None:
        """Start it. `plugins` are the action plugins that its roles use.

        Its variables are a program's own: they are not held against the roles' argument specs.
        `first_step`, a function as `module:name`, is called with the variables before Ansible comes
        to a task: see `preloaded_playbook`.
        """
        self.playbook = playbook
        self._given_up = threading.Event()
        self._lock = threading.Lock()
        self._handle_event: RawEventHandler | None = None
        self._is_over: Callable[[], bool] = self._given_up.is_set
        self._early_events: list[dict[str, Any]] = []
        with contextlib.ExitStack() as cleanup:
            self._folder = cleanup.enter_context(make_play_folder())
            self._fifo = self._folder / FIFO_NAME
            os.mkfifo(self._fifo, mode=0o600)
            runner = make_runner(
                str(self._fifo),
                self._folder,
                handle_event=self._take_event,
                is_over=self._ask_whether_over,
                checks_arguments=False,
            )
            self._variables = self._folder / VARIABLES_NAME
            loaded = os.pathsep.join(map(str, plugins))
            words = [sys.executable, "-P", "-m", PROGRAM, first_step, loaded, str(self._variables)]
            runner.config.command[:1] = words
            worker = cleanup.enter_context(ThreadPoolExecutor(1))
            cleanup.callback(self._given_up.set)
            self._run = worker.submit(run_to_end, runner, self._folder)
            self._cleanup = cleanup.pop_all()

    def play(
        self,
        extra_vars: Mapping[str, Any],
        handle_event: RawEventHandler,
        is_over: Callable[[], bool],
    ) -> int:
        """Let it go on with these, once; give Ansible's exit status."""
        with self._lock:
            for event in self._early_events:
                handle_event(event)
            self._handle_event, self._is_over = handle_event, is_over
        self._hand_over(extra_vars)
        return self._run.result()

    def end(self) -> None:
        """Take down what there is of it; one that has not begun ends unplayed."""
        self._cleanup.close()

    def _hand_over(self, extra_vars: Mapping[str, Any]) -> None:
        """Give Ansible what to play, as soon as it reads; it may have ended for a reason."""
        real = {"import_playbook": str(PLAYBOOKS / self.playbook), "vars": dict(extra_vars)}
        draft = self._variables.with_suffix(".draft")
        # JSON, for in YAML nothing could be marked as unsafe that is inside of other values.
        write_private_file(draft, json.dumps([real]))
        draft.rename(self._variables)  # a plugin's first step waits for it
        while (writing := self._open_fifo()) is None and not self._run.done():
            time.sleep(PAUSE_SECONDS)
        if writing is not None:
            with os.fdopen(writing, "w", encoding="utf-8") as stream:
                json.dump([{"import_playbook": str(self._variables)}], stream)

    def _open_fifo(self) -> int | None:
        try:
            return os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads yet
            return None

    def _take_event(self, event: dict[str, Any]) -> bool:
        with self._lock:
            if self._handle_event is None:
                self._early_events.append(event)
                return False
        return self._handle_event(event)

    def _ask_whether_over(self) -> bool:
        return self._is_over()


_waiting: list[PlayAhead] = []
"""The play that this process started ahead: of one at most, and until somebody takes it."""


@contextlib.contextmanager
def start_ahead(playbook: str, plugins: Sequence[Path], first_step: str = "") -> Iterator[None]:
    """Have a play of `playbook` wait while the body runs, for whoever takes it there.

    Where it cannot be started, none waits: whoever plays later says why.
    """
    with contextlib.ExitStack() as cleanup:
        # A signal between two of these lines would leave a play that waits for ever.
        # A RuntimeError is a thread for which there is no memory.
        with contextlib.suppress(HardgateError, OSError, RuntimeError), defer_signals():
            play = PlayAhead(playbook, plugins, first_step)
            cleanup.callback(play.end)
            _waiting.append(play)
            cleanup.callback(_waiting.clear)
        yield


def take_play_ahead(playbook: str) -> PlayAhead | None:
    """Give the play of this playbook that waits, to one caller; None where there is none."""
    if _waiting and _waiting[0].playbook == playbook:
        return _waiting.pop()
    return None
