"""`hardgate probe --script`: run one script as a probe in the workspace of an image."""

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hardgate.cli.gate import make_gate_parser, read_gate_request
from hardgate.cli.kept_probe import repeat_kept_probe
from hardgate.cli.options import make_console
from hardgate.errors import UsageError
from hardgate.gate.run import run_gate
from hardgate.model.contract import Capability, Contract, Severity

ABOUT = (
    "Run one script as a probe in an image's workspace, which boots as in the gate, and explain a "
    "miss. Exit codes: 0 the script exited with 0 and every guard held, 1 it did not or one did "
    "not, 2 the command is wrong, 3 inconclusive."
)
CAPABILITY_NAME = "script"
MAX_SCRIPT_BYTES = 131_071
"""The longest argument that Linux passes to a program."""


def main(argv: Sequence[str]) -> int:
    """Run the script as the one capability of its own contract, or repeat a kept run's probe."""
    if any(word == "--run" or word.startswith("--run=") for word in argv):
        return repeat_kept_probe(argv)
    parser = make_gate_parser("probe", ABOUT)
    parser.add_argument(
        "--script",
        required=True,
        metavar="FILE|-",
        help="script to run as a probe; '-' reads it from standard input",
    )
    values = parser.parse_argv(argv)
    if values.only:
        raise UsageError("'--only' chooses among capabilities.", "Leave it out: a script is one.")
    request = read_gate_request(values, os.environ)
    contract = make_script_contract(
        request.plan.contract, values.script, read_script(values.script)
    )
    plan = replace(
        request.plan, contract=contract, capabilities=contract.capabilities, session="probe"
    )
    return int(run_gate(replace(request, plan=plan), make_console(values)).exit_code)


def read_script(source: str) -> str:
    """Read a probe's script; raises UsageError for what no shell can be given."""
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        script = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"Script '{source}' cannot be read: {error}.", "Name a file of UTF-8 text, or '-'."
        ) from error
    if not script.strip() or "\0" in script or len(data) > MAX_SCRIPT_BYTES:
        raise UsageError(
            f"Script '{source}' is empty, holds a NUL, or is longer than {MAX_SCRIPT_BYTES} bytes.",
            "Write it as a POSIX shell script that exits 0 where the promise holds.",
        )
    return script


def make_script_contract(base: Contract, source: str, script: str) -> Contract:
    """Make a contract of one hard capability; the agent is the base contract's."""
    egress = tuple(url for one in base.capabilities for url in one.required_egress)
    capability = Capability(
        name=CAPABILITY_NAME,
        description="The script exits 0.",
        severity=Severity.HARD,
        source=f"hardgate probe --script {source}",
        probe=script,
        required_egress=tuple(dict.fromkeys(egress)),
    )
    return replace(
        base,
        origin="standard input" if source == "-" else source,
        sha256=hashlib.sha256(script.encode()).hexdigest(),
        capabilities=(capability,),
    )
