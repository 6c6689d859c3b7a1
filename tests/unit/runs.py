"""Sample runs for the reports' tests: values only."""

from dataclasses import replace
from typing import Any

from hardgate.errors import ExitCode
from hardgate.model.contract import Capability, Contract, Severity, Subject
from hardgate.model.guard import GUARDS
from hardgate.model.observation import Execution, Observation
from hardgate.model.plan import Plan, make_host_plan
from hardgate.model.run import Host, Image, Run
from hardgate.model.tier import Tier
from hardgate.model.verdict import Diagnosis, Outcome, Verdict, VerdictKind

TOKEN = "wkspc/7Yq-+Zr5Tn&2mB4x_kQ9'd\"L=="
"""Has a character for each way of quoting."""

NAMES = (
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
)

BUILD_LOG = "\n".join(
    [
        *(f"Step {number}/12 : RUN true" for number in range(1, 9)),
        "Step 9/12 : RUN apt-get install -y nsenter",
        "E: Unable to locate package nsenter",
        "The command '/bin/sh -c apt-get install -y nsenter' returned a non-zero code: 100",
    ]
)


def capability(name: str, **changes: Any) -> Capability:
    advisory = name == "privileged_flag_observable"
    return replace(
        Capability(
            name=name,
            description=f"What {name} promises.",
            severity=Severity.ADVISORY if advisory else Severity.HARD,
            source="the platform's hand-book",
            probe="exit 0",
        ),
        **changes,
    )


CONTRACT = Contract(
    origin="contracts/t4.yaml",
    sha256="1a2b3c4d" * 8,
    version=1,
    agent_uid=1000,
    capabilities=tuple(capability(name) for name in NAMES),
)
TIER = Tier(
    number=4,
    name="full machine",
    memory_mib=4096,
    cpus=4,
    network="host",
    privileged=True,
    pid_host=True,
    read_only=False,
    tmpfs=(),
    volumes=("/configs", "/workspace"),
    binds=(("/", "/host"), ("/var/run/docker.sock", "/var/run/docker.sock")),
)
PLAN = Plan(contract=CONTRACT, tier=TIER, capabilities=CONTRACT.capabilities, guards=GUARDS)
IMAGE = Image(reference="image", digest="sha256:" + "9f8e7d6c" * 8, source_commit="0123abcd" * 5)
HOST = Host(
    kind="nested",
    engine="26.1.5",
    kernel="6.1.0-32-amd64",
    adaptations=("2 of 4 CPUs: the machine has no more.",),
)


def passed(name: str, seconds: float = 0.0712345, reason: str = "") -> Verdict:
    return _probed(name, Outcome.PASS, reason, Execution(exit_status=0, seconds=seconds))


def failed(
    name: str, reason: str, *, hint: str = "", diagnosis: Diagnosis | None = None, **seen: Any
) -> Verdict:
    execution = Execution(**{"exit_status": 1, "seconds": 0.25, **seen})
    return replace(_probed(name, Outcome.FAIL, reason, execution), hint=hint, diagnosis=diagnosis)


def unknown(name: str, reason: str) -> Verdict:
    return replace(
        _probed(name, Outcome.ERROR, reason, None),
        observation=Observation(name=name, problem=reason),
    )


def guard(name: str, outcome: Outcome = Outcome.PASS, reason: str = "", hint: str = "") -> Verdict:
    return Verdict(
        name=name,
        kind=VerdictKind.GUARD,
        severity=Severity.HARD,
        outcome=outcome,
        reason=reason,
        hint=hint,
        observation=Observation(name=name, facts={"seen": True}),
    )


def _probed(name: str, outcome: Outcome, reason: str, execution: Execution | None) -> Verdict:
    return Verdict(
        name=name,
        kind=VerdictKind.CAPABILITY,
        severity=capability(name).severity,
        outcome=outcome,
        reason=reason,
        observation=Observation(name=name, execution=execution),
    )


def green(**changes: Any) -> Run:
    """Ten of ten."""
    return replace(
        Run(
            id="3f9c2e7a",
            started_at="2025-11-24T09:04:00Z",
            seconds=25.123456,
            plan=PLAN,
            image=IMAGE,
            host=HOST,
            verdicts=(
                *(guard(one.name) for one in GUARDS),
                *(passed(name) for name in NAMES),
            ),
            exit_code=ExitCode.HELD,
            steps={"Build the image": 12.3, "Start the test host": 2.25, "Run the probes": 1.5},
        ),
        **changes,
    )


def red(**changes: Any) -> Run:
    """A loud miss, a silent one, a flaky one, a guard, an advisory one and one that is not told."""
    misses = {
        "workload_runs_as_agent_uid": guard(
            "workload_runs_as_agent_uid",
            Outcome.FAIL,
            "'python3' runs as uid 0, not 1000",
            "End the entrypoint with 'exec setpriv' or 'exec gosu', so that root is gone for good.",
        ),
        "agent_home_writable": failed(
            "agent_home_writable",
            "mkdir: cannot create directory '/agent-home/x': No such file or directory",
            hint="Make /agent-home in the Dockerfile and, for volumes, in the entrypoint again.",
            stderr="mkdir: cannot create directory '/agent-home/x': No such file or directory\n",
        ),
        "list_peers_http_200": failed(
            "list_peers_http_200",
            "Its probe exited 22, without a word.",
            exit_status=22,
            diagnosis=Diagnosis(
                trace="+ cat /configs/.auth_token\n"
                f"+ curl -fs -H 'Authorization: Bearer {TOKEN}' http://127.0.0.1:8080/list_peers\n"
                "curl: (22) The requested URL returned error: 401\n",
                exit_status=22,
                flaky=False,
                note="The probe threw its output away; what it said is not known.",
            ),
        ),
        "docker_socket_reachable": failed(
            "docker_socket_reachable",
            "Its probe exited 1, without a word.",
            diagnosis=Diagnosis(trace="+ docker version\n", exit_status=0, flaky=True),
        ),
        "network_egress_https": unknown(
            "network_egress_https", "The engine did not say how its probe ended."
        ),
        "privileged_flag_observable": failed(
            "privileged_flag_observable", "CapBnd lacks cap_sys_resource.", stderr="CapBnd lacks\n"
        ),
    }
    verdicts = tuple(misses.get(one.name, one) for one in green().verdicts)
    return replace(green(verdicts=verdicts, exit_code=ExitCode.BROKEN), **changes)


def build_failed(**changes: Any) -> Run:
    """There never was an image."""
    problem = "Image 'image' could not be built: step 9 of 12 failed with exit status 100."
    untold = tuple(
        replace(one, outcome=Outcome.ERROR, reason=problem, observation=Observation(name=one.name))
        for one in green().verdicts
    )
    run = green(
        image=None,
        host=None,
        verdicts=untold,
        exit_code=ExitCode.UNKNOWN,
        problem=problem,
        remedy="Repair the step in 'image/Dockerfile' that is shown last, and run the gate again.",
        evidence=BUILD_LOG,
        steps={"Build the image": 12.3},
    )
    return replace(run, **changes)


def partial(**changes: Any) -> Run:
    """Two of ten were asked for, and held."""
    chosen = NAMES[:2]
    plan = replace(PLAN, capabilities=tuple(capability(name) for name in chosen))
    verdicts = (*(guard(one.name) for one in GUARDS), *(passed(name) for name in chosen))
    return replace(green(plan=plan, verdicts=verdicts, exit_code=ExitCode.UNKNOWN), **changes)


def interrupted(**changes: Any) -> Run:
    """Stopped by the user while the probes ran."""
    verdicts = tuple(
        one
        if one.kind is VerdictKind.GUARD or one.name in NAMES[:3]
        else unknown(one.name, "The gate was stopped before it was looked at.")
        for one in green().verdicts
    )
    return replace(green(verdicts=verdicts, exit_code=ExitCode.INTERRUPTED), **changes)


HOST_NAMES = ("engine_reachable_by_runner", "engine_only_on_socket", "disk_free")
HOST_CONTRACT = replace(
    CONTRACT,
    origin="contracts/runner-host.yaml",
    agent_uid=None,
    subject=Subject.HOST,
    variables=("HARDGATE_DISK_MIB",),
    capabilities=tuple(capability(name) for name in HOST_NAMES),
)


def host(**changes: Any) -> Run:
    """A host of which two of three promises held."""
    miss = failed("disk_free", "'/var/lib/docker' has 3 MiB free.", hint="Make room.")
    run = green(
        plan=make_host_plan(HOST_CONTRACT),
        image=None,
        host=Host(kind="subject", name="build-1", engine="26.1.5", kernel="6.1.0-32-amd64"),
        verdicts=(*(passed(name) for name in HOST_NAMES[:2]), miss),
        exit_code=ExitCode.BROKEN,
    )
    return replace(run, **changes)


def host_green(**changes: Any) -> Run:
    """A host of which all held."""
    verdicts = tuple(passed(name) for name in HOST_NAMES)
    return replace(host(verdicts=verdicts, exit_code=ExitCode.HELD), **changes)


ALL = {
    "green": green,
    "red": red,
    "build failed": build_failed,
    "partial": partial,
    "interrupted": interrupted,
    "host": host,
    "host, all held": host_green,
}
