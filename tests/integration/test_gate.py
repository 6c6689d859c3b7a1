"""What a gate says of builds, contracts and hosts that go wrong, and of probes that misbehave."""

from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from tests.integration.conftest import Gate
from tests.integration.core_promises import CORE, CoreRun, run_core_gate, see_a_build_that_fails

pytestmark = pytest.mark.independent

MakeContract = Callable[..., Path]


def test_a_build_that_fails_shows_its_end_and_its_junit_says_so(gate: Gate, tmp_path: Path) -> None:
    see_a_build_that_fails(gate, tmp_path)


@pytest.fixture(scope="module")
def ended(reference: str, tmp_path_factory: pytest.TempPathFactory) -> CoreRun:
    """Run a gate of all these probes once."""
    return run_core_gate(tmp_path_factory.mktemp("probes"), reference)


@pytest.mark.xdist_group("gate-probes")
@pytest.mark.parametrize("promise", CORE, ids=lambda promise: promise.__name__)
def test_one_run_keeps_each_promise_to_its_probes(
    ended: CoreRun, promise: Callable[[CoreRun], None]
) -> None:
    promise(ended)


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
