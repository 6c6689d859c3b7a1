"""`hardgate runtime`: the image with its real entrypoint, from boot to a second boot."""

import os
from collections.abc import Sequence
from dataclasses import replace

from hardgate.cli.gate import make_parser, read_request, tier_of
from hardgate.cli.options import console_of
from hardgate.errors import UsageError
from hardgate.gate.run import run_gate
from hardgate.gate.variables import promises_token
from hardgate.host.restart import RESTART_GUARDS
from hardgate.model.contract import load_contract
from hardgate.model.plan import make_plan
from hardgate.pipeline.static.config import read_config
from hardgate.pipeline.static.dockerfile import read_stage
from hardgate.pipeline.template import Template
from hardgate.resources import CONTRACTS

SESSION = "runtime"
STANDARD = 2
SMOKE = "hardgate.smoke"


def main(words: Sequence[str]) -> int:
    """Run it: a gate of its own contract, with two guards that end the workspace."""
    values = make_parser(
        SESSION, "Boot an image by its real entrypoint; see who runs, how it ends, and comes again."
    ).read(words)
    if values.only:
        raise UsageError("'hardgate runtime' looks at all or nothing.", "Leave '--only' out.")
    request = read_request(values, os.environ)
    own = load_contract(str(CONTRACTS / "runtime.yaml"))
    contract = replace(own, agent_uid=request.plan.contract.agent_uid)
    asked = any(word.partition("=")[0] == "--tier" for word in words)
    tier = values.tier if asked or values.image else _tier(values.context, values.dockerfile)
    plan = make_plan(contract, tier_of(tier))
    plan = replace(
        plan,
        guards=(*plan.guards, *RESTART_GUARDS),
        session=SESSION,
        waits_for_token=promises_token(request.plan),
    )
    smoke = {} if values.image else _smoke(values.context, values.dockerfile)
    request = replace(
        request,
        plan=plan,
        egress=(),
        environment={**smoke, **request.environment},
        notices=tuple(f"Smoke mode, as the Dockerfile says: {name} is set." for name in smoke),
    )
    return int(run_gate(request, console_of(values)))


def _smoke(context: str | None, dockerfile: str | None) -> dict[str, str]:
    """Read the label by which a Dockerfile names its image's smoke mode: a variable's setting."""
    file = Template.find(context or ".", dockerfile).dockerfile
    stage = read_stage(file.read_text(errors="replace"))
    words = [
        word
        for act in (stage.acts if stage else ())
        if act.keyword == "LABEL"
        for word in act.words
    ]
    told = [word.partition("=")[2] for word in words if word.startswith(f"{SMOKE}=")]
    return {one.partition("=")[0]: one.partition("=")[2] or "1" for one in told if one}


def _tier(context: str | None, dockerfile: str | None) -> int:
    """Take the tier that the template says it is for, as a platform would."""
    config = Template.find(context or ".", dockerfile).config
    told = read_config(config.read_bytes())[0].get("tier") if config else None
    return int(told or STANDARD)
