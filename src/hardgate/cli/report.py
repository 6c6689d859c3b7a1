"""`hardgate report`: the reports of a finished run, made anew from its summary."""

import sys
from collections.abc import Sequence
from pathlib import Path

from hardgate.cli.options import add_format_option
from hardgate.cli.parser import CommandParser
from hardgate.cli.stored_reports import StoredReport, find_stored_report
from hardgate.errors import UsageError
from hardgate.redaction import Redactor
from hardgate.report.atomic_write import replace_file
from hardgate.report.console import Console
from hardgate.report.formats import DEFAULT_FORMATS, FORMATS, render_report, write_report
from hardgate.report.read_summary import read_summary, restore_run

ABOUT = "Write the reports of a finished run again, from its summary.json."


def main(argv: Sequence[str]) -> int:
    """Write the reports beside the summary, into a folder, or one of them to standard output."""
    parser = CommandParser("report", ABOUT)
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="folder of a run, or its summary.json"
    )
    add_format_option(parser)
    parser.add_argument(
        "--out",
        metavar="DIR|-",
        help="folder to write to, or '-' to print one format (default: the run's folder)",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print everything that was observed"
    )
    values = parser.parse_argv(argv)
    names = tuple(values.format)
    if values.out == "-" and len(names) != 1:
        raise UsageError("'--out -' prints one report.", "Name one format by '--format'.")
    stored = find_stored_report(_find_run_folder(values.run))
    if stored:
        return _write_stored_report(stored, names, values.out)
    run, redactor = restore_run(read_summary(values.run)), Redactor()
    if values.out == "-":
        sys.stdout.buffer.write(render_report(names[0], run, redactor))
        return 0
    folder = Path(values.out) if values.out else _find_run_folder(values.run)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or tuple(name for name in DEFAULT_FORMATS if name != "json"):
        write_report(name, run, folder, redactor)
        print(f"Wrote {folder / FORMATS[name].file}.")
    Console(sys.stdout, verbosity=1 if values.verbose else 0).print_run(run, reports=folder)
    return 0


def _write_stored_report(stored: StoredReport, names: tuple[str, ...], out: str | None) -> int:
    """Write reports of what a session, a runner's host or a fleet left."""
    if out == "-":
        sys.stdout.buffer.write(stored.render(names[0]))
        return 0
    folder = Path(out) if out else stored.file.parent
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or tuple(stored.renderers):
        replace_file(folder / FORMATS[name].file, stored.render(name))
        print(f"Wrote {folder / FORMATS[name].file}.")
    print(stored.document.get("headline", ""))
    return 0


def _find_run_folder(path: Path) -> Path:
    """Find the folder that the run wrote to; `latest` may be a file that names it."""
    if path.is_file() and path.suffix != ".json":
        return path.with_name(path.read_text(encoding="utf-8").strip())
    return path.parent if path.is_file() else path
