"""A contract, held against all rules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hardgate.contract_check.rules import CONTRACT_RULES, ContractRule, ProbeScript
from hardgate.errors import ExitCode
from hardgate.model.contract import Contract
from hardgate.report.marks import Mark


@dataclass(frozen=True, kw_only=True)
class Weakness:
    """One place where a probe is weaker than it looks."""

    rule: ContractRule
    capability: str
    line: int
    """Where the capability stands in its file."""
    probe_lines: tuple[int, ...]
    """In the probe, counted from 1; empty where it is about the whole."""


def check_contract(contract: Contract) -> tuple[Weakness, ...]:
    """Find every weakness, in the contract's order."""
    return tuple(_find_weaknesses(contract))


def _find_weaknesses(contract: Contract) -> Iterator[Weakness]:
    for capability in contract.capabilities:
        script = ProbeScript.of_capability(capability, contract.subject)
        for rule in CONTRACT_RULES:
            hits = sorted(set(rule.find(script)))
            if hits:
                yield Weakness(
                    rule=rule,
                    capability=capability.name,
                    line=capability.line,
                    probe_lines=tuple(hit for hit in hits if hit),
                )


def check_exit_code(weaknesses: tuple[Weakness, ...]) -> ExitCode:
    """Say what the contract is worth: 1 where any probe is weak."""
    return ExitCode.BROKEN if weaknesses else ExitCode.HELD


def format_weaknesses(contract: Contract, weaknesses: tuple[Weakness, ...]) -> Iterator[str]:
    """Write them for people; the last line is the sum."""
    yield from (f"Notice: {warning}" for warning in contract.warnings)
    for weakness in weaknesses:
        where = ", ".join(map(str, weakness.probe_lines))
        probe = f", probe line {where}" if where else ""
        place = f"{weakness.rule.name}; line {weakness.line}{probe}"
        yield f"{Mark.MISSED.glyph} {weakness.capability} ({place})"
        yield f"    {weakness.rule.weakness}"
        yield f"    Better: {weakness.rule.better}"
    weak = len({weakness.capability for weakness in weaknesses})
    total = len(contract.capabilities)
    code = check_exit_code(weaknesses)
    yield (
        f"HARDGATE CONTRACT {'RED' if code else 'GREEN'}: {total - weak} of {total} probes have no "
        f"known weakness (exit {int(code)})"
    )


def weaknesses_to_json(contract: Contract, weaknesses: tuple[Weakness, ...]) -> Mapping[str, Any]:
    """Write them for programs."""
    return {
        "schema_version": 1,
        "contract": {"origin": contract.origin, "sha256": contract.sha256},
        "exit_code": int(check_exit_code(weaknesses)),
        "warnings": list(contract.warnings),
        "weaknesses": [
            {
                "rule": weakness.rule.name,
                "capability": weakness.capability,
                "line": weakness.line,
                "probe_lines": list(weakness.probe_lines),
                "weakness": weakness.rule.weakness,
                "better": weakness.rule.better,
            }
            for weakness in weaknesses
        ],
    }
