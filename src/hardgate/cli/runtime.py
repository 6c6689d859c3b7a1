"""`hardgate runtime`: the image with its real entrypoint, from boot to a second boot."""

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import replace

from hardgate.cli.gate import find_tier, make_gate_parser, make_gate_publisher, read_gate_request
from hardgate.cli.options import make_console
from hardgate.errors import HardgateError, UsageError
from hardgate.gate.request import GateRequest
from hardgate.gate.run import run_gate
from hardgate.gate.variables import promises_token
from hardgate.host.restart import RESTART_GUARDS
from hardgate.model.contract import load_contract
from hardgate.model.plan import Plan, make_plan
from hardgate.model.run import Run
from hardgate.pipeline.snapshot import Snapshot
from hardgate.pipeline.static.config import read_config
from hardgate.pipeline.static.dockerfile import read_labels
from hardgate.pipeline.template import Template
from hardgate.report.console import Console
from hardgate.resources import CONTRACTS

SESSION = "runtime"
DEFAULT_TIER = 2
_TIER_WORD = re.compile(r"'tier'")
SMOKE_LABEL = "hardgate.smoke"


def main(argv: Sequence[str]) -> int:
    """Run it: a gate of its own contract, with two guards that end the workspace."""
    return int(run_runtime_session(argv).exit_code)


def run_runtime_session(
    argv: Sequence[str], console: Console | None = None, snapshot: Snapshot | None = None
) -> Run:
    """Run it, and give all that its reports hold."""
    console = console or make_console(_parse_runtime_argv(argv))
    return run_gate(make_runtime_request(argv, console, snapshot), console)


def _parse_runtime_argv(argv: Sequence[str]) -> argparse.Namespace:
    values = make_gate_parser(
        SESSION,
        "Boot an image by its real entrypoint, check who runs in it, stop it, and boot it again on "
        "the same volumes.",
    ).parse_argv(argv)
    if values.only:
        raise UsageError("'hardgate runtime' looks at all or nothing.", "Leave '--only' out.")
    return values


def make_runtime_request(
    argv: Sequence[str], console: Console, snapshot: Snapshot | None = None
) -> GateRequest:
    """Make a request of the words: the gate's, with a plan of its own."""
    values = _parse_runtime_argv(argv)
    request = read_gate_request(values, os.environ, snapshot)
    template = None if values.image else _find_template(values, snapshot)
    tier_given = any(argument.partition("=")[0] == "--tier" for argument in argv)
    tier = values.tier if tier_given or template is None else read_template_tier(template)
    smoke = _read_smoke_label(template) if template else {}
    return replace(
        request,
        plan=replace(
            make_runtime_plan(request.plan.contract.agent_uid, tier, values.tiers),
            waits_for_token=promises_token(request.plan),
        ),
        egress=(),
        publish_summary=make_gate_publisher(values, SESSION, console),
        environment={**smoke, **request.environment},
        notices=tuple(f"Smoke mode, as the Dockerfile says: {name} is set." for name in smoke),
    )


def make_runtime_plan(agent_uid: int | None, tier: int, tiers: str | None = None) -> Plan:
    """Plan hardgate's own contract of what an image does at run time; `tiers` is their file."""
    contract = load_contract(str(CONTRACTS / "runtime.yaml"))
    plan = make_plan(replace(contract, agent_uid=agent_uid), find_tier(tier, tiers))
    return replace(plan, guards=(*plan.guards, *RESTART_GUARDS), session=SESSION)


def _find_template(values: argparse.Namespace, snapshot: Snapshot | None) -> Template:
    if snapshot is not None:
        return snapshot.template
    return Template.from_folder(values.context or ".", values.dockerfile)


def _read_smoke_label(template: Template) -> dict[str, str]:
    """Read the label by which a Dockerfile names its image's smoke mode: a variable's setting."""
    setting = read_labels(template.dockerfile.read_text(errors="replace")).get(SMOKE_LABEL, "")
    name, _, value = setting.partition("=")
    return {name: value or "1"} if name else {}


def read_template_tier(template: Template) -> int:
    """Take the tier that the template says it is for, as a platform would.

    Raises HardgateError where config.yaml's `tier` cannot be read: an image that is looked at under
    another tier than its own would be red for that alone.
    """
    config = template.config_file
    if config is None:
        return DEFAULT_TIER
    values, refusals = read_config(config.read_bytes())
    about_tier = (
        one for one in refusals if not values or _TIER_WORD.search(f"{one.problem} {one.remedy}")
    )
    if "tier" not in values and (refusal := next(about_tier, None)):
        raise HardgateError(
            f"{config.name}, line {refusal.line}: {refusal.problem}. "
            "So it is not known which tier the template is for.",
            f"{refusal.remedy} Or name the tier by --tier.",
        )
    return int(values.get("tier") or DEFAULT_TIER)
