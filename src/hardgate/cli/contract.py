"""`hardgate contract`: what a contract will demand (`diff`), and what its probes miss (`check`)."""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hardgate.cli.parser import CommandParser
from hardgate.contract_check.check import (
    check_contract,
    check_exit_code,
    format_weaknesses,
    weaknesses_to_json,
)
from hardgate.errors import UsageError
from hardgate.model.contract import Contract, load_contract
from hardgate.model.contract_diff import diff_contracts
from hardgate.redaction import Redactor
from hardgate.remote.fleet.report_json import FLEET_SCHEMA_FILE
from hardgate.report.contract_diff import diff_exit_code, diff_to_json, format_diff
from hardgate.report.summary_json import SUMMARY_SCHEMA_FILE
from hardgate.resources import CONTRACTS
from hardgate.schema.source import read_pin, strip_credentials
from hardgate.text.plain import strip_control_codes
from hardgate.text.typo import suggest_choice

CHECK_ABOUT = (
    "Find probes that cannot fail, fail in silence or disturb others; no engine is needed."
)
CHECK_EXIT_CODES_HELP = (
    "Exit codes: 0 no weakness was found, 1 at least one was found, 2 the command or a contract is "
    "wrong."
)
ABOUT = "List what contract B demands and contract A does not."
EXIT_CODES_HELP = (
    "Exit codes: 0 B demands nothing new, 1 B demands more, 2 the command or a contract is wrong."
)


SUBCOMMANDS = ("check", "diff", "schema")
SCHEMA_FILES = {
    **{name: CONTRACTS / f"{name}.schema.json" for name in ("contract", "tiers", "images")},
    "policy": CONTRACTS / "policy.schema.json",
    "summary": SUMMARY_SCHEMA_FILE,
    "fleet": FLEET_SCHEMA_FILE,
}
"""What people and programs write by hand or read: files, and the reports of runs and fleets."""


def main(argv: Sequence[str]) -> int:
    """Answer a question about contracts."""
    subcommand, *words = argv or [""]
    if subcommand == "diff":
        return _diff_contracts(words)
    if subcommand == "check":
        return _check_contract(words)
    if subcommand == "schema":
        return _print_schema(words)
    if subcommand in {"-h", "--help"}:
        print(
            "usage: hardgate contract diff A B\n       hardgate contract check FILE\n"
            f"       hardgate contract schema NAME\n\n{ABOUT}"
        )
        raise SystemExit(0)
    raise UsageError(
        f"'hardgate contract' does not know '{subcommand}'."
        if subcommand
        else "Nothing was asked.",
        suggest_choice(subcommand, SUBCOMMANDS)
        or "Use 'hardgate contract check FILE' or 'diff A B'.",
    )


def _diff_contracts(words: Sequence[str]) -> int:
    values = _make_diff_parser().parse_argv(words)
    before = _load_pinned_contract(values.a, values.a_sha256, "--a-sha256")
    after = _load_pinned_contract(values.b, values.b_sha256, "--b-sha256")
    changes = diff_contracts(before, after)
    if values.json:
        _print_json(diff_to_json(before, after, changes))
    else:
        _print_lines(format_diff(before, after, changes))
    return int(diff_exit_code(changes))


def _check_contract(words: Sequence[str]) -> int:
    """Read a contract as a reviewer would; no engine is asked."""
    values = _make_check_parser().parse_argv(words)
    if values.schema:
        print((CONTRACTS / "contract.schema.json").read_text(), end="")
        return 0
    if not values.files:
        raise UsageError("No contract was named.", "Use 'hardgate contract check FILE'.")
    if values.json and len(values.files) > 1:
        raise UsageError("'--json' describes one contract.", "Name one, or leave '--json' out.")
    return max(_check_file(file, values) for file in values.files)


def _check_file(file: str, values: argparse.Namespace) -> int:
    contract = _load_pinned_contract(file, values.sha256, "--sha256")
    weaknesses = check_contract(contract)
    if values.json:
        _print_json(weaknesses_to_json(contract, weaknesses))
    else:
        _print_lines([f"{strip_credentials(file)}:", *format_weaknesses(contract, weaknesses)])
    return int(check_exit_code(weaknesses))


def _print_schema(words: Sequence[str]) -> int:
    """Print a JSON Schema, for an editor or a program."""
    parser = CommandParser("contract schema", "Print the JSON Schema of a file or a report.")
    parser.add_argument(
        "name",
        metavar="NAME",
        choices=SCHEMA_FILES,
        help=f"schema to print: {', '.join(SCHEMA_FILES)}",
    )
    print(SCHEMA_FILES[parser.parse_argv(words).name].read_text(), end="")
    return 0


def _print_json(value: Mapping[str, Any]) -> None:
    print(json.dumps(Redactor().redact_value(value), indent=2))


def _print_lines(lines: Iterable[str]) -> None:
    print(Redactor().redact_text(strip_control_codes("\n".join(lines))))


def _make_check_parser() -> CommandParser:
    parser = CommandParser("contract check", f"{CHECK_ABOUT} {CHECK_EXIT_CODES_HELP}")
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="contracts to check, as files or URLs"
    )
    parser.add_argument(
        "--sha256", type=read_pin, metavar="HEX", help="refuse a contract with another SHA-256"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--schema",
        action="store_true",
        help="print the JSON Schema of contracts, and check nothing",
    )
    return parser


def _make_diff_parser() -> CommandParser:
    parser = CommandParser("contract diff", f"{ABOUT} {EXIT_CODES_HELP}")
    parser.add_argument(
        "a", metavar="A", help="contract that images were verified by, as a file or a URL"
    )
    parser.add_argument(
        "b", metavar="B", help="contract that they will be verified by, as a file or a URL"
    )
    parser.add_argument(
        "--a-sha256", type=read_pin, metavar="HEX", help="refuse an A with another SHA-256"
    )
    parser.add_argument(
        "--b-sha256", type=read_pin, metavar="HEX", help="refuse a B with another SHA-256"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _load_pinned_contract(origin: str, sha256: str | None, option: str) -> Contract:
    if "://" in origin and not sha256:
        raise UsageError(
            f"Contract '{strip_credentials(origin)}' is a URL, and what it holds may change.",
            f"Pin it by {option} HEX, the hash of what you have read.",
        )
    return load_contract(origin, sha256=sha256, subject=None)
