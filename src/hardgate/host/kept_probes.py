"""What a kept run leaves in its test host, so that each probe can be repeated as it was run."""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import docker
from docker.errors import APIError, NotFound

from hardgate.engine.exec import execute_in_container
from hardgate.engine.tar import archive_file
from hardgate.errors import UsageError
from hardgate.host.workspace import CONFIGS_FOLDER, TOKEN_FILE
from hardgate.model.observation import Execution
from hardgate.system.ownership import RUN_LABEL
from hardgate.text.typo import suggest_choice

KEPT_FOLDER, KEPT_FILE = "/var/tmp", "hardgate-kept.json"  # noqa: S108 - in the run's own test host
REPEAT_SECONDS = 900.0


@dataclass(frozen=True, kw_only=True)
class KeptProbes:
    """The probes of a kept run, and where and how they were run."""

    nested: bool
    """The workspace is in the engine of the test host, and not beside it."""
    workspace: str
    agent_uid: int
    environment: Mapping[str, str]
    probes: Mapping[str, Mapping[str, str]]
    """`script` and `id` of each, by name."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "KeptProbes":
        """Read what `asdict` wrote."""
        return cls(**data)


def keep_probes(client: docker.APIClient, container: str, kept: KeptProbes) -> None:
    """Leave them in the test host."""
    text = json.dumps(asdict(kept)).encode()
    client.put_archive(container, KEPT_FOLDER, archive_file(KEPT_FILE, text, mode=0o600))


def find_kept_probes(client: docker.APIClient, run: str) -> tuple[str, KeptProbes]:
    """Find a kept run's test host, and what was left in it; raises UsageError where none is."""
    for container in client.containers(filters={"label": f"{RUN_LABEL}={run}"}):
        try:
            chunks, _ = client.get_archive(container["Id"], f"{KEPT_FOLDER}/{KEPT_FILE}")
        except (NotFound, APIError):
            continue
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            file = archive.extractfile(KEPT_FILE)
            if file is not None:
                return str(container["Id"]), KeptProbes.from_json(json.load(file))
    raise UsageError(
        f"No kept run '{run}' is on this engine.",
        "Run the gate with '--keep', and take the id from its first line.",
    )


def repeat_probe(
    client: docker.APIClient, container: str, kept: KeptProbes, name: str, *, trace: bool
) -> Execution:
    """Run a kept run's probe once more, with its user and its environment."""
    if name not in kept.probes:
        raise UsageError(
            f"The kept run has no probe '{name}'.",
            suggest_choice(name, kept.probes) or f"It has {', '.join(kept.probes)}.",
        )
    probe = kept.probes[name]
    environment = {**kept.environment, "MOLECULE_T4_PROBE_ID": probe["id"]}
    command = ["sh", "-xc" if trace else "-c", probe["script"]]
    return _execute_in_workspace(client, container, kept, command, environment)


def read_kept_token(client: docker.APIClient, container: str, kept: KeptProbes) -> str:
    """Read the workspace's token, for the redactor alone; empty where there is none."""
    read = _execute_in_workspace(
        client, container, kept, ["cat", f"{CONFIGS_FOLDER}/{TOKEN_FILE}"], {}
    )
    return read.stdout.strip() if read.exit_status == 0 else ""


def _execute_in_workspace(
    client: docker.APIClient,
    container: str,
    kept: KeptProbes,
    command: Sequence[str],
    environment: Mapping[str, str],
) -> Execution:
    if not kept.nested:
        return execute_in_container(
            client,
            kept.workspace,
            command,
            user=str(kept.agent_uid),
            environment=environment,
            timeout=REPEAT_SECONDS,
            end_process=lambda _pid: None,
        )
    options = [word for key, value in environment.items() for word in ("-e", f"{key}={value}")]
    return execute_in_container(
        client,
        container,
        ["docker", "exec", "-u", str(kept.agent_uid), *options, kept.workspace, *command],
        timeout=REPEAT_SECONDS,
        end_process=lambda _pid: None,
    )
