"""How a workspace ends and comes again, judged from facts."""

from typing import Any

import pytest

from hardgate.host.restart import judge_import, judge_restart, judge_stop
from tests.unit.runs import CONTRACT, TIER

AGENT = {"init": 7, "processes": [{"pid": 7, "ppid": 1, "uid": 1000, "command": "python3"}]}
ROOT = {"init": 7, "processes": [{"pid": 7, "ppid": 1, "uid": 0, "command": "python3"}]}
READY = {"ready": True, "seconds": 1.5, "missing": ""}
LATE = {"ready": False, "seconds": 60.0, "missing": "Nothing listens on its port 8080."}


@pytest.mark.parametrize(
    ("facts", "held", "words"),
    [
        ({"before": True, "seconds": 0.2, "exit_status": 0}, True, "0.2 s after SIGTERM"),
        ({"before": True, "seconds": 0.2, "exit_status": 143}, True, "SIGTERM"),
        ({"before": True, "seconds": 10.2, "exit_status": 137}, False, "was killed"),
        (
            {"before": True, "seconds": 0.2, "exit_status": 130, "signal": "SIGINT"},
            True,
            "0.2 s after SIGINT",
        ),
        (
            {"before": True, "seconds": 0.2, "exit_status": 143, "signal": "SIGINT"},
            False,
            "exit status 143",
        ),
        (
            {"before": True, "seconds": 0.2, "exit_status": 165, "signal": "SIGRTMIN+3"},
            True,
            "SIGRTMIN+3",
        ),
        (
            {"before": True, "seconds": 0.1, "exit_status": 137, "signal": "SIGKILL"},
            False,
            "was killed",
        ),
        ({"before": True, "seconds": 0.2, "exit_status": 1}, False, "exit status 1"),
        ({"before": True, "seconds": 0.2, "exit_status": None}, False, "exit status None"),
        ({"before": False, "seconds": 0.1, "exit_status": 1}, None, "had ended before"),
    ],
)
def test_a_stop_is_clean_when_it_ends_by_itself(
    facts: dict[str, Any], held: bool | None, words: str
) -> None:
    answer, reason = judge_stop(facts, TIER, CONTRACT)
    assert answer is held
    assert words in reason


@pytest.mark.parametrize(
    ("first", "again", "before", "workload", "held", "words"),
    [
        (READY, READY, AGENT, AGENT, True, "Ready after 1.5 s, and after 1.5 s"),
        (READY, LATE, AGENT, None, False, "Nothing listens on its port 8080."),
        (LATE, LATE, AGENT, None, None, "never came up the first time"),
        (READY, READY, AGENT, ROOT, False, "Started anew on its own volumes"),
        (READY, READY, ROOT, ROOT, True, ""),
    ],
)
def test_a_second_boot_is_as_good_as_the_first(
    first: dict[str, Any],
    again: dict[str, Any],
    before: dict[str, Any],
    workload: dict[str, Any] | None,
    held: bool | None,
    words: str,
) -> None:
    facts = {"first": first, "readiness": again, "workload": workload, "first_workload": before}
    answer, reason = judge_restart(facts, TIER, CONTRACT)
    assert answer is held
    assert words in reason


def test_an_import_that_fails_says_its_last_line() -> None:
    said = "Traceback …\nadapter imports 'nosuch', which the image has not.\n"
    assert judge_import({"exit_status": 0, "said": ""}, TIER, CONTRACT) == (True, "")
    answer, reason = judge_import({"exit_status": 1, "said": said}, TIER, CONTRACT)
    assert (answer, reason) == (False, "adapter imports 'nosuch', which the image has not.")
