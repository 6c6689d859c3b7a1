"""What a workspace claims to reach, looked at where it would land. Judged by `model.witness`.

Each claim is made by the image's own programs, as its agent; each is seen from the host's side, by
programs of the host alone.
"""

import json
import re
import secrets
import shlex
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from docker.errors import NotFound

from hardgate.engine.tar import archive_file
from hardgate.errors import HostError
from hardgate.host.claims import Claim, PrepareClaim
from hardgate.host.egress_beacon import BEACON_FOLDER, BEACON_ROLE
from hardgate.host.guard_context import GatheredFacts, GuardContext
from hardgate.host.test_host import ROLE_LABEL
from hardgate.host.workspace import (
    CONFIGS_FOLDER,
    TOKEN_FILE,
    is_same_and_running,
    read_workspace_port,
)
from hardgate.model.observation import Execution
from hardgate.model.witness import ACCEPTED_STATUS
from hardgate.system.ownership import RUN_LABEL

LABEL_PREFIX = "hardgate."

AS_ROOT_SCRIPT = """
umask 077
echo "$1 $$" >"$2" || exit 1
waited=0
while [ -e "$2" ] && [ "$waited" -lt 250 ]; do sleep 0.02; waited=$((waited + 1)); done
"""

AWAIT_FILE_TRIES = 10
AWAIT_FILE_SCRIPT = r"""
tries=$2
while [ ! -s "$1" ] && [ "$tries" -gt 0 ]; do sleep 0.02; tries=$((tries - 1)); done
[ -s "$1" ] || exit 3
read -r nonce pid <"$1"
echo "nonce $nonce"
echo "uid $(stat -c %u "$1")"
case $pid in ''|*[!0-9]*) pid=none ;; esac
while read -r key _ effective _; do
    [ "$key" != Uid: ] || echo "process_uid $effective"
done <"/proc/$pid/status"
for kind in mnt pid; do
    echo "own_$kind $(stat -Lc %i "/proc/$pid/ns/$kind")"
    echo "host_$kind $(stat -Lc %i "/proc/1/ns/$kind")"
done
rm -f "$1"
"""

ENGINE_CLAIM_SCRIPT = """
name=$1 socket=/var/run/docker.sock
shift
export DOCKER_HOST="unix://$socket"
unset DOCKER_CONTEXT DOCKER_TLS DOCKER_TLS_VERIFY
if command -v docker >/dev/null; then
    echo docker
    timeout 10 docker volume create "$@" "$name" >/dev/null 2>&1 ||
        sudo -n timeout 10 docker --host "$DOCKER_HOST" volume create "$@" "$name" >/dev/null
elif command -v curl >/dev/null; then
    echo curl
    curl --silent --show-error --fail --max-time 10 --unix-socket "$socket" --output /dev/null \
        --header 'Content-Type: application/json' --data "$BODY" http://engine/volumes/create
else
    echo "There is neither 'docker' nor 'curl' in the image." >&2
    exit 77
fi
"""

EGRESS_CLAIM_SCRIPT = """
if command -v curl >/dev/null; then
    curl --silent --show-error --fail --max-time 10 "$1" && echo && echo curl
elif command -v wget >/dev/null; then
    wget -q -T 10 -O - "$1" && echo && echo wget
else
    echo "There is neither 'curl' nor 'wget' in the image." >&2
    exit 77
fi
"""

CLAIM_ACCEPTED_SCRIPT = r"""
command -v curl >/dev/null || { echo "There is no 'curl' in the image." >&2; exit 77; }
[ -r "$1" ] || { echo "uid $(id -u) cannot read '$1'." >&2; exit 77; }
{
    printf 'header = "Authorization: Bearer '
    sed 's/[\\"]/\\&/g' "$1" | tr -d '\r\n'
    printf '"\n'
} | curl --config - --silent --show-error --noproxy '*' --max-time 10 --output /dev/null \
    --write-out '%{http_code}\n' "http://127.0.0.1:$2/list_peers"
"""

CALL_PEERS_SCRIPT = r"""
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
{
    printf 'GET /list_peers HTTP/1.0\r\nHost: 127.0.0.1:%s\r\nAuthorization: Bearer ' "$1"
    if [ -n "$2" ]; then tr -d '\r\n' <"$2"; else printf %s "$3"; fi
    printf '\r\n\r\n'
} >&3
head -n 1 <&3
"""


def prepare_host_root_claim(context: GuardContext) -> Claim:
    """Have the agent become the host's root by its own programs, and look at the process."""
    nonce = secrets.token_hex(16)
    path = f"/tmp/hardgate-{nonce}"  # noqa: S108 - on the test host, and unique
    as_root = shlex.join(["sh", "-c", AS_ROOT_SCRIPT, "sh", nonce, path])
    return Claim(
        script=f"sudo -n nsenter --target 1 --mount --pid -- {as_root}",
        conclude=partial(_conclude_host_root, context, nonce),
        watch=partial(_await_file, context, path),
    )


def _conclude_host_root(
    context: GuardContext, nonce: str, execution: Execution, seen: dict[str, Any] | None
) -> GatheredFacts:
    claim = _describe_claim(context, execution)
    host = seen.pop("host") if seen else {}
    lies = claim["claimed"] and seen is None
    return {
        "claim": claim | _name_programs(context, ("sudo", "nsenter"), needed=lies),
        "seen": seen,
        "nonce": nonce,
        "host": host,
        "sudo_seen": _see_sudo_alone(context) if lies else None,
    }


def _await_file(
    context: GuardContext, path: str, running: Future[Execution]
) -> dict[str, Any] | None:
    """Look for a file on the host while the command runs that is to write it, and once after."""
    while True:
        ended = running.done()
        seen = context.observer.run_on_host(
            *("sh", "-c", AWAIT_FILE_SCRIPT, "sh", context.observer.root + path),
            "0" if ended else str(AWAIT_FILE_TRIES),
        )
        if seen.exit_status == 0:
            return _parse_seen_file(seen.stdout)
        if ended:
            return None


def _parse_seen_file(text: str) -> dict[str, Any]:
    values = dict(line.partition(" ")[::2] for line in text.splitlines())
    kinds = ("mnt", "pid")
    return {
        "nonce": values.get("nonce", ""),
        "uid": _read_number(values.get("uid")),
        "process_uid": _read_number(values.get("process_uid")),
        "namespaces": {kind: values.get(f"own_{kind}", "") for kind in kinds},
        "host": {kind: values.get(f"host_{kind}", "") for kind in kinds},
    }


def _read_number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _see_sudo_alone(context: GuardContext) -> int | None:
    """Tell which of the two lies: the owner of a file that sudo alone was told to write."""
    path = f"/tmp/hardgate-{secrets.token_hex(16)}"  # noqa: S108
    context.run_as_agent(f"sudo -n sh -c {shlex.quote(f': >/host{path}')}")
    script = 'stat -c %u "$1" && rm -f "$1"'
    seen = context.observer.run_on_host("sh", "-c", script, "sh", context.observer.root + path)
    return _read_number(seen.stdout.strip())


def prepare_engine_claim(context: GuardContext) -> Claim:
    """Have the agent make a volume on the engine that it reaches, and look for it on the host's."""
    config = context.client.inspect_container(context.workspace.id)["Config"]
    labels = {
        key: value
        for key, value in (config.get("Labels") or {}).items()
        if key.startswith(LABEL_PREFIX)
    }
    name = f"hardgate-witness-{secrets.token_hex(8)}"
    options = [f"--label={key}={value}" for key, value in labels.items()]
    body = shlex.quote(json.dumps({"Name": name, "Labels": labels}))
    words = shlex.join([name, *options])
    return Claim(
        script=f"BODY={body}; set -- {words}\n{ENGINE_CLAIM_SCRIPT}",
        conclude=partial(_conclude_engine_reach, context, name),
    )


def _conclude_engine_reach(
    context: GuardContext, name: str, execution: Execution, _seen: None
) -> GatheredFacts:
    seen = _remove_volume(context, name)
    claim = _describe_claim(context, execution)
    route = (execution.stdout.split() or ["docker"])[0]
    claim |= _name_programs(context, (route,), needed=claim["claimed"] and not seen)
    return {"claim": claim | {"route": route}, "seen": seen}


def _remove_volume(context: GuardContext, name: str) -> bool:
    """Remove the volume that a workspace made on the host's engine; tell whether there was one."""
    try:
        context.client.inspect_volume(name)
        context.client.remove_volume(name, force=True)
    except NotFound:
        return False
    return True


def prepare_egress_claim(context: GuardContext) -> Claim | None:
    """Have the agent read from the beacon what it cannot know; None where there is no beacon."""
    beacon = _find_beacon(context)
    if beacon is None:
        return None
    container, address = beacon
    name, secret = secrets.token_hex(16), secrets.token_hex(16)
    page = archive_file(name, f"{secret}\n".encode(), mode=0o644)
    context.observer.client.put_archive(container, BEACON_FOLDER, page)
    url = shlex.quote(f"https://{address}/{name}")
    return Claim(
        script=f"set -- {url}\n{EGRESS_CLAIM_SCRIPT}",
        conclude=partial(_conclude_egress, context, secret),
    )


def _conclude_egress(
    context: GuardContext, secret: str, execution: Execution, _seen: None
) -> GatheredFacts:
    claim = _describe_claim(context, execution)
    route = (execution.stdout.split() or ["curl"])[-1]
    brought = secret in execution.stdout
    claim |= _name_programs(context, (route,), needed=claim["claimed"] and not brought)
    return {"beacon": True, "claim": claim | {"route": route}, "brought": brought}


def _find_beacon(context: GuardContext) -> tuple[str, str] | None:
    """Find the run's beacon on the caller's engine, and its address; None where there is none."""
    run = context.client.inspect_container(context.workspace.id)["Config"]["Labels"][RUN_LABEL]
    labels = [f"{RUN_LABEL}={run}", f"{ROLE_LABEL}={BEACON_ROLE}"]
    for found in context.observer.client.containers(filters={"label": labels}):
        for network in found["NetworkSettings"]["Networks"].values():
            if network["IPAddress"]:
                return found["Id"], network["IPAddress"]
    return None


def prepare_token_claim(context: GuardContext) -> Claim | None:
    """Have the agent send its token to its own port, and send the same token from the host.

    None where there is no volume for a token.
    """
    if CONFIGS_FOLDER not in context.workspace.volumes:
        return None
    port = read_workspace_port(context.observer, context.workspace)
    inside = shlex.join([f"{CONFIGS_FOLDER}/{TOKEN_FILE}", str(port)])
    return Claim(
        script=f"set -- {inside}\n{CLAIM_ACCEPTED_SCRIPT}",
        conclude=partial(_conclude_token, context, port),
    )


def _conclude_token(
    context: GuardContext, port: int, execution: Execution, _seen: None
) -> GatheredFacts:
    claim = _describe_claim(context, execution)
    code = (execution.stdout.split() or [""])[-1]
    if code != "200":
        answer = f"GET /list_peers on port {port} answers {code}."
        claim |= {"claimed": False, "said": answer if claim["claimed"] else claim["said"]}
    return _witness_token(context, port, claim | {"route": "curl"})


def _witness_token(context: GuardContext, port: int, claim: Mapping[str, Any]) -> GatheredFacts:
    """Call the port from the host, with the token and with a wrong one, where that is claimed."""
    facts = {"port": port, "listener": None, "status": None, "status_of_wrong": None}
    if not claim["claimed"]:
        return {"claim": dict(claim), **facts}
    mountpoint = context.workspace.volumes[CONFIGS_FOLDER]
    status = _call_peers(context, port, file=f"{context.observer.root}{mountpoint}/{TOKEN_FILE}")
    return {
        "claim": dict(claim) | _name_programs(context, ("curl",), needed=status != ACCEPTED_STATUS),
        "port": port,
        "listener": _find_listener(context, port),
        "status": status,
        "status_of_wrong": _call_peers(context, port, text=f"wrong-{secrets.token_hex(16)}"),
    }


def _call_peers(context: GuardContext, port: int, file: str = "", text: str = "") -> int | None:
    """Call from the host's side, in the workspace's network; the token's file never is printed."""
    pid = str(context.workspace.state["pid"])
    into = ("nsenter", "--net", "--target", pid, "timeout", "10")
    sent = context.observer.run_on_host(
        *into, "bash", "-c", CALL_PEERS_SCRIPT, "bash", str(port), file, text
    )
    match = re.match(r"HTTP/\d\S*\s+(\d{3})\b", sent.stdout)
    return int(match[1]) if match else None


def _find_listener(context: GuardContext, port: int) -> dict[str, Any] | None:
    """Find who listens on a port in the workspace's network; None where that cannot be seen."""
    listening = context.look_around(want=("listening",)).get("listening") or ()
    found = [dict(entry) for entry in listening if entry["port"] == port and "pid" in entry]
    ours = [entry for entry in found if entry.get("in_workspace")]
    return next(iter(ours or found), None)


def _describe_claim(context: GuardContext, execution: Execution) -> dict[str, Any]:
    """Say what the workspace claims, in its words.

    Raises HostError where nobody could ask it.
    """
    if execution.problem or not is_same_and_running(context.client, context.workspace):
        raise HostError(
            "The workspace could not be asked: "
            f"{execution.problem or 'it is no longer the container that was started.'}"
        )
    lines = (execution.stderr.strip() or execution.stdout.strip()).splitlines()
    said = lines[-1].strip() if lines else f"exit status {execution.exit_status}"
    if execution.timed_out:
        said = f"it was still running after {execution.seconds:g} s"
    return {
        "claimed": execution.exit_status == 0 and not execution.timed_out,
        "said": said if said.endswith(".") else f"{said}.",
        "programs": {},
    }


def _name_programs(
    context: GuardContext, programs: tuple[str, ...], *, needed: bool
) -> dict[str, Any]:
    """Say what the programs are in the image, where a lie is to be named."""
    if not needed:
        return {}
    found = context.look_around(commands=programs).get("commands") or {}
    return {"programs": {name: found.get(name) for name in programs}}


NO_BEACON_FACTS: GatheredFacts = {"beacon": False}
NO_TOKEN_FACTS: GatheredFacts = {
    "claim": {"claimed": False, "said": "There is no volume for a token.", "programs": {}},
    "port": None,
    "listener": None,
    "status": None,
    "status_of_wrong": None,
}

WITNESS_CLAIMS: Mapping[str, tuple[PrepareClaim, GatheredFacts]] = {
    "host_root_is_real": (prepare_host_root_claim, {}),
    "engine_reach_is_real": (prepare_engine_claim, {}),
    "egress_is_real": (prepare_egress_claim, NO_BEACON_FACTS),
    "token_is_accepted": (prepare_token_claim, NO_TOKEN_FACTS),
}
"""Of each guard of `hardgate.model.witness`: what prepares it, and its facts without a claim."""
