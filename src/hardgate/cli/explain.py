"""`hardgate explain`: a capability in words, or the misses of a finished run."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from hardgate.cli.options import add_contract_options, load_requested_contract
from hardgate.cli.parser import CommandParser
from hardgate.diagnosis.explain import explain_capability, explain_guard, explain_run
from hardgate.errors import UsageError
from hardgate.model.contract import Contract
from hardgate.model.guard import GUARDS
from hardgate.redaction import Redactor
from hardgate.report.read_summary import read_summary
from hardgate.text.plain import disarm_workflow_commands, strip_control_codes
from hardgate.text.typo import suggest_choice


def main(argv: Sequence[str]) -> int:
    """Explain."""
    parser = CommandParser(
        "explain", "Describe a capability or guard, what breaks it, and how to fix it."
    )
    parser.add_argument(
        "name", nargs="?", metavar="CAPABILITY", help="name of a capability or a guard"
    )
    add_contract_options(parser)
    parser.add_argument(
        "--run",
        type=Path,
        metavar="DIR",
        help="folder of a finished run whose misses are explained",
    )
    values = parser.parse_argv(argv)
    if values.run is not None:
        _print_redacted(_explain_finished_run(values.run, values.name or ""))
    elif values.name:
        _print_redacted(_explain_by_name(values.name, load_requested_contract(values, None)))
    else:
        raise UsageError("Nothing to explain was named.", "Name a capability, or '--run DIR'.")
    return 0


def _explain_by_name(name: str, contract: Contract) -> Iterable[str]:
    for capability in contract.capabilities:
        if capability.name == name:
            return explain_capability(capability, contract)
    for guard in GUARDS:
        if guard.name == name:
            return explain_guard(guard)
    names = [capability.name for capability in contract.capabilities]
    raise UsageError(
        f"Contract '{contract.origin}' has no capability '{name}', nor is it a guard's name.",
        suggest_choice(name, [*names, *(guard.name for guard in GUARDS)])
        or f"It has {', '.join(names)}.",
    )


def _explain_finished_run(folder: Path, name: str) -> Iterable[str]:
    summary = read_summary(folder)
    names = [verdict["name"] for verdict in summary["verdicts"]]
    if name and name not in names:
        raise UsageError(
            f"The run in '{folder}' has no verdict '{name}'.",
            suggest_choice(name, names) or f"It has {', '.join(names)}.",
        )
    return explain_run(summary, name)


def _print_redacted(lines: Iterable[str]) -> None:
    text = Redactor().redact_text(strip_control_codes("\n".join(lines)))
    print(disarm_workflow_commands(text))
