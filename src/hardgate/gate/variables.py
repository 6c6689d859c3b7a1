"""The roles' variables: what a plan and a command line come to for Ansible. Values only."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hardgate.host.probe import Probe
from hardgate.host.workspace import CONFIGS, EGRESS_CA, TOKEN
from hardgate.model.plan import Plan

LAST_GUARD = "workspace_kept_running"
"""Looks when all probes have run."""


def probe_variables(plan: Plan, *, run: str, seconds: float) -> dict[str, Any]:
    """Give the role contract_probe its probes and guards."""
    guards = [guard.name for guard in plan.guards if not guard.late]
    return {
        "contract_probe_agent_uid": plan.contract.agent_uid,
        "contract_probe_guards": [name for name in guards if name != LAST_GUARD],
        "contract_probe_last_guards": [name for name in guards if name == LAST_GUARD],
        "contract_probe_probes": [
            asdict(
                Probe(
                    name=capability.name,
                    script=capability.probe,
                    id=f"{run}-{number}",
                    timeout=capability.timeout or seconds,
                    rerun=capability.rerun,
                )
            )
            for number, capability in enumerate(plan.capabilities, start=1)
        ],
    }


def workspace_variables(
    plan: Plan, *, settings: Mapping[str, Any], labels: Mapping[str, str], run: str
) -> dict[str, Any]:
    """Give the role workspace what does not wait for the image."""
    return {
        "workspace_run": run,
        "workspace_labels": dict(labels),
        "workspace_settings": dict(settings),
        "workspace_token_promised": promises_token(plan),
    }


def promises_token(plan: Plan) -> bool:
    """Tell whether the workspace owes a token: a probe asks for it, or the plan says so."""
    return plan.waits_for_token or any(
        f"{CONFIGS}/{TOKEN}" in capability.probe for capability in plan.capabilities
    )


def egress_targets(plan: Plan, asked: Sequence[str], beacon: str) -> tuple[str, ...]:
    """Choose the targets: the caller's and the beacon, else the contract's own."""
    if asked or beacon:
        return (*asked, *([beacon] if beacon else ()))
    wanted = [url for capability in plan.capabilities for url in capability.required_egress]
    return tuple(dict.fromkeys(wanted))


def probe_environment(targets: Sequence[str], *, beacon: bool) -> dict[str, str]:
    """Give the environment that every probe gets beside its own id."""
    environment = {"MOLECULE_T4_EGRESS_TARGETS": " ".join(targets)}
    if beacon:
        bundle = f"{CONFIGS}/{EGRESS_CA}"
        environment |= {"CURL_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle}
    return environment
