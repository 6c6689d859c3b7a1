"""`hardgate probe NAME --run ID`: one probe of a kept run, run once more as the gate ran it."""

import sys
from collections.abc import Sequence

from hardgate.cli.parser import CommandParser
from hardgate.engine.client import find_engine
from hardgate.errors import ExitCode
from hardgate.host.kept_probes import find_kept_probes, read_kept_token, repeat_probe
from hardgate.redaction import Redactor
from hardgate.text.plain import strip_control_codes


def repeat_kept_probe(argv: Sequence[str]) -> int:
    """Repeat it, and print what it wrote; the exit code is the gate's for its outcome."""
    parser = CommandParser("probe", "Run a probe of a kept run again, the way the gate ran it.")
    parser.add_argument("name", metavar="CAPABILITY", help="capability whose probe is run")
    parser.add_argument(
        "--run", required=True, metavar="ID", help="id of a run that 'gate --keep' left running"
    )
    parser.add_argument(
        "--trace", action="store_true", help="print each command as it runs (sh -x)"
    )
    values = parser.parse_argv(argv)
    client = find_engine().open_client()
    container, kept = find_kept_probes(client, values.run)
    execution = repeat_probe(client, container, kept, values.name, trace=values.trace)
    redactor = Redactor().with_values([read_kept_token(client, container, kept)])
    sys.stdout.write(redactor.redact_text(strip_control_codes(execution.stdout)))
    sys.stdout.flush()
    sys.stderr.write(redactor.redact_text(strip_control_codes(execution.stderr)))
    if execution.exit_status is None or execution.problem:
        print(
            f"hardgate: {execution.problem or 'The engine did not say how it ended.'}",
            file=sys.stderr,
        )
        return int(ExitCode.UNKNOWN)
    print(f"hardgate: the probe exited {execution.exit_status}", file=sys.stderr)
    return int(ExitCode.BROKEN if execution.exit_status else ExitCode.HELD)
