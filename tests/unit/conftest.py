"""No unit test leaves a thread to those after it."""

import threading
from collections.abc import Iterator

import pytest

SECONDS_TO_END = 10


@pytest.fixture(autouse=True, scope="module")
def no_thread_is_left() -> Iterator[None]:
    """Fail where a module's threads go on: each takes time from all tests that follow."""
    before = set(threading.enumerate())
    yield
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(SECONDS_TO_END)
    assert not [thread.name for thread in left if thread.is_alive()]
