"""The container under test: started as its tier says, with its own entrypoint, and watched."""

import itertools
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.types import Mount

from hardgate.engine.exec import execute_in_container
from hardgate.engine.tar import archive_file, archive_folder
from hardgate.errors import HostError
from hardgate.host.observer import Observer
from hardgate.host.test_host import ROLE_LABEL
from hardgate.model.observation import Execution
from hardgate.text.bounded import bound_lines

CONFIGS_FOLDER = "/configs"
EGRESS_CA_FILE = "hardgate-egress-ca.pem"
TOKEN_FILE = ".auth_token"  # noqa: S105 - the name of a file
PORT_FILE = ".platform_port"
DEFAULT_PORT = 8080
STOP_SECONDS = 10
DEFAULT_STOP_SIGNAL = "SIGTERM"
READY_POLL_SECONDS = 0.05
READY_POLL_GROWTH = 1.5
MAX_READY_POLL_SECONDS = 1.0
"""A HEALTHCHECK may cost the image something: it is asked less often the longer the boot takes."""
LAST_LOG_ENTRIES = 200
"""Entries of a log that are asked for; an engine cuts a long line into several."""
LAST_LOG_LINES = 20
MAX_LOG_LINE_CHARS = 400
MAX_LOG_BYTES = 64 * 1024
TAR_BLOCK_BYTES = 512
UNSTARTABLE = re.compile(r'exec: "|unable to find (?:user|group)|chdir to cwd|exec format error')
"""What an engine answers where the image is why a container does not start."""


@dataclass(frozen=True, kw_only=True)
class WorkspaceRequest:
    """What a workspace is started from and under; a role's variables, as JSON."""

    image: str
    """The config digest."""
    run: str
    labels: Mapping[str, str]
    settings: Mapping[str, Any]
    """`Tier.container_settings`: keywords of the SDK's `create_host_config`, and `user`."""
    volumes: Sequence[str]
    """Paths of fresh volumes: the tier's, and the ones asked for."""
    environment: Mapping[str, str] = field(default_factory=dict)
    config: str = ""
    """A folder on the gate's machine, copied into /configs."""
    egress_ca: str = ""
    """Certificates in PEM that the run's beacon is to be believed by."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "WorkspaceRequest":
        """Read what `asdict` wrote."""
        return cls(**data)


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A created container, and what the engine said while it was made."""

    id: str
    volumes: Mapping[str, str]
    """Mountpoints on the test host, by path in the workspace."""
    warnings: tuple[str, ...]
    state: Mapping[str, Any] = field(default_factory=dict)
    """`look_at_state` right after the start."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Workspace":
        """Read what `asdict` wrote."""
        return cls(**{**data, "warnings": tuple(data["warnings"])})

    def to_json(self) -> dict[str, Any]:
        """Write it for a task's answer."""
        return asdict(self)


def create_workspace(client: docker.APIClient, request: WorkspaceRequest) -> Workspace:
    """Create the volumes and the container; nothing of the image runs yet."""
    labels = dict(request.labels) | {ROLE_LABEL: "workspace"}
    names = {path: _volume_name(request.run, path) for path in request.volumes}
    mountpoints = {
        path: client.create_volume(name=name, labels=labels)["Mountpoint"]
        for path, name in names.items()
    }
    settings, discarded = _drop_refused_limit(client, request.settings)
    user = settings.pop("user", None)
    mounts = [
        # Without NoCopy the engine gives a new volume the owner of the image's own folder.
        Mount(path, name, type="volume", no_copy=True)
        for path, name in names.items()
    ]
    created = client.create_container(
        request.image,
        name=f"hardgate-{request.run}-workspace",
        labels=labels,
        user=user,
        environment=dict(request.environment),
        host_config=client.create_host_config(mounts=mounts, **settings),
    )
    return Workspace(
        id=created["Id"],
        volumes=mountpoints,
        warnings=(*discarded, *(created.get("Warnings") or ())),
    )


def _drop_refused_limit(
    client: docker.APIClient, settings: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Leave out the one limit that an engine refuses, and does not just discard; say so."""
    if "nano_cpus" not in settings or client.info()["CpuCfsQuota"]:
        return dict(settings), ()
    rest = {name: value for name, value in settings.items() if name != "nano_cpus"}
    return rest, ("The kernel cannot limit CPUs for this engine.",)


def _volume_name(run: str, path: str) -> str:
    return f"hardgate-{run}-{path.strip('/').replace('/', '-')}"


def require_root_volumes(observer: Observer, workspace: Workspace) -> None:
    """See from the host that the fresh volumes are root's, so that the image has to repair them."""
    if not workspace.volumes:
        return
    points = (observer.root + point for point in workspace.volumes.values())
    owners = observer.run_checked("stat", "-c", "%u:%g", *points).splitlines()
    for path, owner in zip(workspace.volumes, owners, strict=True):
        if owner != "0:0":
            raise HostError(
                f"The fresh volume for '{path}' belongs to {owner}, not to root.",
                "This engine copies the image's ownership in spite of NoCopy; use another.",
            )


def start_workspace(
    client: docker.APIClient, workspace: Workspace, request: WorkspaceRequest
) -> Workspace:
    """Copy in what the caller gives, and start the image's own entrypoint."""
    if CONFIGS_FOLDER in workspace.volumes:
        for archive in _make_config_archives(request):
            client.put_archive(workspace.id, CONFIGS_FOLDER, archive)
    try:
        client.start(workspace.id)
    except APIError as error:
        # The container is there, and its state has the reason: readiness is judged by that.
        if not UNSTARTABLE.search(str(error.explanation or error)):
            raise
    return Workspace(
        id=workspace.id,
        volumes=workspace.volumes,
        warnings=workspace.warnings,
        state=inspect_state(client, workspace.id) or {},
    )


def _make_config_archives(request: WorkspaceRequest) -> list[bytes]:
    archives = []
    if request.config:
        archives.append(archive_folder(Path(request.config)))
    if request.egress_ca:
        archives.append(archive_file(EGRESS_CA_FILE, request.egress_ca.encode(), mode=0o644))
    return archives


def inspect_state(client: docker.APIClient, container: str) -> dict[str, Any] | None:
    """Say which container it is and how it is; None where it is gone."""
    try:
        inspect = client.inspect_container(container)
    except NotFound:
        return None
    state = inspect["State"]
    return {
        "id": inspect["Id"],
        "started_at": state["StartedAt"],
        "restart_count": inspect["RestartCount"],
        "running": state["Running"] and not state.get("Restarting"),
        "pid": state["Pid"],
        "exit_status": state["ExitCode"],
        "oom_killed": state["OOMKilled"],
        "error": state.get("Error") or "",
    }


def describe_end(client: docker.APIClient, container: str) -> dict[str, Any] | None:
    """Say how a container ended, and what it wrote last; None where it runs, or is gone."""
    state = inspect_state(client, container)
    if state is None or state["running"]:
        return None
    config = client.inspect_container(container)["Config"]
    words = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    return {
        "exit_status": state["exit_status"],
        "oom_killed": state["oom_killed"],
        "error": bound_lines(state["error"]),
        "log": read_last_log_lines(client, container),
        "command": [bound_lines(word, MAX_LOG_LINE_CHARS) for word in words[:8]],
        "entrypoint": read_first_line(client, container, words[0]) if words else None,
    }


def read_last_log_lines(client: docker.APIClient, container: str) -> list[str]:
    """Read the last lines of a container's log that hold anything; each is cut to a length."""
    kept = bytearray()
    for chunk in client.logs(container, tail=LAST_LOG_ENTRIES, stream=True, follow=False):
        kept += chunk
        del kept[:-MAX_LOG_BYTES]
    lines = kept.decode(errors="replace").split("\n")
    return [bound_lines(line, MAX_LOG_LINE_CHARS) for line in lines if line.strip()][
        -LAST_LOG_LINES:
    ]


def read_first_line(client: docker.APIClient, container: str, path: str) -> str | None:
    """Read the first line of a script in a container that has ended; None where it is none."""
    if not path.startswith("/"):
        return None
    try:
        chunks, _ = client.get_archive(container, path)
        head = b"".join(itertools.islice(chunks, 1))
    except (NotFound, APIError):
        return None
    line = head[TAR_BLOCK_BYTES:].split(b"\n")[0][:200]
    return line.decode(errors="replace") if line.startswith(b"#!") else None


def is_same_and_running(client: docker.APIClient, workspace: Workspace) -> bool:
    """Tell whether it is still the container that the gate started, and alive."""
    now = inspect_state(client, workspace.id)
    return (
        now is not None
        and now["running"]
        and all(now[key] == workspace.state[key] for key in ("id", "started_at", "restart_count"))
    )


def wait_until_ready(
    client: docker.APIClient,
    observer: Observer,
    workspace: Workspace,
    *,
    seconds: float,
    token_promised: bool,
) -> dict[str, Any]:
    """Wait for the image's own health, else for the token and its port; give the guard's facts.

    The image's HEALTHCHECK is run as the engine would run it, only sooner than its interval.
    """
    begun = time.monotonic()
    inspect = client.inspect_container(workspace.id)
    health = (inspect["Config"].get("Healthcheck") or {}).get("Test") or []
    find_problem: Callable[[], _Obstacle | None]
    if health[:1] in (["CMD"], ["CMD-SHELL"]):
        find_problem = partial(
            _find_health_problem, client, workspace, _health_command(inspect, health)
        )
    elif token_promised and CONFIGS_FOLDER in workspace.volumes:
        find_problem = partial(_find_token_problem, observer, workspace)
    else:
        find_problem = _find_nothing
    obstacle: _Obstacle | None = _Obstacle(text="not looked at")
    pause = READY_POLL_SECONDS
    if health:
        time.sleep(pause)  # few images are healthy at once, and a look in vain takes as long
    while obstacle and time.monotonic() - begun < seconds:
        state = inspect_state(client, workspace.id)
        if state is None or not state["running"]:
            obstacle = _Obstacle(text="The workspace ended before it was ready.")
            break
        obstacle = find_problem()
        if obstacle:
            time.sleep(pause)
            pause = min(pause * READY_POLL_GROWTH, MAX_READY_POLL_SECONDS)
    waited = round(time.monotonic() - begun, 3)
    late = f" It was given {seconds:g} s." if waited >= seconds else ""
    return {
        "ready": not obstacle,
        "seconds": waited,
        "missing": obstacle.text + late if obstacle else "",
        "health": bound_lines(obstacle.health_output) if obstacle else "",
        "unused_port": obstacle.unused_port if obstacle else None,
        "ended": describe_end(client, workspace.id) if obstacle else None,
    }


@dataclass(frozen=True, kw_only=True)
class _Obstacle:
    """What a workspace lacks to be ready."""

    text: str
    """A sentence."""
    health_output: str = ""
    """What its HEALTHCHECK wrote."""
    unused_port: int | None = None
    """The port that it promises, where nothing listens on it."""


def _find_nothing() -> _Obstacle | None:
    return None


def _health_command(inspect: Mapping[str, Any], test: list[str]) -> list[str]:
    if test[0] == "CMD":
        return test[1:]
    return [*(inspect["Config"].get("Shell") or ["/bin/sh", "-c"]), test[1]]


def _find_health_problem(
    client: docker.APIClient, workspace: Workspace, command: list[str]
) -> _Obstacle | None:
    """Run the HEALTHCHECK, and tell where it does not pass."""
    state = client.inspect_container(workspace.id)["State"].get("Health") or {}
    if state.get("Status") == "healthy":
        return None
    execution = execute_in_container(
        client, workspace.id, command, timeout=10, end_process=lambda _: None
    )
    if execution.exit_status == 0:
        return None
    return _Obstacle(
        text=f"Its HEALTHCHECK does not pass{_describe_output(execution)}.",
        health_output=(execution.stderr + execution.stdout)[-MAX_LOG_BYTES // 16 :],
    )


def _describe_output(execution: Execution) -> str:
    lines = (execution.problem or execution.stderr or execution.stdout).strip().splitlines()
    return f" ({lines[-1].strip()})" if lines else f" (exit status {execution.exit_status})"


def _find_token_problem(observer: Observer, workspace: Workspace) -> _Obstacle | None:
    """Look for the token and its port from the host's side; the image has no HEALTHCHECK."""
    configs = PurePosixPath(workspace.volumes[CONFIGS_FOLDER])
    if not observer.read_file(str(configs / TOKEN_FILE)):
        return _Obstacle(
            text=f"There is no token in '{CONFIGS_FOLDER}/{TOKEN_FILE}' (and the image has "
            f"no HEALTHCHECK)."
        )
    port = read_workspace_port(observer, workspace)
    pid = workspace.state["pid"]
    listening = observer.run_on_host(
        "nsenter", "--net", "--target", str(pid), "ss", "-Hltn", f"sport = :{port}"
    )
    if listening.stdout.strip():
        return None
    return _Obstacle(text=f"Nothing listens on its port {port}.", unused_port=port)


def read_workspace_port(observer: Observer, workspace: Workspace) -> int:
    """Read from its volume, on the host's side, which port it serves."""
    file = f"{workspace.volumes[CONFIGS_FOLDER]}/{PORT_FILE}"
    written = (observer.read_file(file) or "").strip()
    return int(written) if written.isdigit() else DEFAULT_PORT


UNREADABLE_NOTICE = (
    "The workspace's token could not be read on the host's side: in what was shown it is masked "
    "only where it looks like a secret"
)


def read_workspace_token(observer: Observer, workspace: Workspace) -> str:
    """Read the workspace's token from its volume, on the host's side, for the redactor alone.

    Empty where it has none. Raises HostError where that cannot be told.
    """
    if CONFIGS_FOLDER not in workspace.volumes:
        return ""
    file = f"{observer.root}{workspace.volumes[CONFIGS_FOLDER]}/{TOKEN_FILE}"
    script = 'if [ -e "$1" ] || [ -L "$1" ]; then head -c 65536 "$1"; fi'
    return observer.run_checked("sh", "-c", script, "sh", file)


def read_stop_signal(client: docker.APIClient, container: str) -> str:
    """Name the signal that the engine stops it by: the image's STOPSIGNAL, by its name."""
    try:
        config = client.inspect_container(container)["Config"]
    except NotFound:
        return DEFAULT_STOP_SIGNAL
    name = str(config.get("StopSignal") or DEFAULT_STOP_SIGNAL).upper()
    if name.isdigit():
        known = {int(one): one.name for one in signal.Signals}
        return known.get(int(name), name)
    return name if name.startswith("SIG") else f"SIG{name}"


def signal_number(name: str) -> int:
    """Give a signal's number; 0, which ends nothing, where there is none of that name."""
    base, plus, offset = name.partition("+")
    if name.isdigit():
        return int(name)
    try:
        return int(signal.Signals[base]) + (int(offset) if plus else 0)
    except (KeyError, ValueError):
        return 0


def stop_workspace(client: docker.APIClient, workspace: Workspace) -> str:
    """Stop it as a platform would; one that is gone already is stopped.

    Gives a sentence where it took all of the engine's patience, else nothing.
    """
    running = is_same_and_running(client, workspace)
    begun = time.monotonic()
    _stop_container(client, workspace)
    if not running or time.monotonic() - begun < STOP_SECONDS:
        return ""
    return (
        f"The workspace did not end within {STOP_SECONDS} s of "
        f"{read_stop_signal(client, workspace.id)}, and was killed: so every stop of it takes that "
        "long, and what it holds in memory is lost."
    )


def _stop_container(client: docker.APIClient, workspace: Workspace) -> None:
    try:
        client.stop(workspace.id, timeout=STOP_SECONDS)
    except NotFound:
        return
    except APIError as error:
        raise HostError(
            "The engine could not stop the workspace.", evidence=str(error.explanation or error)
        ) from error
