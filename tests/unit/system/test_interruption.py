"""A signal comes once as an exception, and never between a run's end and its reports."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from hardgate.system.interruption import (
    Interrupted,
    defer_signals,
    ignore_signals,
    listen_in_thread,
    raise_in_thread,
    raise_on_signals,
    was_interrupted,
)
from hardgate.system.process import run_command

BOTH = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", BOTH)
def test_the_first_signal_is_raised_and_later_ones_are_not(number: signal.Signals) -> None:
    with raise_on_signals():
        with pytest.raises(Interrupted) as came:
            os.kill(os.getpid(), number)
        for later in BOTH:
            os.kill(os.getpid(), later)
    assert came.value.exit_code == 128 + number


@pytest.mark.parametrize("number", BOTH)
def test_reports_are_written_whatever_comes(number: signal.Signals) -> None:
    with raise_on_signals():
        with ignore_signals():
            os.kill(os.getpid(), number)
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), number)


def test_a_signal_while_all_is_taken_down_is_heard_afterwards() -> None:
    done = []

    def clean_up() -> None:
        with raise_on_signals(), defer_signals():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest of the clean-up")

    with pytest.raises(Interrupted):
        clean_up()

    assert done == ["the rest of the clean-up"]


def signal_while(work: Callable[[], object], begun: threading.Event) -> "Future[object]":
    """Do work in another thread, send this process SIGINT once it has begun, and wait for both."""
    with ThreadPoolExecutor(max_workers=1) as threads, raise_on_signals():
        future = threads.submit(work)
        begun.wait(60)
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGINT)
        assert was_interrupted()
        threads.shutdown()
    return future


def test_a_program_that_a_listening_thread_runs_ends_with_the_signal() -> None:
    begun, started = threading.Event(), time.monotonic()

    def work() -> None:
        with listen_in_thread(), raise_on_signals(), ignore_signals():
            begun.set()
            run_command(["sleep", "60"])

    future = signal_while(work, begun)
    assert isinstance(future.exception(), Interrupted)
    assert time.monotonic() - started < 30
    assert not was_interrupted(), "what comes later is not about this signal"


def test_a_thread_is_told_once_so_that_it_can_report() -> None:
    begun = threading.Event()

    def work() -> str:
        with listen_in_thread():
            begun.set()
            with pytest.raises(Interrupted):
                run_command(["sleep", "60"])
            return run_command(["echo", "reported"]).stdout

    assert signal_while(work, begun).result() == "reported\n"


def test_a_thread_that_does_not_listen_is_left_alone() -> None:
    begun = threading.Event()

    def work() -> str:
        begun.set()
        return run_command(["sh", "-c", "sleep 1; echo done"]).stdout

    assert signal_while(work, begun).result() == "done\n"
    raise_in_thread()
