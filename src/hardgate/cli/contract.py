"""`hardgate contract diff`: what a contract will demand, before it is rolled out."""

import json
from collections.abc import Sequence

from hardgate.cli.parser import Parser
from hardgate.errors import UsageError
from hardgate.model.contract import Contract, load_contract
from hardgate.model.contract_diff import differences
from hardgate.redaction import Redactor
from hardgate.report.contract_diff import exit_code, lines, told
from hardgate.schema.source import plain_origin, read_pin
from hardgate.text.plain import plain
from hardgate.text.typo import guess

ABOUT = "Say what contract B will demand that contract A did not."
CODES = (
    "Exit codes: 0 B demands nothing new, 1 B demands more, 2 the command or a contract is wrong."
)


def main(words: Sequence[str]) -> int:
    """Answer a question about contracts; there is one so far."""
    if words[:1] != ["diff"] and words[:1] not in (["-h"], ["--help"]):
        asked = words[0] if words else ""
        raise UsageError(
            f"'hardgate contract' does not know '{asked}'." if asked else "Nothing was asked.",
            guess(asked, ["diff"]) or "Use 'hardgate contract diff A B'.",
        )
    values = _parser().read(words[1:] if words[0] == "diff" else words)
    before = _load(values.a, values.a_sha256, "--a-sha256")
    after = _load(values.b, values.b_sha256, "--b-sha256")
    changes = differences(before, after)
    if values.json:
        clean = Redactor().value(told(before, after, changes))
        print(json.dumps(clean, indent=2))
    else:
        print(Redactor().text(plain("\n".join(lines(before, after, changes)))))
    return int(exit_code(changes))


def _parser() -> Parser:
    parser = Parser("contract diff", f"{ABOUT} {CODES}")
    parser.add_argument("a", metavar="A", help="what images were verified by; a file or a URL")
    parser.add_argument("b", metavar="B", help="what they will be verified by; a file or a URL")
    parser.add_argument("--a-sha256", type=read_pin, metavar="HEX", help="pin A's bytes")
    parser.add_argument("--b-sha256", type=read_pin, metavar="HEX", help="pin B's bytes")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser


def _load(origin: str, sha256: str | None, option: str) -> Contract:
    if "://" in origin and not sha256:
        raise UsageError(
            f"Contract '{plain_origin(origin)}' is a URL, and what it holds may change.",
            f"Pin it by {option} HEX, the hash of what you have read.",
        )
    return load_contract(origin, sha256=sha256, subject=None)
