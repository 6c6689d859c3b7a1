"""The container under test: started as its tier says, with its own entrypoint, and watched."""

import time
from collections.abc import Mapping, Sequence
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

CONFIGS_FOLDER = "/configs"
EGRESS_CA_FILE = "hardgate-egress-ca.pem"
TOKEN_FILE = ".auth_token"  # noqa: S105 - the name of a file
PORT_FILE = ".platform_port"
DEFAULT_PORT = 8080
STOP_SECONDS = 10
READY_POLL_SECONDS = 0.1
READY_POLL_GROWTH = 1.3
MAX_READY_POLL_SECONDS = 1.0
"""A HEALTHCHECK may cost the image something: it is asked less often the longer the boot takes."""


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
    for path, point in workspace.volumes.items():
        owner = observer.run_checked("stat", "-c", "%u:%g", observer.root + point)
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
    client.start(workspace.id)
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
    }


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
    if health[:1] in (["CMD"], ["CMD-SHELL"]):
        find_problem = partial(
            _find_health_problem, client, workspace, _health_command(inspect, health)
        )
    elif token_promised and CONFIGS_FOLDER in workspace.volumes:
        find_problem = partial(_find_token_problem, observer, workspace)
    else:
        find_problem = partial(str)
    missing, pause = "not looked at", READY_POLL_SECONDS
    while missing and time.monotonic() - begun < seconds:
        state = inspect_state(client, workspace.id)
        if state is None or not state["running"]:
            missing = "The workspace ended before it was ready."
            break
        missing = find_problem()
        if missing:
            time.sleep(pause)
            pause = min(pause * READY_POLL_GROWTH, MAX_READY_POLL_SECONDS)
    waited = round(time.monotonic() - begun, 3)
    late = f" It was given {seconds:g} s." if waited >= seconds else ""
    return {"ready": not missing, "seconds": waited, "missing": missing and missing + late}


def _health_command(inspect: Mapping[str, Any], test: list[str]) -> list[str]:
    if test[0] == "CMD":
        return test[1:]
    return [*(inspect["Config"].get("Shell") or ["/bin/sh", "-c"]), test[1]]


def _find_health_problem(client: docker.APIClient, workspace: Workspace, command: list[str]) -> str:
    state = client.inspect_container(workspace.id)["State"].get("Health") or {}
    if state.get("Status") == "healthy":
        return ""
    execution = execute_in_container(
        client, workspace.id, command, timeout=10, end_process=lambda _: None
    )
    if execution.exit_status == 0:
        return ""
    return f"Its HEALTHCHECK does not pass{_describe_output(execution)}."


def _describe_output(execution: Execution) -> str:
    lines = (execution.problem or execution.stderr or execution.stdout).strip().splitlines()
    return f" ({lines[-1].strip()})" if lines else f" (exit status {execution.exit_status})"


def _find_token_problem(observer: Observer, workspace: Workspace) -> str:
    """Look for the token and its port from the host's side; the image has no HEALTHCHECK."""
    configs = PurePosixPath(workspace.volumes[CONFIGS_FOLDER])
    if not observer.read_file(str(configs / TOKEN_FILE)):
        return (
            f"There is no token in '{CONFIGS_FOLDER}/{TOKEN_FILE}' (and the image has "
            f"no HEALTHCHECK)."
        )
    port = read_workspace_port(observer, workspace)
    pid = workspace.state["pid"]
    listening = observer.run_on_host(
        "nsenter", "--net", "--target", str(pid), "ss", "-Hltn", f"sport = :{port}"
    )
    return "" if listening.stdout.strip() else f"Nothing listens on its port {port}."


def read_workspace_port(observer: Observer, workspace: Workspace) -> int:
    """Read from its volume, on the host's side, which port it serves."""
    file = f"{workspace.volumes[CONFIGS_FOLDER]}/{PORT_FILE}"
    written = (observer.read_file(file) or "").strip()
    return int(written) if written.isdigit() else DEFAULT_PORT


def read_workspace_token(observer: Observer, workspace: Workspace) -> str:
    """Read the workspace's token from its volume, on the host's side, for the redactor alone."""
    if CONFIGS_FOLDER not in workspace.volumes:
        return ""
    return (observer.read_file(f"{workspace.volumes[CONFIGS_FOLDER]}/{TOKEN_FILE}") or "").strip()


def stop_workspace(client: docker.APIClient, workspace: Workspace) -> None:
    """Stop it as a platform would; one that is gone already is stopped."""
    try:
        client.stop(workspace.id, timeout=STOP_SECONDS)
    except NotFound:
        return
    except APIError as error:
        raise HostError(
            "The engine could not stop the workspace.", evidence=str(error.explanation or error)
        ) from error
