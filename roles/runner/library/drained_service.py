"""Have the runner's service running or stopped, without ever ending a job."""

DOCUMENTATION = """
module: drained_service
short_description: Has a service running or stopped, without ending a job.
description:
  - Works by commands, so that systemd and the role's own supervisor are served by one path.
  - A service that runs with older files than those that are there is started anew, drained. Where
    a stop by itself would end a job, it is waited for first, until none runs; where that takes too
    long, nothing is stopped and the task fails.
options:
  state:
    description: What is to be; C(looked) changes nothing.
    type: str
    choices: [started, stopped, looked]
    required: true
  fresh:
    description: Start it anew in any case.
    type: bool
    default: false
  service:
    description: The service.
    type: dict
    required: true
    suboptions:
      commands:
        description: >
          Lists of words for C(is_active), C(start), C(stop) and C(log), and where the manager has
          them, for C(prepare), C(is_enabled), C(enable) and C(disable).
        type: dict
        required: true
      files:
        description: What the service runs with; their hashes are compared with those at its start.
        type: list
        elements: path
        required: true
      started:
        description: Where those are written down at its start.
        type: path
        required: true
      busy:
        description: A process that is there as long as a job runs; empty where a stop waits.
        type: str
        required: true
      user:
        description: Whose process that is.
        type: str
        required: true
      drain_seconds:
        description: How long a job may take to its end.
        type: int
        required: true
      ready:
        description: A regular expression for what the service says when it is at work.
        type: str
        required: true
      ready_seconds:
        description: How long that may take.
        type: int
        required: true
"""

RETURN = """
done:
  description: What was done, a phrase each.
  type: list
  returned: always
active:
  description: Whether the service runs.
  type: bool
  returned: always
"""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.started_files import describe_files

PAUSE_SECONDS = 0.2
SETTLE_SECONDS = 1.0
SERVICE = {
    "commands": {"type": "dict", "required": True},
    "files": {"type": "list", "elements": "path", "required": True},
    "started": {"type": "path", "required": True},
    "busy": {"type": "str", "required": True},
    "user": {"type": "str", "required": True},
    "drain_seconds": {"type": "int", "required": True},
    "ready": {"type": "str", "required": True},
    "ready_seconds": {"type": "int", "required": True},
}
OPTIONS = {
    "state": {"type": "str", "choices": ["started", "stopped", "looked"], "required": True},
    "fresh": {"type": "bool", "default": False},
    "service": {"type": "dict", "required": True, "options": SERVICE},
}


class Service:
    """The service, as its manager's commands show it."""

    def __init__(self, module: Any) -> None:
        """Take the task's parameters."""
        self.module = module
        self.told = module.params["service"]
        self.commands = self.told["commands"]

    def command_succeeds(self, name: str) -> bool:
        """Ask; before anything is installed, nothing of it is so."""
        if not shutil.which(self.commands[name][0]):
            return False
        return bool(self.module.run_command(self.commands[name])[0] == 0)

    def run_or_fail(self, name: str) -> None:
        """Have a command done, or fail with its words."""
        if not self.commands.get(name):
            return
        status, out, err = self.module.run_command(self.commands[name])
        if status:
            self.module.fail_json(
                msg=f"'{' '.join(self.commands[name])}' failed ({status}): {(err or out).strip()}."
                " Look at the service's log on the host."
            )

    def read_service_log(self) -> str:
        """Give what it said since its start."""
        return str(self.module.run_command(self.commands["log"])[1])

    def is_current(self) -> bool:
        """Tell whether it runs with the files that are there."""
        started = Path(self.told["started"])
        now = describe_files(self.told["files"])
        return started.is_file() and started.read_text() == now

    def await_idle(self) -> None:
        """Wait until no job runs, where a stop by itself would not."""
        name, user = self.told["busy"], self.told["user"]
        deadline = time.monotonic() + self.told["drain_seconds"]
        while name and self.module.run_command(["pgrep", "-u", user, "-f", name])[0] == 0:
            if time.monotonic() > deadline:
                self.module.fail_json(
                    msg="A job still runs, so the runner was not stopped, and no job was ended."
                    " Play this again when it is done, or allow it more ('runner_drain_seconds')."
                )
            time.sleep(PAUSE_SECONDS)

    def await_ready(self) -> None:
        """Wait until it says that it is at work, and stays."""
        ready = re.compile(self.told["ready"])
        deadline = time.monotonic() + self.told["ready_seconds"]
        while not ready.search(self.read_service_log()):
            if time.monotonic() > deadline:
                self.module.fail_json(
                    msg="The runner was started, and did not say within"
                    f" {self.told['ready_seconds']} s that it is at work. Its last words:"
                    f"\n{self.read_service_log()[-3000:]}"
                )
            time.sleep(PAUSE_SECONDS)
        time.sleep(SETTLE_SECONDS)
        if not self.command_succeeds("is_active"):
            self.module.fail_json(
                msg=f"The runner was at work, and ended. Its last "
                f"words:\n{self.read_service_log()[-3000:]}"
            )


def stop_service(service: Service) -> Iterator[str]:
    """Have it stopped and not started at boot."""
    if service.commands.get("disable") and service.command_succeeds("is_enabled"):
        service.run_or_fail("disable")
        yield "disabled it"
    if service.command_succeeds("is_active"):
        service.await_idle()
        service.run_or_fail("stop")
        yield "stopped it, drained"


def start_service(service: Service, *, fresh: bool) -> Iterator[str]:
    """Have it running with the files that are there, at boot too."""
    if service.commands.get("enable") and not service.command_succeeds("is_enabled"):
        service.run_or_fail("enable")
        yield "enabled it"
    if service.command_succeeds("is_active"):
        if service.is_current() and not fresh:
            return
        service.await_idle()
        service.run_or_fail("stop")
        yield "stopped it, drained, for it ran with older files"
    service.run_or_fail("start")
    service.await_ready()
    yield "started it"


def main() -> None:
    """Answer to Ansible."""
    module = AnsibleModule(argument_spec=OPTIONS)
    service = Service(module)
    done: list[str] = []
    if module.params["state"] == "stopped":
        done += stop_service(service)
    elif module.params["state"] == "started":
        service.run_or_fail("prepare")
        done += start_service(service, fresh=module.params["fresh"])
    module.exit_json(changed=bool(done), done=done, active=service.command_succeeds("is_active"))


if __name__ == "__main__":
    main()
