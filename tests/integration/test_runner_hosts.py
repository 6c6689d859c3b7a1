"""The runner's hosts are machines: fresh, reached by SSH, and able to die and come back."""

import subprocess
import sys
from pathlib import Path

import docker
import pytest

from tests.integration.runner_hosts import gateway, runner_hosts
from tests.integration.stand_in.forge import forge_at
from tests.integration.stand_in.programs import program

CONFIG = """
runner:
  file: /root/.runner
  fetch_interval: 100ms
  labels: [docker-host:host]
"""
RUNNER = """
umask 077
cd /root
./gitea-runner register -c config --no-interactive --instance "$1" --token-file token --name host
systemd-run --unit=runner /root/gitea-runner daemon -c /root/config
"""


@pytest.mark.slow
@pytest.mark.full
def test_a_fresh_host_is_a_whole_machine(client: docker.APIClient, tmp_path: Path) -> None:
    """Three at once are what the role's own tests begin with."""
    names = ["one"]
    with forge_at(gateway(client)) as forge, runner_hosts(client, tmp_path / "h", names) as hosts:
        one = hosts["one"]
        assert one.shell("systemctl is-system-running") == "running"
        assert not one.shell("command -v dockerd || true")
        ansible = str(Path(sys.executable).with_name("ansible"))
        words = ("all", "-i", str(hosts.inventory), "--become", "-m", "ansible.builtin.ping")
        subprocess.run([ansible, *words], check=True)

        one.put("/root/gitea-runner", program(), mode=0o755)
        one.put("/root/config", CONFIG.encode())
        one.put("/root/token", forge.issue_token().encode(), mode=0o600)
        assert one.run("root", "sh", "-ec", RUNNER, "sh", forge.url).status == 0
        assert forge.queue("systemctl is-active runner").wait().output == "active\n"

        one.kill()
        hosts.boot("one")
        # Its disk is as it was; what only ran is gone.
        assert one.run("root", "systemctl", "is-active", "runner").status != 0
        assert one.run("root", "test", "-f", "/root/.runner").status == 0
        subprocess.run([ansible, *words], check=True)
