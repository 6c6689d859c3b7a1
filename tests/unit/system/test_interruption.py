"""A signal comes once as an exception, and never between a run's end and its reports."""

import os
import signal

import pytest

from hardgate.system.interruption import (
    Interrupted,
    defer_signals,
    ignore_signals,
    raise_on_signals,
)

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
