"""What a gate says of builds, contracts and hosts that go wrong, and of probes that misbehave."""

from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from tests.integration.conftest import Gate
from tests.integration.test_leaving import processes_of

pytestmark = pytest.mark.independent

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


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--contract", "/nowhere/contract.yaml"), "/nowhere/contract.yaml"),
        (("--contrat", "x.yaml"), "Did you mean '--contract'"),
        (("--tier", "7"), "There is no tier 7"),
        (("--only", "agent_home"), "agent_home_writable"),
        (("--egress", "ftp://x"), "no egress target"),
        (("--volume", "relative"), "no path in the workspace"),
        (("--env-file", "/nowhere"), "cannot be read"),
        (("--context", "/nowhere"), "There is no folder"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_wrong_command_is_exit_2_before_any_engine_is_touched(
    gate: Gate, words: tuple[str, ...], problem: str
) -> None:
    image = () if "--context" in words else ("--image", "not-there")
    ended = gate(*image, *words, environment={"DOCKER_HOST": "unix:///nowhere"})
    assert ended.exit_code == 2
    assert problem in ended.output
    assert "unix:///nowhere" not in ended.output


def test_a_config_that_holds_what_a_probe_asserts_is_refused(gate: Gate, tmp_path: Path) -> None:
    (tmp_path / ".auth_token").write_text("prepared")
    ended = gate("--image", "not-there", "--config", str(tmp_path))
    assert ended.exit_code == 2
    assert "which a probe asserts" in ended.output


def test_config_env_and_volumes_reach_the_workspace(
    gate: Gate, reference: str, tmp_path: Path, make_contract: MakeContract
) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "settings.ini").write_text("spoken=yes\n")
    (tmp_path / "env").write_text("# a note\nFROM_FILE=two words\n")
    contract = make_contract(
        {
            "config": "cat /configs/*.ini | grep -q spoken=yes",
            "env": '[ "$FROM_WORDS" = one ] && [ "$FROM_FILE" = "two words" ]',
            "volume": "test -w /extra || grep -q ' /extra ' /proc/self/mountinfo",
        }
    )
    ended = gate(
        *("--image", reference, "--contract", str(contract), "--config", str(config)),
        *("--env", "FROM_WORDS=one", "--env-file", str(tmp_path / "env"), "--volume", "/extra"),
    )
    assert ended.exit_code == 0


def test_a_probe_over_its_time_fails_leaves_no_process_and_lets_the_others_run(
    gate: Gate, reference: str, make_contract: MakeContract
) -> None:
    contract = make_contract(
        {
            "endless": "sleep 4321 & setsid sleep 4322 & sleep 4323",
            "closed": "exec >&- 2>&-; sleep 4324",
            "nothing_of_them_is_left": "! grep -alE 'sleep.43[2]' /proc/[0-9]*/cmdline",
        }
    )
    ended = gate("--image", reference, "--contract", str(contract), "--probe-timeout", "2")
    assert ended.names("fail") == {"endless", "closed"}
    assert ended.exit_code == 1
    assert "still running" in ended.verdict("endless")["reason"]
    assert list(processes_of("sleep\x0043")) == []


def test_a_flood_is_cut_and_an_exit_status_comes_through(
    gate: Gate, reference: str, make_contract: MakeContract
) -> None:
    contract = make_contract({"flood": "yes | head -c 100000000; exit 7"})
    ended = gate("--image", reference, "--contract", str(contract))
    verdict = ended.verdict("flood")
    assert (verdict["outcome"], verdict["exit_status"], verdict["truncated"]) == ("fail", 7, True)
    assert len(verdict["stdout"]) <= 64 * 1024


def test_a_probe_that_passes_the_second_time_is_still_a_failure_and_called_flaky(
    gate: Gate, reference: str, make_contract: MakeContract
) -> None:
    contract = make_contract({"moody": "[ -e /tmp/once ] || { touch /tmp/once; exit 1; }"})
    ended = gate("--image", reference, "--contract", str(contract))
    assert ended.exit_code == 1
    assert ended.verdict("moody")["diagnosis"]["flaky"] is True


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
