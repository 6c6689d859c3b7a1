"""A builder's lines, and the region's lines that are made of them."""

import pytest

from hardgate.report.progress import (
    StepProgress,
    format_elapsed,
    format_progress,
    read_build_stage,
    strip_build_prefix,
)


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        ("Step 3/12 : RUN apt-get update", "step 3 of 12: RUN apt-get update"),
        ("#8 [2/5] RUN make", "step 2 of 5: RUN make"),
        ("#12 [builder 2/5] RUN make", "step 2 of 5 of 'builder': RUN make"),
        ("#5 [internal] load build definition from Dockerfile", ""),
        ("#8 0.412 [2/5] RUN make", ""),  # what a command of the build printed
        ("#8 DONE 3.1s", ""),
        ("Get:1 http://deb.example", ""),
        ("", ""),
    ],
)
def test_a_line_that_begins_a_step_of_a_build_is_known(line: str, stage: str) -> None:
    assert read_build_stage(line) == stage


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("#8 0.412 Get:1 x", "Get:1 x"),
        ("#8 DONE 3.1s", "DONE 3.1s"),
        ("Get:1 #8 0.4 x", "Get:1 #8 0.4 x"),
        ("# a comment", "# a comment"),
    ],
)
def test_a_builders_prefix_is_left_out(line: str, bare: str) -> None:
    assert strip_build_prefix(line) == bare


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.9, "0 s"), (59.9, "59 s"), (60, "1 min 0 s"), (725, "12 min 5 s"), (7300, "2 h 1 min")],
)
def test_time_goes_by_in_whole_seconds(seconds: float, text: str) -> None:
    assert format_elapsed(seconds) == text


def rows(number: int, columns: int, height: int) -> list[str]:
    steps = [
        StepProgress(name=f"step {n}", seconds=n, stage="step 1 of 2: RUN x", latest="words")
        for n in range(number)
    ]
    return [line for _, line in format_progress(steps, frame="*", columns=columns, rows=height)]


def test_details_are_for_wide_windows() -> None:
    wide = ["* step 0  0 s", "    step 1 of 2: RUN x", "    | words"]
    assert rows(1, 80, 24) == wide
    assert rows(1, 40, 24) == wide
    assert rows(1, 39, 24) == ["* step 0  0 s"]


@pytest.mark.parametrize(
    ("number", "height", "shown"), [(2, 24, 6), (3, 24, 3), (30, 24, 8), (3, 2, 2), (3, 0, 1)]
)
def test_the_region_stays_low(number: int, height: int, shown: int) -> None:
    assert len(rows(number, 80, height)) == shown
