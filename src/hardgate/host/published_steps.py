"""Steps that play and gate wait for each other's end of: files in the run's folder.

Each file is what a task answers, whole or not there: a step's result, or its error.
See D74 in ARCHITECTURE.md.
"""

import json
import time
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from typing import Any

from hardgate.ansible.task_result import ERROR_KEY
from hardgate.errors import HostError
from hardgate.host.step_result import StepResult

ORDERED, CREATED, HELD = "ordered", "created", "held"
ARRIVAL, TAKEN, ENGINE = "arrival", "taken", "engine"
TARGETS, SECOND_TARGETS = "targets", "second_targets"
"""What the probes of each check are to reach; it comes last."""
RELEASED = "released"
"""The gate has read all that it needs of the first workspace of two."""
PAUSE_SECONDS = 0.01


def publish_answer(folder: Path, step: str, answer: Mapping[str, Any]) -> None:
    """Let whoever waits for a step go on with its answer."""
    draft = folder / f"{step}.draft"
    draft.write_text(json.dumps(answer))
    draft.replace(_locate_answer(folder, step))


def has_answer(folder: Path, step: str) -> bool:
    """Tell whether the step has been taken."""
    return _locate_answer(folder, step).exists()


def await_answer(
    folder: Path, step: str, seconds: float = inf, *, is_over: Callable[[], bool] = lambda: False
) -> StepResult:
    """Wait until a step was taken; raise what it raised. HostError where the run ends before."""
    deadline = time.monotonic() + seconds
    while not has_answer(folder, step):
        # A run's folder goes with it: a task that nobody told of the end waits no longer.
        if is_over() or not folder.exists():
            raise HostError(f"The run ended before the step '{step}' was taken.")
        if time.monotonic() > deadline:
            raise HostError(
                f"The step '{step}' was not taken in time.",
                "Look at build.log, and at what was reported last.",
            )
        time.sleep(PAUSE_SECONDS)
    answer = json.loads(_locate_answer(folder, step).read_text())
    if ERROR_KEY in answer:
        error = answer[ERROR_KEY]
        raise HostError(error["problem"], error["remedy"], evidence=error["evidence"])
    return StepResult.from_json(answer)


def _locate_answer(folder: Path, step: str) -> Path:
    return folder / f"{step}.json"
