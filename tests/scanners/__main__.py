"""Compare the scanners: `python -m tests.scanners` prints the table of docs/pipeline.md.

Needs kingfisher-bin and detect-secrets beside the interpreter.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from hardgate.pipeline.kingfisher import RULES
from tests.scanners.shapes import HARMLESS, SHAPES

FORMS = ("{}\n", 'KEY = "{}"\n', "key: {}\n")
EACH = 5
PROGRAMS = Path(sys.executable).parent


def kingfisher(folder: Path, *more: str) -> set[str]:
    """Name the files in which it finds something."""
    words = ("--no-validate", "--no-update-check", "--redact", "--git-history", "none")
    seen = subprocess.run(
        [PROGRAMS / "kingfisher", "scan", folder, *words, "--format", "jsonl", *more],
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [json.loads(line) for line in seen.stdout.splitlines() if line.startswith("{")]
    return {Path(row["finding"]["path"]).name for row in rows if "finding" in row}


def detect_secrets(folder: Path) -> set[str]:
    """Name the files in which it finds something."""
    seen = subprocess.run(
        [PROGRAMS / "detect-secrets", "scan", "--all-files", "--no-verify", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return {Path(name).name for name in json.loads(seen.stdout)["results"]}


SCANNERS: Mapping[str, Callable[[Path], set[str]]] = {
    "kingfisher": kingfisher,
    "detect-secrets": detect_secrets,
    "kingfisher with our rules": lambda folder: kingfisher(folder, "--rules-path", str(RULES)),
}


def lay_out(folder: Path, form: str) -> dict[str, set[str]]:
    """Write EACH files for each shape; give their names."""
    files: dict[str, set[str]] = {}
    for number, (name, make) in enumerate({**SHAPES, **HARMLESS}.items()):
        for one in range(EACH):
            file = folder / f"{number}-{one}.txt"
            file.write_text(form.format(make()))
            files.setdefault(name, set()).add(file.name)
    return files


def measure() -> Iterator[tuple[str, dict[str, int], list[float]]]:
    """Yield scanner, hits by shape (of 3 * EACH), and seconds by form."""
    hits = {scanner: dict.fromkeys({**SHAPES, **HARMLESS}, 0) for scanner in SCANNERS}
    times: dict[str, list[float]] = {scanner: [] for scanner in SCANNERS}
    for form in FORMS:
        with tempfile.TemporaryDirectory() as made:
            files = lay_out(Path(made), form)
            for scanner, look in SCANNERS.items():
                begun = time.monotonic()
                found = look(Path(made))
                times[scanner].append(time.monotonic() - begun)
                for name, own in files.items():
                    hits[scanner][name] += len(own & found)
    for scanner in SCANNERS:
        yield scanner, hits[scanner], times[scanner]


def main() -> None:
    """Print a row for each scanner, and what each misses."""
    every = EACH * len(FORMS)
    for scanner, hits, times in measure():
        always = sum(hits[name] == every for name in SHAPES)
        never = [name for name in SHAPES if not hits[name]]
        partly = [name for name in SHAPES if 0 < hits[name] < every]
        wrong = [name for name in HARMLESS if hits[name]]
        print(f"{scanner}: {always} of {len(SHAPES)} in all forms, {len(never)} in none,")
        print(f"  {len(wrong)} of {len(HARMLESS)} harmless, {min(times):.1f}-{max(times):.1f} s")
        for title, names in (("never", never), ("partly", partly), ("harmless", wrong)):
            print(f"  {title}: {', '.join(names)}")


if __name__ == "__main__":
    main()
