"""The roles' variables: what a plan and a command line come to for Ansible. Values only."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hardgate.host.probe import Probe
from hardgate.host.workspace import CONFIGS_FOLDER, EGRESS_CA_FILE, TOKEN_FILE
from hardgate.model.plan import Plan

LAST_GUARD_NAME = "workspace_kept_running"
"""Looks when all probes have run."""


def contract_probe_variables(plan: Plan, *, run: str, seconds: float) -> dict[str, Any]:
    """Give the role contract_probe its probes and guards."""
    guards = [guard.name for guard in plan.guards if not guard.late]
    return {
        "contract_probe_agent_uid": plan.contract.agent_uid,
        "contract_probe_guards": [name for name in guards if name != LAST_GUARD_NAME],
        "contract_probe_last_guards": [name for name in guards if name == LAST_GUARD_NAME],
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
        f"{CONFIGS_FOLDER}/{TOKEN_FILE}" in capability.probe for capability in plan.capabilities
    )


def choose_egress_targets(plan: Plan, requested: Sequence[str], beacon: str) -> tuple[str, ...]:
    """Choose the targets: the caller's and the beacon, else the contract's own."""
    if requested or beacon:
        return (*requested, *([beacon] if beacon else ()))
    contract_targets = [
        url for capability in plan.capabilities for url in capability.required_egress
    ]
    return tuple(dict.fromkeys(contract_targets))


def probe_environment(targets: Sequence[str], *, beacon: bool) -> dict[str, str]:
    """Give the environment that every probe gets beside its own id."""
    environment = {"MOLECULE_T4_EGRESS_TARGETS": " ".join(targets)}
    if beacon:
        bundle = f"{CONFIGS_FOLDER}/{EGRESS_CA_FILE}"
        environment |= {"CURL_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle}
    return environment
