"""A contract, as every report in JSON names it."""

from typing import Any

from hardgate.model.contract import Contract


def make_contract_json(contract: Contract) -> dict[str, Any]:
    """Give the contract's identity: where it came from, its hash, and how much it promises."""
    return {
        "origin": contract.origin,
        "version": contract.version,
        "sha256": contract.sha256,
        "count": len(contract.capabilities),
        "warnings": list(contract.warnings),
    }
