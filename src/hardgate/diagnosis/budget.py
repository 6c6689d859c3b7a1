"""How long a diagnosis may take: a miss is reported in time, with its reason or without one."""

import time
from collections.abc import Callable

PROBE_DIAGNOSIS_SECONDS = 5.0
"""Seconds for one miss."""


class BudgetSpentError(Exception):
    """The time for a diagnosis is over."""


class Budget:
    """Seconds from now on; asked between the steps of a diagnosis, each of which is short."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin now."""
        self._clock = clock
        self._deadline = clock() + seconds

    def narrow_to(self, seconds: float) -> "Budget":
        """Give a budget for a part: so many seconds, and no more than what is left here."""
        return Budget(min(seconds, max(0.0, self._deadline - self._clock())), self._clock)

    def check(self) -> None:
        """Raise BudgetSpentError where the time is over."""
        if self._clock() >= self._deadline:
            raise BudgetSpentError
