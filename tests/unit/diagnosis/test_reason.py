"""A reason is given on evidence alone, quotes it, and is never a wrong one."""

from typing import Any

import pytest

from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.reason import find_reason
from hardgate.model.observation import (
    DiscardedOutput,
    Execution,
    FailedCall,
    HttpExchange,
    Observation,
    TracedCommand,
)

TOKEN = "/configs/.auth_token"
ROOT = {"point": "/", "fstype": "overlay", "source": "overlay", "options": "rw,relatime"}
MISSING = {"exists": False, "in_image": False, "masked_by": None}
FOLDER = {
    "exists": True,
    "uid": 1000,
    "gid": 1000,
    "mode": "0755",
    "type": "directory",
    "mount": ROOT,
    "in_image": True,
}


def miss(
    trace: str,
    *,
    status: int = 1,
    script: str = "",
    ran: tuple[tuple[str, int | None], ...] = (),
    discarded: tuple[tuple[str, str], ...] = (),
    failures: tuple[tuple[str, str, str, str], ...] = (),
    exchanges: tuple[tuple[str, str, str], ...] = (),
    others: tuple[Observation, ...] = (),
    timed_out: bool = False,
    **surroundings: Any,
) -> FailedProbe:
    """A silent miss, looked at twice; commands and what they wrote by their command lines."""
    observation = Observation(
        name="x",
        execution=Execution(exit_status=status, timed_out=timed_out),
        rerun=Execution(exit_status=status, stderr=trace, timed_out=timed_out),
        commands=tuple(
            TracedCommand(program=line.split()[0], command=line, exit_status=ended)
            for line, ended in ran
        ),
        discarded=tuple(
            DiscardedOutput(
                program=line.split()[0] if line else "sh", command=line, fd=2, text=f"{text}\n"
            )
            for line, text in discarded
        ),
        failures=tuple(
            FailedCall(program=program, call=call, target=target, errno=errno)
            for program, call, target, errno in failures
        ),
        exchanges=tuple(
            HttpExchange(program=program, request=request, answer=answer)
            for program, request, answer in exchanges
        ),
        surroundings=surroundings,
    )
    return FailedProbe(
        observation=observation, script=script, other_observations={one.name: one for one in others}
    )


def spoken(text: str, *, script: str = "", **surroundings: Any) -> FailedProbe:
    """A miss that says why."""
    execution = Execution(exit_status=1, stderr=text)
    observation = Observation(name="x", execution=execution, surroundings=surroundings)
    return FailedProbe(observation=observation, script=script)


def missing(program: str, line: str) -> dict[str, Any]:
    """What is seen of a command that is nowhere."""
    return {
        "trace": f"+ {line}\n",
        "status": 127,
        "discarded": (("", f"sh: 1: {program}: not found"),),
        "failures": (("sh", "execve", program, "ENOENT"),),
        "commands": {program: None},
    }


WORKLOAD_AS_ROOT = Observation(
    name="workload_runs_as_agent_uid",
    facts={
        "init": 40,
        "processes": [{"pid": 40, "ppid": 1, "uid": 0, "command": "python3"}],
    },
)
TOKEN_OF_ROOT = {"exists": True, "uid": 0, "gid": 0, "mode": "0600", "type": "file", "size": 65}
CURL = (
    "curl -s -o /dev/null -w %{http_code} -H Authorization: Bearer abc "
    "http://127.0.0.1:8080/list_peers"
)
LIST_PEERS = (
    f"T=$(cat {TOKEN} 2>/dev/null)\n"
    '[ "$(curl -s -o /dev/null -w \'%{http_code}\' -H "Authorization: Bearer $T" '
    'http://127.0.0.1:8080/list_peers)" = 200 ]'
)
SOCKET = "/var/run/docker.sock"

CASES: dict[str, tuple[FailedProbe, str]] = {
    "a folder that is not in the image": (
        miss(
            "+ touch /agent-home/.x\n",
            ran=(("touch /agent-home/.x", 1),),
            discarded=(
                (
                    "touch /agent-home/.x",
                    "touch: cannot touch '/agent-home/.x': No such file or directory",
                ),
            ),
            failures=(("touch", "openat", "/agent-home/.x", "ENOENT"),),
            paths={"/agent-home": MISSING, "/agent-home/.x": MISSING},
        ),
        "path_not_in_image",
    ),
    "a folder that a bare test asks for": (
        miss("+ [ -d /agent-home ]\n", paths={"/agent-home": MISSING}),
        "path_not_in_image",
    ),
    "a file that a volume hides": (
        miss(
            "+ test -f /workspace/seed\n",
            paths={
                "/workspace/seed": {"exists": False, "in_image": True, "masked_by": "/workspace"}
            },
        ),
        "path_masked",
    ),
    "a folder of root's": (
        miss(
            "+ touch /agent-home/.x\n",
            ran=(("touch /agent-home/.x", 1),),
            failures=(("touch", "openat", "/agent-home/.x", "EACCES"),),
            paths={"/agent-home": {**FOLDER, "uid": 0, "gid": 0}},
        ),
        "path_owner",
    ),
    "a volume that came up as root's": (
        miss(
            "+ [ -w /agent-home ]\n",
            paths={
                "/agent-home": {
                    **FOLDER,
                    "uid": 0,
                    "gid": 0,
                    "mount": {**ROOT, "point": "/agent-home"},
                }
            },
        ),
        "path_masked_owner",
    ),
    "a read-only root": (
        miss(
            "+ touch /opt/x\n",
            ran=(("touch /opt/x", 1),),
            failures=(("touch", "openat", "/opt/x", "EROFS"),),
            paths={"/opt": {**FOLDER, "mount": {**ROOT, "options": "ro"}}},
        ),
        "root_read_only",
    ),
    "a program on a mount without exec": (
        miss(
            "+ /tmp/probe\n",
            status=126,
            failures=(("sh", "execve", "/tmp/probe", "EACCES"),),
            paths={
                "/tmp/probe": {
                    **FOLDER,
                    "type": "file",
                    "mount": {"point": "/tmp", "fstype": "tmpfs", "options": "rw,noexec"},
                }
            },
        ),
        "mount_noexec",
    ),
    "a file without the mode": (
        miss(
            "+ /usr/local/bin/tool\n",
            status=126,
            failures=(("sh", "execve", "/usr/local/bin/tool", "EACCES"),),
            paths={"/usr/local/bin/tool": {**FOLDER, "type": "file", "mode": "0644"}},
        ),
        "not_executable",
    ),
    "a plain folder in the place of /host": (
        miss(
            "+ [ -e /host/proc/1 ]\n",
            paths={"/host": {**FOLDER, "uid": 0}, "/host/proc/1": MISSING},
        ),
        "host_not_mounted",
    ),
    "a marker that somebody left": (
        miss(
            "+ rm -f /host/tmp/marker\n",
            ran=(("rm -f /host/tmp/marker", 1),),
            failures=(("rm", "unlinkat", "/host/tmp/marker", "EPERM"),),
            paths={
                "/host/tmp": {**FOLDER, "uid": 0, "mode": "1777"},
                "/host/tmp/marker": {**FOLDER, "uid": 0, "type": "file", "mode": "0644"},
            },
        ),
        "marker_left",
    ),
    "a token of root's, by its owner": (
        miss(
            f"+ stat -c %u {TOKEN}\n+ [ 0 = 1000 ]\n",
            script=f'[ "$(stat -c %u {TOKEN})" = 1000 ]',
            ran=((f"stat -c %u {TOKEN}", 0),),
            others=(WORKLOAD_AS_ROOT,),
            paths={TOKEN: TOKEN_OF_ROOT},
        ),
        "runtime_as_root",
    ),
    "a token of root's, by a refused bearer": (
        miss(
            f"+ cat {TOKEN}\n+ T=\n+ {CURL.replace('abc', '')}\n+ [ 401 = 200 ]\n",
            script=LIST_PEERS,
            ran=((f"cat {TOKEN}", 1), (CURL.replace("abc", ""), 0)),
            discarded=((f"cat {TOKEN}", f"cat: {TOKEN}: Permission denied"),),
            failures=(("cat", "openat", TOKEN, "EACCES"),),
            exchanges=(("curl", "GET /list_peers HTTP/1.1", "HTTP/1.1 401 Unauthorized"),),
            others=(WORKLOAD_AS_ROOT,),
            paths={TOKEN: TOKEN_OF_ROOT},
        ),
        "runtime_as_root",
    ),
    "a token of root's, and a runtime that is not": (
        miss(
            f"+ stat -c %u {TOKEN}\n+ [ 0 = 1000 ]\n",
            ran=((f"stat -c %u {TOKEN}", 0),),
            paths={TOKEN: TOKEN_OF_ROOT},
        ),
        "token_owner",
    ),
    "a token that is not there": (
        miss(
            f"+ stat -c %u {TOKEN}\n+ [  = 1000 ]\n",
            ran=((f"stat -c %u {TOKEN}", 1),),
            failures=(("stat", "statx", TOKEN, "ENOENT"),),
            paths={TOKEN: MISSING},
        ),
        "token_missing",
    ),
    "an empty token": (
        miss(f"+ [ -s {TOKEN} ]\n", paths={TOKEN: {**TOKEN_OF_ROOT, "uid": 1000, "size": 0}}),
        "token_empty",
    ),
    "a sound token that the runtime refuses": (
        miss(
            f"+ cat {TOKEN}\n+ T=abc\n+ {CURL}\n+ [ 401 = 200 ]\n",
            script=LIST_PEERS,
            ran=((f"cat {TOKEN}", 0), (CURL, 0)),
            paths={TOKEN: {**TOKEN_OF_ROOT, "uid": 1000}},
        ),
        "token_refused",
    ),
    "a path that the server does not know": (
        miss(f"+ {CURL}\n+ [ 404 = 200 ]\n", script=LIST_PEERS, ran=((CURL, 0),)),
        "http_not_found",
    ),
    "another port": (
        miss(
            f"+ {CURL}\n+ [ 000 = 200 ]\n",
            script=LIST_PEERS,
            ran=((CURL, 7),),
            failures=(("curl", "connect", "127.0.0.1:8080", "ECONNREFUSED"),),
            listening=[
                {"address": "127.0.0.1", "port": 9000, "program": "python3", "in_workspace": True}
            ],
        ),
        "port_wrong",
    ),
    "nobody on the port": (
        miss(
            f"+ {CURL}\n+ [ 000 = 200 ]\n",
            script=LIST_PEERS,
            ran=((CURL, 7),),
            failures=(("curl", "connect", "127.0.0.1:8080", "ECONNREFUSED"),),
            listening=[],
        ),
        "nothing_listens",
    ),
    "a workspace that never became ready": (
        miss(
            f"+ {CURL}\n+ [ 000 = 200 ]\n",
            script=LIST_PEERS,
            ran=((CURL, 7),),
            failures=(("curl", "connect", "127.0.0.1:8080", "ECONNREFUSED"),),
            others=(Observation(name="r", facts={"ready": False, "missing": "No token."}),),
            listening=[],
        ),
        "runtime_not_up",
    ),
    "no egress target": (
        miss(
            "+ exit 1\n",
            script="for t in $MOLECULE_T4_EGRESS_TARGETS; do curl -fsS $t && exit 0; done; exit 1",
            egress=[],
        ),
        "egress_no_target",
    ),
    "two egress targets": (
        miss(
            "+ curl -sS https://a.test/\n+ curl -fsS https://b.test/\n+ exit 1\n",
            script="for t in $MOLECULE_T4_EGRESS_TARGETS; do curl $t && exit 0; done; exit 1",
            ran=(("curl -sS https://a.test/", 6), ("curl -fsS https://b.test/", 22)),
            discarded=(
                ("curl -sS https://a.test/", "curl: (6) Could not resolve host: a.test"),
                (
                    "curl -fsS https://b.test/",
                    "curl: (22) The requested URL returned error: 503",
                ),
            ),
            egress=["https://a.test/", "https://b.test/"],
        ),
        "egress_each",
    ),
    "a certificate that nobody trusts": (
        miss(
            "+ curl -fsS https://a.test/\n+ exit 1\n",
            ran=(("curl -fsS https://a.test/", 60),),
            discarded=(
                (
                    "curl -fsS https://a.test/",
                    "curl: (60) SSL certificate problem: unable to get local issuer certificate",
                ),
            ),
        ),
        "certificate_not_trusted",
    ),
    "a mute curl": (
        miss("+ curl -s https://a.test/\n", status=60, ran=(("curl -s https://a.test/", 60),)),
        "curl_status",
    ),
    "sudo without a rule": (
        miss(
            "+ sudo -n id -u\n+ [  = 0 ]\n",
            ran=(("sudo -n id -u", 1),),
            discarded=(("sudo -n id -u", "sudo: a password is required"),),
        ),
        "sudo_wants_password",
    ),
    "a sudoers file that everybody may write": (
        miss(
            "+ sudo -n id -u\n+ [  = 0 ]\n",
            ran=(("sudo -n id -u", 1),),
            discarded=(
                (
                    "sudo -n id -u",
                    "sudo: /etc/sudoers.d/agent is world writable\nsudo: a password is required",
                ),
            ),
        ),
        "sudoers_mode",
    ),
    "no sudo": (miss(**missing("sudo", "sudo -n true")), "command_missing"),
    "no docker command": (miss(**missing("docker", "docker info")), "docker_command_missing"),
    "a command that is asked for": (
        miss("+ command -v jq\n", status=127),
        "command_missing",
    ),
    "a search in what is not there": (
        miss(
            "+ grep -q dockerd\n+ ps -e\n",
            ran=(("grep -q dockerd", 1),),
            discarded=(("", "sh: 1: ps: not found"),),
            failures=(("sh", "execve", "ps", "ENOENT"),),
        ),
        "command_missing",
    ),
    "the double bracket": (
        miss(
            "+ [[ a == a ]]\n",
            status=127,
            discarded=(("", "sh: 1: [[: not found"),),
            failures=(("sh", "execve", "[[", "ENOENT"),),
        ),
        "probe_is_bash",
    ),
    "pipefail": (
        miss("", status=2, discarded=(("", "sh: 1: set: Illegal option -o pipefail"),)),
        "probe_is_bash",
    ),
    "CRLF in a script": (
        miss(
            "+ /opt/x.sh\n",
            status=127,
            discarded=(("", "sh: 1: /opt/x.sh: not found"),),
            failures=(("sh", "execve", "/opt/x.sh", "ENOENT"),),
            paths={"/opt/x.sh": {**FOLDER, "type": "file"}},
        ),
        "interpreter_missing",
    ),
    "a program of another processor": (
        miss("+ /opt/x\n", status=126, failures=(("sh", "execve", "/opt/x", "ENOEXEC"),)),
        "wrong_architecture",
    ),
    "PID 1 of another user": (
        miss(
            "+ readlink /proc/1/ns/pid\n+ [  = pid:[1] ]\n",
            ran=(("readlink /proc/1/ns/pid", 1),),
            failures=(("readlink", "readlink", "/proc/1/ns/pid", "EACCES"),),
        ),
        "pid_1_closed",
    ),
    "a PID namespace of its own": (
        miss(
            "+ sudo -n nsenter -t 1 -m cat /etc/hostname\n+ [ ws = host ]\n",
            ran=(("sudo -n nsenter -t 1 -m cat /etc/hostname", 0),),
            namespaces={"workspace": {"pid": "4026"}, "host": {"pid": "4027"}},
        ),
        "pid_namespace_own",
    ),
    "nsenter without the right": (
        miss(
            "+ sudo -n nsenter -t 1 -m true\n",
            ran=(("sudo -n nsenter -t 1 -m true", 1), ("nsenter -t 1 -m true", 1)),
            discarded=(
                (
                    "nsenter -t 1 -m true",
                    "nsenter: reassociate to namespace 'ns/mnt' failed: Operation not permitted",
                ),
            ),
        ),
        "nsenter_not_permitted",
    ),
    "a socket of another group": (
        miss(
            "+ docker info\n",
            ran=(("docker info", 1),),
            failures=(("docker", "connect", SOCKET, "EACCES"),),
            paths={SOCKET: {**FOLDER, "type": "socket", "uid": 0, "gid": 998, "mode": "0660"}},
            agent={"groups": [1000]},
        ),
        "docker_socket_closed",
    ),
    "no socket": (
        miss("+ test -S /var/run/docker.sock\n", paths={SOCKET: MISSING}),
        "docker_socket_missing",
    ),
    "an old docker command": (
        miss(
            "+ docker info\n",
            ran=(("docker info", 1),),
            discarded=(
                (
                    "docker info",
                    "Error response from daemon: client version 1.41 is too old. Minimum "
                    "supported API version is 1.44, please upgrade your client to a newer version",
                ),
            ),
        ),
        "docker_client_too_old",
    ),
    "another name": (
        miss(
            "+ whoami\n+ [ dev = agent ]\n", script='[ "$(whoami)" = agent ]', ran=(("whoami", 0),)
        ),
        "agent_other_name",
    ),
    "no name": (
        miss(
            "+ whoami\n+ [  = agent ]\n",
            ran=(("whoami", 1),),
            discarded=(("whoami", "whoami: cannot find name for user ID 1000"),),
        ),
        "uid_without_name",
    ),
    "another home": (
        miss("+ [ / = /agent-home ]\n", script='[ "$HOME" = /agent-home ]'),
        "home_other",
    ),
    "a variable that nobody set": (
        miss("+ [  = agent ]\n", script='[ "$USER" = agent ]'),
        "variable_unset",
    ),
    "the effective set of the agent": (
        miss(
            "+ grep -q CapEff.*1ffffffffff /proc/self/status\n",
            ran=(("grep -q CapEff.*1ffffffffff /proc/self/status", 1),),
            capabilities={"bounding": "000001ffffffffff", "host": "000001ffffffffff"},
        ),
        "capeff_of_agent",
    ),
    "a bounding set that lacks some": (
        miss(
            "+ grep CapBnd /proc/self/status\n+ [ 00000000a80425fb = 000001ffffffffff ]\n",
            ran=(("grep CapBnd /proc/self/status", 0),),
            capabilities={"bounding": "00000000a80425fb", "host": "000001ffffffffff"},
        ),
        "capability_lacking",
    ),
    "a probe over its time": (
        miss(
            "+ curl -s http://10.0.0.1/\n",
            ran=(("curl -s http://10.0.0.1/", None),),
            timed_out=True,
        ),
        "timed_out",
    ),
    "a command over its time": (
        miss("+ timeout 5 docker info\n", status=124, ran=(("timeout 5 docker info", 124),)),
        "timeout_command",
    ),
    "a comparison of which nothing is known": (
        miss("+ nproc\n+ [ 2 -ge 4 ]\n", ran=(("nproc", 0),)),
        "comparison",
    ),
    "a command of which nothing is known": (
        miss(
            "+ frobnicate --all\n",
            status=3,
            ran=(("frobnicate --all", 3),),
            discarded=(("frobnicate --all", "frobnicate: the moon is in the wrong house"),),
        ),
        "command_failed",
    ),
    "a search that finds nothing": (
        miss("+ grep -q x /etc/hosts\n", ran=(("grep -q x /etc/hosts", 1),)),
        "search_found_nothing",
    ),
    "a negation": (
        miss("+ grep -q x /etc/hosts\n", ran=(("grep -q x /etc/hosts", 0),)),
        "nothing_failed",
    ),
    "spoken: no socket": (
        spoken(
            "'/var/run/docker.sock' is not there: it is not mounted.\n", paths={SOCKET: MISSING}
        ),
        "docker_socket_missing",
    ),
    "spoken: refused": (
        spoken(
            "curl: (7) Failed to connect to 127.0.0.1 port 8080 after 0 ms: "
            "Could not connect to server\n",
            listening=[],
        ),
        "nothing_listens",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_cause_is_found(name: str) -> None:
    case, cause = CASES[name]
    reason = find_reason(case)
    assert reason is not None
    assert (reason.cause, reason.sentence) == (cause, reason.sentence)
