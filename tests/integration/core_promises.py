"""What a gate keeps on every engine: one run that is asked for all of it, and what must come of it.

test_gate.py sees it on the caller's engine, test_image_stores.py on one that keeps its images in
containerd's store.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.conftest import Ended, Gate, run_gate, write_contract
from tests.integration.test_leaving import processes_of

REACHES = ("config", "environment", "volume", "home_under_a_volume")


@dataclass(frozen=True, kw_only=True)
class CoreRun(Ended):
    """A run of all these probes that has ended."""

    sleep: int
    """What its sleeping processes are known by: another run on this machine may have some, too."""


def make_probes(sleep: int) -> Mapping[str, Mapping[str, Any]]:
    """Make the probes of what probes may do, and of what reaches them."""
    sleepers = f"sleep {sleep}.1 & setsid sleep {sleep}.2 & sleep {sleep}.3"
    return {
        "config": {"probe": "grep -q spoken=yes /configs/*.ini"},
        "environment": {"probe": '[ "$FROM_WORDS" = one ] && [ "$FROM_FILE" = "two words" ]'},
        "volume": {"probe": "grep -q ' /extra ' /proc/self/mountinfo"},
        "home_under_a_volume": {
            "probe": "grep -q ' /agent-home ' /proc/self/mountinfo && touch /agent-home/x"
        },
        "endless": {"probe": sleepers, "timeout": 2},
        "closed": {"probe": f"exec >&- 2>&-; sleep {sleep}.4", "timeout": 2},
        "nothing_of_them_is_left": {
            "probe": f"! grep -alE 'sleep.{sleep}[.]' /proc/[0-9]*/cmdline"
        },
        "flood": {"probe": "yes | head -c 100000000; exit 7"},
        "moody": {"probe": "[ -e /tmp/once ] || { touch /tmp/once; exit 1; }"},
        "silent": {"probe": "no-such-command >/dev/null 2>&1"},
        "wish": {"probe": "exit 1", "severity": "advisory"},
    }


def run_core_gate(
    folder: Path, image: str, *, environment: Mapping[str, str] | None = None
) -> CoreRun:
    """Run a gate of all these probes."""
    (folder / "config").mkdir()
    (folder / "config" / "settings.ini").write_text("spoken=yes\n")
    (folder / "env").write_text("# a note\nFROM_FILE=two words\n")
    sleep = 10_000 + secrets.randbelow(90_000)
    contract = write_contract(folder / "contract.yaml", make_probes(sleep))
    ended = run_gate(
        folder / "run",
        *("--image", image, "--contract", str(contract), "--config", str(folder / "config")),
        *("--env", "FROM_WORDS=one", "--env-file", str(folder / "env")),
        *("--volume", "/extra", "--volume", "/agent-home"),
        environment=environment,
    )
    return CoreRun(exit_code=ended.exit_code, output=ended.output, folder=ended.folder, sleep=sleep)


def what_misses_is_red_and_what_holds_beside_it_is_not(ended: CoreRun) -> None:
    assert ended.exit_code == 1
    assert ended.names("fail") == {"endless", "closed", "flood", "moody", "silent", "wish"}
    assert ended.names("error") == set()


def what_a_workspace_is_given_reaches_it(ended: CoreRun) -> None:
    assert set(REACHES) <= ended.names("pass")


def a_probe_over_its_time_fails_leaves_no_process_and_lets_the_others_run(ended: CoreRun) -> None:
    for name in ("endless", "closed"):
        assert "still running" in ended.verdict(name)["reason"]
    assert ended.verdict("nothing_of_them_is_left")["outcome"] == "pass"
    assert list(processes_of(f"sleep\0{ended.sleep}.")) == []


def a_flood_is_cut_and_an_exit_status_comes_through(ended: CoreRun) -> None:
    verdict = ended.verdict("flood")
    assert (verdict["outcome"], verdict["exit_status"], verdict["truncated"]) == ("fail", 7, True)
    assert len(verdict["stdout"]) <= 64 * 1024


def a_probe_that_passes_the_second_time_is_still_a_failure_and_called_flaky(ended: CoreRun) -> None:
    assert ended.verdict("moody")["diagnosis"]["flaky"] is True


def a_silent_miss_is_explained_by_its_second_look(ended: CoreRun) -> None:
    reason = ended.verdict("silent")["diagnosis"]["reason"]
    assert reason["cause"] == "command_missing"
    assert "no-such-command" in reason["sentence"]


def an_advisory_miss_is_told_as_skipped(ended: CoreRun) -> None:
    assert ended.junit.skipped == 1


def the_settings_are_the_tiers(ended: CoreRun) -> None:
    assert "workspace_settings_match_tier" in ended.names("pass")


CORE: tuple[Callable[[CoreRun], None], ...] = (
    what_misses_is_red_and_what_holds_beside_it_is_not,
    what_a_workspace_is_given_reaches_it,
    a_probe_over_its_time_fails_leaves_no_process_and_lets_the_others_run,
    a_flood_is_cut_and_an_exit_status_comes_through,
    a_probe_that_passes_the_second_time_is_still_a_failure_and_called_flaky,
    a_silent_miss_is_explained_by_its_second_look,
    an_advisory_miss_is_told_as_skipped,
    the_settings_are_the_tiers,
)


def see_a_build_that_fails(gate: Gate, context: Path) -> None:
    """See that a failed build shows its end, is exit 3, and counts for no promise."""
    (context / "Dockerfile").write_text(
        "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN echo the very cause >&2; exit 9\n"
    )
    ended = gate("--context", str(context))
    assert ended.exit_code == 3
    assert ended.output.splitlines()[-1].startswith("HARDGATE UNKNOWN")
    assert "the very cause" in ended.output
    assert "the very cause" in (ended.folder / "build.log").read_text()
    assert "the very cause" in (ended.folder / "junit.xml").read_text()
    assert ended.names("pass") == set()
