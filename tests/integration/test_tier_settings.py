"""Settings that are not the tier's: the guards go red, also where every probe passes."""

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest

from hardgate.cli.gate import make_gate_parser, read_gate_request
from hardgate.errors import ExitCode
from hardgate.gate.run import run_gate
from hardgate.model.tier import Tier
from hardgate.report.console import Console
from tests.integration.conftest import ROOT

pytestmark = pytest.mark.independent

BLIND = (
    '{"version": 1, "agent_uid": 1000, "capabilities": [{"name": "blind", "description": "d", '
    '"severity": "hard", "source": "s", "probe": "exit 0"}]}'
)


@dataclass(frozen=True, kw_only=True)
class LyingTier(Tier):
    """Says what tier 4 says, and starts something else."""

    without: str

    def container_settings(self, cpus: int) -> dict[str, Any]:
        """Leave one setting out."""
        settings = super().container_settings(cpus)
        if self.without.startswith("/"):
            settings["binds"] = [b for b in settings["binds"] if not b.startswith(self.without)]
            return settings
        return {name: value for name, value in settings.items() if name != self.without}


def lie(tier: Tier, without: str) -> LyingTier:
    """Make a lying tier of an honest one."""
    told: Mapping[str, Any] = {field.name: getattr(tier, field.name) for field in fields(tier)}
    return LyingTier(**told, without=without)


@pytest.mark.parametrize(
    ("without", "red"),
    [
        (
            "pid_mode",
            # Here nsenter enters the workspace itself.
            {
                "workspace_settings_match_tier",
                "pid_namespace_matches_tier",
                "host_root_is_real",
            },
        ),
        ("/:", {"workspace_settings_match_tier", "host_writes_are_real"}),
        # No other guard sees these; how this one judges them is told by tests/unit/model.
        pytest.param("privileged", {"workspace_settings_match_tier"}, marks=pytest.mark.full),
        pytest.param(
            "/var/run/docker.sock", {"workspace_settings_match_tier"}, marks=pytest.mark.full
        ),
        pytest.param("mem_limit", {"workspace_settings_match_tier"}, marks=pytest.mark.full),
    ],
    ids=["pid=host", "host disk", "privileged", "socket", "memory"],
)
def test_a_setting_that_the_tier_has_and_the_workspace_lacks_is_seen_by_the_guards(
    reference: str, tmp_path: Path, without: str, red: set[str]
) -> None:
    see_the_guards_red(reference, tmp_path, without, red)


def see_the_guards_red(image: str, folder: Path, without: str, red: set[str]) -> None:
    """Run a gate that leaves a setting out, and see that these guards notice it and no other."""
    contract = folder / "blind.yaml"
    contract.write_text(BLIND)
    words = ["--image", image, "--contract", str(contract), "--out", str(folder / "out")]
    request = read_gate_request(make_gate_parser().parse_argv(words), os.environ)
    plan = replace(request.plan, tier=lie(request.plan.workspace_tier, without))
    spoken = io.StringIO()
    os.chdir(ROOT)
    code = run_gate(replace(request, plan=plan), Console(spoken)).exit_code
    print(spoken.getvalue())
    assert code is ExitCode.BROKEN
    last = spoken.getvalue().splitlines()[-1]
    assert last.startswith("HARDGATE RED")
    for name in red:
        assert f"✗ {name}" in spoken.getvalue()
    assert spoken.getvalue().count("✗ ") == 2 * len(red)
    assert "✓ blind" in spoken.getvalue()
