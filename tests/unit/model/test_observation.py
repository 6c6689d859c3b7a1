"""The times of looks are taken however a look ends, and are counted from a run's start."""

import pytest

from hardgate.model.observation import Look, LookKind, LookRecorder, Observation


def test_a_look_that_fails_has_a_time_too() -> None:
    recorder = LookRecorder()
    with pytest.raises(OSError, match="gone"), recorder.record_look(LookKind.RERUN):
        raise OSError("gone")
    [look] = recorder.looks
    assert look.kind is LookKind.RERUN
    assert look.seconds >= 0


def test_a_look_from_before_the_run_begins_with_it() -> None:
    look = Look(kind=LookKind.RUN, began=3.0, seconds=1.0)
    counted = Observation(name="x", looks=(look,)).count_looks_from(5.0)
    assert [one.began for one in counted.looks] == [0.0]
