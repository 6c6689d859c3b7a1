"""What a silent probe threw away is seen: on each tier, by each shell, on either host."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

from hardgate.diagnosis.evidence.collect import observe_probe
from hardgate.diagnosis.evidence.traced_rerun import (
    NOT_ATTACHED,
    RERUN_TIMED_OUT,
    TRACE_CUT,
    WORKSPACE_ENDED,
    XTRACE_IN_PIPES,
)
from hardgate.engine.client import connect_engine
from hardgate.host.observer import Observer
from hardgate.host.probe import Probe, ProbeContext
from hardgate.host.workspace import (
    Workspace,
    WorkspaceRequest,
    create_workspace,
    inspect_state,
    is_same_and_running,
    start_workspace,
    wait_until_ready,
)
from hardgate.model.observation import Observation
from hardgate.model.tier import load_tiers
from hardgate.system.ownership import Owner, ProcessIdentity
from tests.full import wants_full
from tests.integration.conftest import ROOT
from tests.integration.machine import Machine, machine

SHELLS = {
    "dash": "FROM {reference}\n",
    "bash": (
        "FROM {reference}\nRUN ln -sf bash /bin/sh\n"
        'ENTRYPOINT ["/bin/dash", "/usr/local/bin/entrypoint.sh"]\n'
        'CMD ["/usr/bin/python3", "-I", "-S", "/usr/local/bin/runtime.py"]\n'
    ),
    "busybox": (
        "FROM {reference}\n"
        "RUN apt-get update && apt-get install -y --no-install-recommends busybox-static"
        " && ln -sf busybox /bin/sh && rm /usr/bin/nsenter /usr/bin/unshare /usr/bin/setpriv\n"
        'ENTRYPOINT ["/usr/bin/sleep", "infinity"]\nCMD []\nHEALTHCHECK NONE\n'
    ),
    "mute": (
        "FROM {reference}\n"
        "RUN printf '#!/bin/dash\\nexec /bin/dash \"$@\" >/dev/null 2>&1\\n' >/usr/local/lib/mute"
        " && chmod 0755 /usr/local/lib/mute && ln -sf /usr/local/lib/mute /bin/sh\n"
        'ENTRYPOINT ["/bin/dash", "/usr/local/bin/entrypoint.sh"]\n'
        'CMD ["/usr/bin/python3", "-I", "-S", "/usr/local/bin/runtime.py"]\n'
    ),
    "unwilling": (
        "FROM {reference}\n"
        "RUN printf '#!/bin/dash\\n"
        '[ "$1" = -c ] && [ $# = 2 ] && exec /bin/dash "$@"\\nexit 9\\n\''
        " >/usr/local/lib/unwilling"
        " && chmod 0755 /usr/local/lib/unwilling && ln -sf /usr/local/lib/unwilling /bin/sh\n"
        'ENTRYPOINT ["/bin/dash", "/usr/local/bin/entrypoint.sh"]\n'
        'CMD ["/usr/bin/python3", "-I", "-S", "/usr/local/bin/runtime.py"]\n'
    ),
}
"""Dockerfiles, by what their `sh` is; the last one's does nothing but run a single probe."""

REDIRECTS = {
    "ls /zzz >/dev/null 2>&1": "/dev/null",
    "exec >/dev/null 2>&1; ls /zzz": "/dev/null",
    "{ ls /zzz; } >/dev/null 2>&1 || exit 3": "/dev/null",
    "(ls /zzz) 2>/dev/null": "/dev/null",
    "ls /zzz >&- 2>&-": "closed",
    "ls /zzz 2>&1 | grep -q nothing": "pipe",
    'x=$(ls /zzz 2>&1) || exit 4; [ "$x" ]': "pipe",
    "ls /zzz >/tmp/said 2>&1": "/tmp/said",
}
"""Ways to throw output away, and where it goes."""

Make = Callable[[int, str], ProbeContext]


@pytest.fixture(scope="module")
def images(
    client: docker.APIClient, reference: str, request: pytest.FixtureRequest
) -> dict[str, str]:
    """Build an image for each shell that is asked for."""
    client.tag(reference, "hardgate-test/second-look", "reference", force=True)
    tags = {}
    for shell, text in SHELLS.items():
        if shell == "busybox" and not wants_full(request.config):
            continue
        with tempfile.TemporaryDirectory() as folder:
            dockerfile = text.format(reference="hardgate-test/second-look:reference")
            (Path(folder) / "Dockerfile").write_text(dockerfile)
            tags[shell] = f"hardgate-test/second-look:{shell}"
            for event in client.build(path=folder, tag=tags[shell], decode=True, forcerm=True):
                assert "error" not in event, event
    return tags


@pytest.fixture(scope="module")
def here(client: docker.APIClient, host_image: str, images: Mapping[str, str]) -> Iterator[Machine]:
    """Boot a machine that has the images, and the test host's own."""
    client.tag(host_image, "hardgate-test/second-look", "host", force=True)
    tags = [*images.values(), "hardgate-test/second-look:host"]
    folder = Path(tempfile.mkdtemp(prefix="hg-"))
    with machine(client, folder, host_image, name="test-second-look", images=tags) as booted:
        yield booted
    shutil.rmtree(folder)


@contextmanager
def direct_lookout(here: Machine) -> Iterator[Observer]:
    """Stand where a direct run's lookout does: in a container beside the workspace."""
    created = here.client.create_container(
        "hardgate-test/second-look:host",
        ["sleep", "infinity"],
        host_config=here.client.create_host_config(
            privileged=True, pid_mode="host", network_mode="none", binds=["/:/host"]
        ),
    )
    here.client.start(created["Id"])
    try:
        yield Observer(client=here.client, container=created["Id"], root="/host")
    finally:
        here.client.remove_container(created["Id"], force=True)


@pytest.fixture(scope="module", params=["nested", pytest.param("direct", marks=pytest.mark.full)])
def lookout(request: pytest.FixtureRequest, here: Machine) -> Iterator[Observer]:
    """Look from either host's side."""
    if request.param == "nested":
        yield here.lookout
        return
    with direct_lookout(here) as beside:
        yield beside


@pytest.fixture(scope="module")
def make(here: Machine, lookout: Observer, images: Mapping[str, str]) -> Iterator[Make]:
    """Start a workspace, once for each tier and image."""
    with workspaces(here, lookout, images) as make_one:
        yield make_one


@contextmanager
def workspaces(here: Machine, lookout: Observer, images: Mapping[str, str]) -> Iterator[Make]:
    """Start workspaces that are looked at from one side, and remove them at the end."""
    made: dict[tuple[int, str], Workspace] = {}
    tiers = load_tiers(ROOT / "contracts" / "tiers.yaml")

    def setting(tier: int, shell: str = "dash") -> ProbeContext:
        if (tier, shell) not in made:
            run = f"look-{time.time_ns()}"
            owner = Owner(
                run=run,
                process=ProcessIdentity.of_current_process(),
                deadline=int(time.time()) + 1800,
            )
            wanted = WorkspaceRequest(
                image=images[shell],
                run=run,
                labels=owner.labels,
                settings=tiers[tier].container_settings(here.client.info()["NCPU"]),
                volumes=tiers[tier].volumes,
            )
            created = create_workspace(here.client, wanted)
            made[tier, shell] = start_workspace(here.client, created, wanted)
            wait_until_ready(
                here.client, here.lookout, made[tier, shell], seconds=20, token_promised=False
            )
        return ProbeContext(
            client=connect_engine(here.url),
            observer=lookout,
            workspace=made[tier, shell],
            agent_uid=1000,
            environment={"MOLECULE_T4_EGRESS_TARGETS": "https://a.invalid/"},
        )

    yield setting
    for workspace in made.values():
        here.client.remove_container(workspace.id, force=True, v=True)


def look(
    setting: ProbeContext, script: str, *, timeout: float = 20, rerun: bool = True
) -> Observation:
    """Run one probe, as the gate does."""
    probe = Probe(
        name="x", script=script, id=f"test-{time.time_ns()}", timeout=timeout, rerun=rerun
    )
    return observe_probe(probe, setting)


def texts(seen: Observation) -> list[str]:
    """Give what was thrown away, however it was."""
    return [one.text for one in seen.discarded]


def leftovers(setting: ProbeContext) -> str:
    """List what a second look must not leave behind."""
    return setting.observer.run_on_host("pgrep", "-ax", "strace|second-look|sleep").stdout


PLACES = [
    ("nested", 4, "dash"),
    *(
        pytest.param(*place, marks=pytest.mark.full)
        for place in (
            ("direct", 4, "dash"),
            ("nested", 1, "dash"),
            ("nested", 2, "dash"),
            ("nested", 3, "dash"),
            ("nested", 1, "busybox"),
            ("nested", 2, "bash"),
            ("direct", 1, "dash"),
            ("direct", 1, "busybox"),
        )
    ),
]
"""Each tier, each shell, each host; of the tiers, the first and the last one differ most. A test
below looks at the third one from beside a direct host's workspace. Busybox has to be installed."""


@pytest.mark.slow
@pytest.mark.parametrize(("lookout", "tier", "shell"), PLACES, indirect=["lookout"], scope="module")
def test_however_output_is_thrown_away_it_is_seen(make: Make, tier: int, shell: str) -> None:
    for script, target in REDIRECTS.items():
        seen = look(make(tier, shell), script)
        assert seen.execution is not None
        assert seen.rerun is not None
        if seen.execution.stderr and tier == 1:
            continue
        assert seen.rerun.exit_status == seen.execution.exit_status, script
        assert seen.rerun.problem == "", script
        assert "+ ls /zzz" in seen.rerun.stderr, script
        (told,) = [one for one in seen.discarded if "/zzz" in one.text]
        assert told.text.endswith("No such file or directory"), script
        assert told.target == target, script
        assert any(one.target == "/zzz" and one.errno == "ENOENT" for one in seen.failures)


@pytest.mark.slow
def test_it_is_seen_from_beside_a_direct_hosts_workspace_too(
    here: Machine, images: Mapping[str, str]
) -> None:
    with direct_lookout(here) as beside, workspaces(here, beside, images) as make_one:
        seen = look(make_one(3, "dash"), "ls /zzz >/dev/null 2>&1")
    assert texts(seen) == ["ls: cannot access '/zzz': No such file or directory"]


@pytest.mark.slow
def test_it_is_seen_through_sudo_and_nsenter_and_known_to_be_the_hosts(make: Make) -> None:
    seen = look(
        make(4, "dash"), "sudo -n nsenter -t 1 -m -p -- sh -c 'cat /on/host >/dev/null 2>&1'"
    )
    assert texts(seen) == ["cat: /on/host: No such file or directory"]
    statuses = {one.program: one.exit_status for one in seen.commands}
    assert (statuses["sudo"], statuses["cat"]) == (1, 1)
    (failure,) = [one for one in seen.failures if one.target == "/on/host"]
    assert failure.elsewhere
    assert "/on/host" in seen.surroundings["host_paths"]


@pytest.mark.slow
def test_what_the_runtime_answered_is_seen_where_nothing_at_all_was_printed(make: Make) -> None:
    seen = look(
        make(2, "dash"),
        'curl -fs -o /dev/null -H "Authorization: Bearer wrong" http://127.0.0.1:8080/list_peers',
    )
    (exchange,) = seen.exchanges
    assert exchange.request == "GET /list_peers HTTP/1.1"
    assert exchange.answer.endswith("401 Unauthorized")
    around = seen.surroundings
    assert around["token"]["uid"] == 1000
    assert around["token"]["blank"] is False
    assert around["port"] == "8080"
    assert any(one["port"] == 8080 and one["in_workspace"] for one in around["listening"])
    assert "Serving on port 8080" in around["log_tail"]


@pytest.mark.slow
def test_the_second_run_is_the_first_ones_equal(make: Make) -> None:
    script = (
        'echo "$0 $# $(id) $PPID" >/dev/null; tr "\\0" " " </proc/self/environ; '
        "readlink /proc/self/fd/0; sed -En '/Cap|Seccomp|NoNew|Groups/p' /proc/self/status; "
        "cut -d: -f3 /proc/self/cgroup; readlink /proc/self/ns/*; pwd; umask"
    )
    setting = make(2, "dash")
    # GNU grep says nothing to /dev/null; sed does not look.
    loud = look(setting, f"{{ {script}; }}; exit 3")
    mute = look(setting, f"{{ {script}; }} >/dev/null; exit 3")
    assert loud.execution is not None
    told = "\n".join(one.text for one in mute.discarded if one.program != "id")
    for line in loud.execution.stdout.splitlines():
        if "PROBE_ID" not in line:
            assert line in told, line


@pytest.mark.slow
def test_a_shell_that_prints_nothing_is_looked_at_all_the_same(make: Make) -> None:
    seen = look(make(2, "mute"), "[ -e /yyy ] || ls /zzz")
    assert seen.rerun is not None
    assert "+ [ -e /yyy ]" in seen.rerun.stderr
    assert "ls: cannot access '/zzz': No such file or directory" in texts(seen)


@pytest.mark.slow
def test_a_shell_that_does_not_wait_is_traced_plainly_and_that_is_said(make: Make) -> None:
    seen = look(make(2, "unwilling"), "ls /zzz >/dev/null 2>&1")
    assert seen.execution is not None
    assert seen.execution.exit_status == 2
    assert seen.rerun is not None
    assert seen.rerun.problem == NOT_ATTACHED.format(
        reason=": the image's 'sh' does not wait for it"
    )


@pytest.mark.slow
def test_what_sh_x_tells_does_not_mislead_the_probe(make: Make) -> None:
    seen = look(make(2, "dash"), "{ ls /zzz; } 2>&1 | grep -q -- '+ ls'")
    assert seen.rerun is not None
    assert (seen.rerun.exit_status, seen.rerun.problem) == (1, XTRACE_IN_PIPES)
    assert "+ ls /zzz" in seen.rerun.stderr
    assert not any("+ ls" in text for text in texts(seen))


@pytest.mark.slow
def test_a_probe_that_must_not_be_repeated_is_not(make: Make) -> None:
    setting = make(2, "dash")
    seen = look(setting, "echo x >>/tmp/times; exit 3", rerun=False)
    assert seen.rerun is None
    assert look(setting, "exec wc -l </tmp/times; exit 1").execution is not None
    assert look(setting, '[ "$(wc -l </tmp/times)" = 1 ]').execution.exit_status == 0  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_probe_that_passes_the_second_time_is_seen_to(make: Make) -> None:
    script = "[ -e /tmp/again ] && exit 0; touch /tmp/again; exit 3"
    seen = look(make(2, "dash"), script)
    assert seen.execution is not None
    assert seen.rerun is not None
    assert (seen.execution.exit_status, seen.rerun.exit_status) == (3, 0)


@pytest.mark.slow
def test_a_flood_neither_stalls_nor_fills_anything(make: Make) -> None:
    begun = time.monotonic()
    seen = look(make(4, "dash"), "yes | head -c 200000000 >/dev/null; exit 3", timeout=60)
    assert time.monotonic() - begun < 30
    assert seen.rerun is not None
    assert (seen.rerun.exit_status, seen.rerun.problem) == (3, TRACE_CUT)
    assert sum(map(len, texts(seen))) < 20_000


@pytest.mark.slow
def test_a_second_run_over_its_time_leaves_no_process_behind(make: Make) -> None:
    setting = make(4, "dash")
    before = leftovers(setting)
    seen = look(
        setting,
        "[ -e /tmp/hang ] && { sudo -n setsid sh -c 'sleep 971; true' >/dev/null 2>&1 & "
        "sudo -n sleep 972; }; touch /tmp/hang; exit 3",
        timeout=3,
    )
    assert seen.rerun is not None
    assert seen.rerun.timed_out
    assert seen.rerun.problem == RERUN_TIMED_OUT
    time.sleep(0.5)
    assert leftovers(setting) == before


@pytest.mark.slow
def test_a_workspace_that_ends_in_the_second_look_proves_nothing(make: Make) -> None:
    setting = make(2, "bash")
    script = "[ -e /tmp/end ] && kill -TERM 1 && sleep 1; touch /tmp/end; exit 3"
    seen = look(setting, script)
    assert seen.execution is not None
    assert (seen.execution.exit_status, seen.execution.problem) == (3, "")
    assert seen.rerun is not None
    assert (seen.rerun.exit_status, seen.rerun.problem) == (None, WORKSPACE_ENDED)
    setting.client.start(setting.workspace.id)
    again = Workspace(
        id=setting.workspace.id,
        volumes=setting.workspace.volumes,
        warnings=(),
        state=inspect_state(setting.client, setting.workspace.id) or {},
    )
    assert is_same_and_running(setting.client, again)


@pytest.mark.slow
def test_the_facts_tell_what_the_image_has_and_a_mount_hides(make: Make) -> None:
    setting = make(4, "dash")
    around: Mapping[str, Any] = look(
        setting, "[ -e /workspace/nope ]; [ -e /host/no ]"
    ).surroundings
    assert around["paths"]["/workspace/nope"]["parent"]["path"] == "/workspace"
    masked = look(setting, "[ -L /workspace ]").surroundings["paths"]["/workspace"]
    assert (masked["exists"], masked["mount"]["point"]) == (True, "/workspace")
    assert (masked["in_image"], masked["masked_by"]) == (True, "/workspace")


@pytest.mark.slow
def test_the_facts_tell_whose_socket_and_whose_command_it_is(make: Make) -> None:
    around = look(make(4, "dash"), "docker inspect no-such-thing >/dev/null 2>&1").surroundings
    assert around["socket"]["type"] == "socket"
    assert around["socket"]["gid"] in around["agent"]["groups"]
    assert around["socket"]["writable"] is True
    assert around["commands"]["docker"]["kind"] == "program"
    assert around["engine_api"]["api"]
    assert around["settings"]["pid_mode"] == "host"
    around = look(make(1, "dash"), "docker ps >/dev/null 2>&1").surroundings
    assert around["socket"]["exists"] is False
