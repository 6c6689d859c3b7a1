"""What a guard looks with: the workspace, as its agent, and the host's side."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import docker

from hardgate.engine.exec import execute_in_container
from hardgate.host.observer import LOOK_AROUND_COMMAND, Observer
from hardgate.host.workspace import CONFIGS_FOLDER, PORT_FILE, TOKEN_FILE, Workspace
from hardgate.model.observation import Execution

GUARD_SECONDS = 20.0
COMMAND_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")

GatheredFacts = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class GuardContext:
    """Where a guard looks, and from where."""

    client: docker.APIClient
    observer: Observer
    workspace: Workspace
    agent_uid: int
    readiness: Mapping[str, Any]
    mark: str
    """Unique to the workspace; what the guard's own processes are known by."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What probes get, too."""

    def run_as_agent(self, script: str) -> Execution:
        """Run a script in the workspace, as its agent."""
        return execute_in_container(
            self.client,
            self.workspace.id,
            ["sh", "-c", script],
            user=str(self.agent_uid),
            environment=dict(self.environment) | {"MOLECULE_T4_PROBE_ID": self.mark},
            timeout=GUARD_SECONDS,
            end_process=self.observer.make_process_ender(self.mark),
        )

    def look_around(
        self, *, want: Sequence[str] = (), commands: Sequence[str] = ()
    ) -> dict[str, Any]:
        """See the workspace from the host's side (`look_around.py`); nothing of the image is run.

        What could not be seen is not in the answer, which then has a `problem`.
        """
        request = {
            "init": self.workspace.state["pid"],
            "uid": self.agent_uid,
            "want": list(want),
            "paths": [],
            "host_paths": [],
            "commands": list(commands),
            "path": list(COMMAND_PATH),
            "image": "",
            "socket": "/var/run/docker.sock",
            "token": f"{CONFIGS_FOLDER}/{TOKEN_FILE}",
            "port": f"{CONFIGS_FOLDER}/{PORT_FILE}",
        }
        seen = self.observer.run_on_host(*LOOK_AROUND_COMMAND, json.dumps(request))
        try:
            return dict(json.loads(seen.stdout))
        except ValueError:
            return {"problem": seen.problem or seen.stderr.strip() or "nothing was answered"}
