"""For every promise there is an image that breaks it, and the gate goes red for that alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import docker
import pytest

from hardgate.report.read_summary import read_summary
from tests.integration.conftest import IMAGES, Gate
from tests.picture import RECORDED_RUN

pytestmark = pytest.mark.independent

EVERY_PROBE = frozenset(
    {
        "agent_uid_1000",
        "agent_home_writable",
        "auth_token_agent_owned",
        "list_peers_http_200",
        "network_egress_https",
        "host_root_reach_via_nsenter",
        "pid_host_visible",
        "host_fs_write_readback",
        "docker_socket_reachable",
        "privileged_flag_observable",
    }
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fixture image, and exactly what it must not be given."""

    image: str
    failed: frozenset[str]
    untold: frozenset[str] = frozenset()
    words: Sequence[str] = ()
    full: bool = False
    """Another image breaks the same promise, in another way."""


CASES = (
    Case(image="agent_home_missing", failed=frozenset({"agent_home_writable"}), full=True),
    Case(image="agent_home_root_owned", failed=frozenset({"agent_home_writable"}), full=True),
    Case(
        image="agent_home_volume_unrepaired",
        failed=frozenset({"agent_home_writable"}),
        words=("--volume", "/agent-home"),
    ),
    Case(image="empty_token", failed=frozenset({"list_peers_http_200"}), full=True),
    Case(
        image="entrypoint_exits",
        failed=frozenset({"workspace_became_ready", "workspace_kept_running"}),
        untold=EVERY_PROBE
        | {
            "workload_runs_as_agent_uid",
            "workspace_shell_is_honest",
            "pid_namespace_matches_tier",
            "host_writes_are_real",
            "host_root_is_real",
            "engine_reach_is_real",
            "token_is_accepted",
            "egress_is_real",
        },
    ),
    Case(
        image="curl_hides_401",
        failed=frozenset({"egress_is_real", "token_is_accepted"}),
    ),
    Case(image="curl_lies", failed=frozenset({"egress_is_real"}), full=True),
    Case(image="docker_lies", failed=frozenset({"engine_reach_is_real"})),
    Case(
        image="lying_nsenter",
        failed=frozenset({"host_root_reach_via_nsenter", "host_root_is_real"}),
        full=True,
    ),
    Case(image="nsenter_lies_well", failed=frozenset({"host_root_is_real"}), full=True),
    Case(
        image="sudo_swallows",
        failed=frozenset({"host_root_is_real"}),
        words=("--contract", str(IMAGES / "sudo_swallows" / "contract.yaml")),
    ),
    Case(image="lying_sh", failed=frozenset({"workspace_shell_is_honest"}), full=True),
    Case(
        image="lying_sudo",
        failed=frozenset({"host_root_reach_via_nsenter", "host_root_is_real"}),
        full=True,
    ),
    # Its shell passes the probe of egress too, and nothing arrived at the beacon.
    Case(image="mute_sh", failed=frozenset({"workspace_shell_is_honest", "egress_is_real"})),
    Case(
        image="never_ready",
        failed=frozenset(
            {"workspace_became_ready", "auth_token_agent_owned", "list_peers_http_200"}
        ),
        words=("--ready-timeout", "4"),
        full=True,
    ),
    Case(image="no_docker_command", failed=frozenset({"docker_socket_reachable"}), full=True),
    Case(image="no_nsenter", failed=frozenset({"host_root_reach_via_nsenter"}), full=True),
    Case(image="no_sudo", failed=frozenset({"host_root_reach_via_nsenter"}), full=True),
    Case(
        image="no_uid_1000",
        failed=frozenset(
            {
                "workload_runs_as_agent_uid",
                "agent_uid_1000",
                "agent_home_writable",
                "auth_token_agent_owned",
                "list_peers_http_200",
                "host_root_reach_via_nsenter",
                "docker_socket_reachable",
            }
        ),
    ),
    Case(
        image="runtime_as_root",
        failed=frozenset(
            {
                "workload_runs_as_agent_uid",
                "agent_uid_1000",
                "auth_token_agent_owned",
                "list_peers_http_200",
            }
        ),
        full=True,
    ),
    Case(image="unauthorized", failed=frozenset({"list_peers_http_200"}), full=True),
)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.image, marks=[pytest.mark.full] if case.full else [])
        for case in CASES
    ],
)
def test_a_broken_image_is_red_for_that_reason_alone(
    gate: Gate, reference_tag: str, case: Case
) -> None:
    ended = gate(
        *("--context", str(IMAGES / case.image), "--build-arg", f"BASE_IMAGE={reference_tag}"),
        *("--egress", "beacon"),
        *case.words,
    )
    assert ended.names("fail") == case.failed
    assert ended.names("error") == case.untold
    assert ended.exit_code == 1
    last = ended.output.splitlines()[-1]
    assert last.startswith("HARDGATE RED")
    assert last.endswith("(exit 1)")
    for name in case.failed:
        assert ended.verdict(name)["reason"], name


def test_what_breaks_in_full_alone_is_broken_by_another_image_too() -> None:
    always = frozenset[str]().union(*(case.failed for case in CASES if not case.full))
    assert always >= frozenset[str]().union(*(case.failed for case in CASES))


def test_every_fixture_image_has_a_case() -> None:
    healthy = {"second", "host_tmp_in_image"}
    assert {case.image for case in CASES} | healthy == {
        folder.name for folder in IMAGES.iterdir() if folder.is_dir()
    }


@pytest.mark.full
def test_the_run_that_readme_shows_is_explained_so_today(gate: Gate, reference_tag: str) -> None:
    recorded = {one["name"]: one for one in read_summary(RECORDED_RUN)["verdicts"]}
    folder = RECORDED_RUN.parent
    ended = gate(
        *("--context", str(folder), "--contract", str(folder / "contract.yaml")),
        *("--build-arg", f"BASE_IMAGE={reference_tag}"),
    )
    assert ended.names("fail") == {
        name for name, one in recorded.items() if one["outcome"] == "fail"
    }
    for name in ended.names("fail"):
        reason, shown = (
            one["diagnosis"]["reason"] for one in (ended.verdict(name), recorded[name])
        )
        assert (reason["sentence"], reason["remedy"]) == (shown["sentence"], shown["remedy"])


@pytest.fixture
def local_only(client: docker.APIClient, slim: str) -> Iterator[None]:
    """Give the engine a base that no registry has; Python is on it already."""
    client.tag(slim, "hardgate-test/local-only", "1", force=True)
    yield
    client.remove_image("hardgate-test/local-only:1")


@pytest.mark.usefixtures("local_only")
def test_an_image_that_is_not_ours_passes_a_contract_that_is_not_ours(gate: Gate) -> None:
    second = IMAGES / "second"
    ended = gate(
        *("--context", str(second), "--contract", str(second / "contract.yaml")),
        *("--egress", "beacon"),
    )
    assert ended.exit_code == 0
    assert ended.names("pass") >= {v["name"] for v in ended.summary["verdicts"]}
    assert ended.output.splitlines()[-1].startswith("HARDGATE GREEN: 10 of 10")
