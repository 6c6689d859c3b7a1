"""`hardgate contract diff`: what a contract will demand, before it is rolled out."""

import json
from collections.abc import Sequence

from hardgate.cli.parser import CommandParser
from hardgate.errors import UsageError
from hardgate.model.contract import Contract, load_contract
from hardgate.model.contract_diff import diff_contracts
from hardgate.redaction import Redactor
from hardgate.report.contract_diff import diff_exit_code, diff_to_json, format_diff
from hardgate.schema.source import read_pin, strip_credentials
from hardgate.text.plain import strip_control_codes
from hardgate.text.typo import suggest_choice

ABOUT = "Say what contract B will demand that contract A did not."
EXIT_CODES_HELP = (
    "Exit codes: 0 B demands nothing new, 1 B demands more, 2 the command or a contract is wrong."
)


def main(argv: Sequence[str]) -> int:
    """Answer a question about contracts; there is one so far."""
    if argv[:1] != ["diff"] and argv[:1] not in (["-h"], ["--help"]):
        subcommand = argv[0] if argv else ""
        raise UsageError(
            f"'hardgate contract' does not know '{subcommand}'."
            if subcommand
            else "Nothing was asked.",
            suggest_choice(subcommand, ["diff"]) or "Use 'hardgate contract diff A B'.",
        )
    values = _make_diff_parser().parse_argv(argv[1:] if argv[0] == "diff" else argv)
    before = _load_pinned_contract(values.a, values.a_sha256, "--a-sha256")
    after = _load_pinned_contract(values.b, values.b_sha256, "--b-sha256")
    changes = diff_contracts(before, after)
    if values.json:
        clean = Redactor().redact_value(diff_to_json(before, after, changes))
        print(json.dumps(clean, indent=2))
    else:
        print(
            Redactor().redact_text(
                strip_control_codes("\n".join(format_diff(before, after, changes)))
            )
        )
    return int(diff_exit_code(changes))


def _make_diff_parser() -> CommandParser:
    parser = CommandParser("contract diff", f"{ABOUT} {EXIT_CODES_HELP}")
    parser.add_argument("a", metavar="A", help="what images were verified by; a file or a URL")
    parser.add_argument("b", metavar="B", help="what they will be verified by; a file or a URL")
    parser.add_argument("--a-sha256", type=read_pin, metavar="HEX", help="pin A's bytes")
    parser.add_argument("--b-sha256", type=read_pin, metavar="HEX", help="pin B's bytes")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser


def _load_pinned_contract(origin: str, sha256: str | None, option: str) -> Contract:
    if "://" in origin and not sha256:
        raise UsageError(
            f"Contract '{strip_credentials(origin)}' is a URL, and what it holds may change.",
            f"Pin it by {option} HEX, the hash of what you have read.",
        )
    return load_contract(origin, sha256=sha256, subject=None)
