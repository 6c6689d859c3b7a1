"""What a gate says of builds, contracts and hosts that go wrong, and of probes that misbehave."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.integration.conftest import Ended, Gate, run_gate, write_contract
from tests.integration.test_leaving import processes_of

pytestmark = pytest.mark.independent

OF_ONE_RUN = pytest.mark.xdist_group("gate-probes")

MakeContract = Callable[..., Path]


def test_a_build_that_fails_shows_its_end_and_its_junit_says_so(gate: Gate, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN echo the very cause >&2; exit 9\n"
    )
    ended = gate("--context", str(tmp_path))
    assert ended.exit_code == 3
    assert ended.output.splitlines()[-1].startswith("HARDGATE UNKNOWN")
    assert "the very cause" in ended.output
    assert "the very cause" in (ended.folder / "build.log").read_text()
    assert "the very cause" in (ended.folder / "junit.xml").read_text()
    assert ended.names("pass") == set()


PROBES: Mapping[str, Mapping[str, Any]] = {
    "config": {"probe": "grep -q spoken=yes /configs/*.ini"},
    "environment": {"probe": '[ "$FROM_WORDS" = one ] && [ "$FROM_FILE" = "two words" ]'},
    "volume": {"probe": "grep -q ' /extra ' /proc/self/mountinfo"},
    "home_under_a_volume": {
        "probe": "grep -q ' /agent-home ' /proc/self/mountinfo && touch /agent-home/x"
    },
    "endless": {"probe": "sleep 4321 & setsid sleep 4322 & sleep 4323", "timeout": 2},
    "closed": {"probe": "exec >&- 2>&-; sleep 4324", "timeout": 2},
    "nothing_of_them_is_left": {"probe": "! grep -alE 'sleep.43[2]' /proc/[0-9]*/cmdline"},
    "flood": {"probe": "yes | head -c 100000000; exit 7"},
    "moody": {"probe": "[ -e /tmp/once ] || { touch /tmp/once; exit 1; }"},
    "wish": {"probe": "exit 1", "severity": "advisory"},
}
"""What probes may do, and what reaches them: one run is asked for all of it."""


@pytest.fixture(scope="module")
def ended(reference: str, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Run a gate of all these probes once."""
    folder = tmp_path_factory.mktemp("probes")
    (folder / "config").mkdir()
    (folder / "config" / "settings.ini").write_text("spoken=yes\n")
    (folder / "env").write_text("# a note\nFROM_FILE=two words\n")
    contract = write_contract(folder / "contract.yaml", PROBES)
    return run_gate(
        folder / "run",
        *("--image", reference, "--contract", str(contract), "--config", str(folder / "config")),
        *("--env", "FROM_WORDS=one", "--env-file", str(folder / "env")),
        *("--volume", "/extra", "--volume", "/agent-home"),
    )


@OF_ONE_RUN
def test_what_misses_is_red_and_what_holds_beside_it_is_not(ended: Ended) -> None:
    assert ended.exit_code == 1
    assert ended.names("fail") == {"endless", "closed", "flood", "moody", "wish"}
    assert ended.names("error") == set()


@OF_ONE_RUN
@pytest.mark.parametrize("name", ["config", "environment", "volume", "home_under_a_volume"])
def test_what_a_workspace_is_given_reaches_it(ended: Ended, name: str) -> None:
    assert ended.verdict(name)["outcome"] == "pass"


@OF_ONE_RUN
def test_a_probe_over_its_time_fails_leaves_no_process_and_lets_the_others_run(
    ended: Ended,
) -> None:
    for name in ("endless", "closed"):
        assert "still running" in ended.verdict(name)["reason"]
    assert ended.verdict("nothing_of_them_is_left")["outcome"] == "pass"
    assert list(processes_of("sleep\x0043")) == []


@OF_ONE_RUN
def test_a_flood_is_cut_and_an_exit_status_comes_through(ended: Ended) -> None:
    verdict = ended.verdict("flood")
    assert (verdict["outcome"], verdict["exit_status"], verdict["truncated"]) == ("fail", 7, True)
    assert len(verdict["stdout"]) <= 64 * 1024


@OF_ONE_RUN
def test_a_probe_that_passes_the_second_time_is_still_a_failure_and_called_flaky(
    ended: Ended,
) -> None:
    assert ended.verdict("moody")["diagnosis"]["flaky"] is True


@OF_ONE_RUN
def test_an_advisory_miss_is_told_as_skipped(ended: Ended) -> None:
    assert ended.junit.skipped == 1


@pytest.mark.full  # what it adds to the verdicts' own tests is the exit code of a whole run
def test_an_advisory_miss_alone_leaves_the_run_unproven_and_never_red(
    gate: Gate, reference: str, make_contract: MakeContract
) -> None:
    contract = make_contract({"wish": "exit 1"}, severity="advisory")
    ended = gate("--image", reference, "--contract", str(contract))
    assert ended.exit_code == 3
    assert ended.junit.skipped == 1


def test_a_workspace_killed_by_somebody_else_is_an_error_and_not_the_images_fault(
    gate: Gate, reference: str, make_contract: MakeContract
) -> None:
    contract = make_contract(
        {
            "murder": "sudo -n docker ps -q | xargs -r sudo -n docker kill >/dev/null; sleep 5",
            "after": "exit 0",
        }
    )
    ended = gate("--image", reference, "--contract", str(contract))
    assert ended.verdict("workspace_kept_running")["outcome"] == "error"
    assert ended.names("pass").isdisjoint({"murder", "after"})
    assert ended.exit_code == 3


def test_an_image_that_nobody_has_is_exit_3(gate: Gate, client: docker.APIClient) -> None:
    assert client.ping()
    ended = gate("--image", "hardgate-test/nowhere:1")
    assert ended.exit_code == 3
    assert "hardgate-test/nowhere:1" in ended.output.splitlines()[-1]
