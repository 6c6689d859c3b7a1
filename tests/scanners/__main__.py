"""Compare the scanners: `python -m tests.scanners` prints the tables of docs/pipeline.md.

Needs kingfisher-bin beside the interpreter; takes detect-secrets and gitleaks where PATH has them.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

from hardgate.pipeline.changed_files import ChangedFile
from hardgate.pipeline.kingfisher import find_credentials
from hardgate.pipeline.secret_search import SecretSearch
from hardgate.secret_patterns import find_shapes
from tests.scanners.harmless import list_harmless_lines
from tests.scanners.shapes import FORMS, SHAPES

EACH = 3
"""Credentials of each kind in each form."""
SEARCH_PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def run(folder: Path, *argv: str | Path) -> str:
    """Run a scanner in the folder; some exit otherwise than 0 when they find something."""
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout


def scan_by_plain_kingfisher(folder: Path) -> set[str]:
    words = (
        "--no-validate",
        "--no-update-check",
        "--redact",
        "--git-history",
        "none",
        "--no-dedup",
    )
    program = which("kingfisher", path=SEARCH_PATH) or "kingfisher"
    rows = run(folder, program, "scan", ".", *words, "--format", "jsonl").splitlines()
    found = (json.loads(row) for row in rows if row.startswith("{"))
    return {Path(row["finding"]["path"]).name for row in found if "finding" in row}


def scan_by_our_kingfisher(folder: Path) -> set[str]:
    return {match.copy for match in find_credentials(folder)}


def scan_as_secrets_does(folder: Path) -> set[str]:
    with tempfile.TemporaryDirectory() as scratch:
        search = SecretSearch(folder=Path(scratch) / "search")
        search.search(
            ChangedFile(path=file.name, commit="", new=file.read_bytes())
            for file in sorted(folder.iterdir())
        )
        return {found.file for found in search.credentials}


def scan_by_the_redactor(folder: Path) -> set[str]:
    """Find by the shapes that hardgate's own output is cleared of (`secret_patterns`)."""
    return {file.name for file in folder.iterdir() if any(find_shapes(file.read_text()))}


def scan_by_gitleaks(folder: Path) -> set[str]:
    program = which("gitleaks", path=SEARCH_PATH) or "gitleaks"
    report = folder.with_suffix(".gitleaks")
    run(folder, program, "dir", ".", "--report-format", "json", "--report-path", report)
    return {Path(row["File"]).name for row in json.loads(report.read_text())}


def scan_by_detect_secrets(folder: Path) -> set[str]:
    program = which("detect-secrets", path=SEARCH_PATH) or "detect-secrets"
    found = run(folder, program, "scan", "--all-files", "--no-verify", ".")
    return {Path(name).name for name in json.loads(found)["results"]}


SCANNERS: Mapping[str, Callable[[Path], set[str]]] = {
    "`secrets`": scan_as_secrets_does,
    "kingfisher alone": scan_by_plain_kingfisher,
    "gitleaks": scan_by_gitleaks,
    "detect-secrets": scan_by_detect_secrets,
    "redactor": scan_by_the_redactor,
}


@dataclass(kw_only=True)
class Score:
    """What a scanner found."""

    by_form: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[str] = field(default_factory=Counter)
    harmless: list[str] = field(default_factory=list)
    seconds: float = 0.0


def lay_out(folder: Path) -> dict[str, tuple[str, str]]:
    """Write EACH files for each kind and form; give kind and form by their names."""
    files: dict[str, tuple[str, str]] = {}
    for kind, shape in SHAPES.items():
        for form, write in FORMS.items():
            for _ in range(EACH):
                name = f"{len(files)}.txt"
                (folder / name).write_text(write(shape.variable, shape.make()))
                files[name] = kind, form
    return files


def lay_out_harmless(folder: Path) -> dict[str, str]:
    lines = {f"{number}.txt": line for number, line in enumerate(list_harmless_lines())}
    for name, line in lines.items():
        (folder / name).write_text(f"{line}\n")
    return lines


def measure(names: Iterator[str]) -> dict[str, Score]:
    """Let each scanner look at the same files."""
    scores = {name: Score() for name in names}
    with tempfile.TemporaryDirectory() as made:
        bad, good = Path(made) / "bad", Path(made) / "good"
        bad.mkdir()
        good.mkdir()
        files, lines = lay_out(bad), lay_out_harmless(good)
        for name, score in scores.items():
            begun = time.monotonic()
            for found in SCANNERS[name](bad):
                kind, form = files[found]
                score.by_kind[kind] += 1
                score.by_form[form] += 1
            score.seconds = time.monotonic() - begun
            score.harmless = sorted(lines[found] for found in SCANNERS[name](good))
    return scores


def count_rows(score: Score) -> Iterator[tuple[str, float]]:
    """Yield the rows of a scanner's column."""
    every = EACH * len(FORMS)
    yield "kinds found in all forms", sum(score.by_kind[kind] == every for kind in SHAPES)
    yield "kinds found in no form", sum(not score.by_kind[kind] for kind in SHAPES)
    for form in FORMS:
        yield f"missed as {form}", EACH * len(SHAPES) - score.by_form[form]
    yield "harmless lines reported", len(score.harmless)
    yield "seconds", round(score.seconds, 1)


def print_tables(scores: Mapping[str, Score]) -> None:
    """Print a column for each scanner, and then what each missed or reported for nothing."""
    every = EACH * len(FORMS)
    columns = [dict(count_rows(score)) for score in scores.values()]
    total = len(list(list_harmless_lines()))
    print(f"{len(SHAPES)} kinds, {EACH} each in {len(FORMS)} forms; {total} harmless lines")
    print(f"| | {' | '.join(scores)} |\n|---|{'---|' * len(scores)}")
    for title in columns[0]:
        print(f"| {title} | {' | '.join(str(column[title]) for column in columns)} |")
    for name, score in scores.items():
        missed = {kind: every - score.by_kind[kind] for kind in SHAPES}
        print(f"\n{name} missed: {', '.join(f'{k} {n}' for k, n in missed.items() if n)}")
        print("\n".join(f"  harmless: {line[:110]!r}" for line in score.harmless))


def main() -> None:
    """Measure those that are installed."""
    programs = {"gitleaks": "gitleaks", "detect-secrets": "detect-secrets"}
    print_tables(
        measure(
            name
            for name in SCANNERS
            if name not in programs or which(programs[name], path=SEARCH_PATH)
        )
    )


if __name__ == "__main__":
    main()
