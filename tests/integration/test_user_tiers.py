"""A platform's own tiers, and a contract written elsewhere, on a real engine."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
import yaml

from tests.integration.conftest import ROOT, Gate
from tests.integration.names import unique

pytestmark = [pytest.mark.full, pytest.mark.independent]

CAREFUL = {
    "number": 7,
    "name": "careful",
    "memory_mib": 512,
    "cpus": 1,
    "network": "bridge",
    "cap_add": ["SYS_PTRACE"],
    "cap_drop": ["NET_RAW"],
    "user": "1000:1000",
    "no_new_privileges": True,
    "read_only": True,
    "tmpfs": ["/tmp:rw,size=16m"],
    "ulimits": ["nofile=1024:2048"],
    "extra_hosts": ["platform.example:10.9.8.7"],
    "volumes": ["/configs"],
}
IMAGES_OWN = {
    "number": 8,
    "name": "as the image says",
    "network": "bridge",
    "volumes": ["/configs"],
}
HAS = """
bounding=$((0x$(sed -n "s/CapBnd:[[:space:]]*//p" /proc/1/status)))
has() { [ $((bounding >> $1 & 1)) = 1 ]; }
"""
"""Tells whether PID 1 may ever have a capability, by its number."""
PROBES = {
    "capabilities_in_place_of_privileged": f"{HAS}has 19 && ! has 13 && ! has 21",
    "starts_as_the_agent": '[ "$(stat -c %u:%g /proc/1)" = 1000:1000 ]',
    "no_new_privileges": "grep -q '^NoNewPrivs:[[:space:]]*1$' /proc/1/status",
    "root_is_read_only": "! touch /etc/written 2>/dev/null && touch /tmp/written",
    "limits": "grep -q 'Max open files *1024 *2048' /proc/1/limits",
    "extra_host": "grep -q '^10.9.8.7[[:space:]]*platform.example$' /etc/hosts",
}
DOCKERFILE = """
FROM {base}
USER 1000:1000
HEALTHCHECK NONE
ENTRYPOINT ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]
CMD []
"""


@pytest.fixture
def agents_image(client: docker.APIClient, reference_tag: str, tmp_path: Path) -> Iterator[str]:
    """Build an image that starts as the agent, and has no root at all."""
    (tmp_path / "Dockerfile").write_text(DOCKERFILE.format(base=reference_tag))
    tag = unique("hardgate-test/agents-own")
    for event in client.build(path=str(tmp_path), tag=tag, rm=True, decode=True):
        assert "error" not in event, event
    yield tag
    client.remove_image(tag)


def test_a_workspace_gets_exactly_what_the_platforms_own_tier_says(
    gate: Gate, make_contract: Callable[..., Path], agents_image: str, tmp_path: Path
) -> None:
    tiers = tmp_path / "tiers.yaml"
    tiers.write_text(yaml.safe_dump({"version": 1, "tiers": [CAREFUL, IMAGES_OWN]}))
    contract = make_contract(PROBES)
    words = ("--image", agents_image, "--contract", str(contract), "--tiers", str(tiers))
    ended = gate(*words, "--tier", "7")
    assert ended.names("fail") | ended.names("error") == set()
    assert ended.exit_code == 0
    assert ended.verdict("workspace_settings_match_tier")["outcome"] == "pass"
    assert ended.summary["tier"]["number"] == 7
    assert len(ended.summary["tier"]["sha256"]) == 64
    # The same image under a tier that gives it none of this: its own promises tell the two apart,
    # but for what an agent may not write in any case; there the guard compares the settings.
    other = gate(*words, "--tier", "8")
    assert other.exit_code == 1
    assert other.names("fail") == set(PROBES) - {"starts_as_the_agent", "root_is_read_only"}


def test_mutants_of_a_contract_written_elsewhere_are_a_matrix_and_unknown(
    make_contract: Callable[..., Path], reference: str, tmp_path: Path
) -> None:
    """What none of the mutations turns red, nobody can tell of: exit 3."""
    contract = make_contract(
        {"has_sudo": "command -v sudo", "has_sudo_too": "sudo -V", "always": "exit 0"}
    )
    out = tmp_path / "out"
    words = ["--image", reference, "--contract", str(contract), "--tier", "1", "--out", str(out)]
    mutations = ["--mutation", "sudo_removed", "--mutation", "docker_removed"]
    ran = subprocess.run(
        [sys.executable, "-m", "hardgate", "mutants", *words, *mutations],
        cwd=ROOT,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )
    print(ran.stdout)
    matrix = json.loads((out / "mutants.json").read_text())
    red = {one["name"]: set(one["red"]) for one in matrix["mutations"]}
    assert ran.returncode == 3
    assert red == {"sudo_removed": {"has_sudo", "has_sudo_too"}, "docker_removed": set()}
    assert set(matrix["foreign"]) >= {"has_sudo", "has_sudo_too", "always"}
    assert "always" in matrix["never_red"]
    assert ["has_sudo", "has_sudo_too"] in matrix["always_together"]
    page = (out / "mutants.md").read_text()
    assert "| `has_sudo` | ✗ | · |" in page
    assert "| `always` | · | · |" in page
    assert "HARDGATE MUTANTS UNKNOWN" in ran.stdout.splitlines()[-1]
