"""Writes docs/diagnosis.md from real runs: what `sh -xc` alone tells, and what hardgate tells.

    nox -s diagnosis [-- SCENARIO ...]

Each scenario is run once and kept; every probe that failed is then repeated by hand in the same
workspace, as a person would; and all of it is removed. Without names all scenarios are run and the
document is written; with names the rows are only printed.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import docker

from hardgate.engine.client import find_engine
from hardgate.redaction import Redactor
from tests.diagnosis.scenario import Case, Ended, Scenario, load_scenarios, run

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "diagnosis.md"
HAND_SECONDS = 8
LINES = 4
"""How much of the end of a trace is shown; the rest of it says no more."""

INTRODUCTION = """\
# Silent failures, and the causes that hardgate names

`nox -s diagnosis` writes this page from real runs; do not edit it by hand. Each probe fails
without output, in a workspace that really has the cause. The second column is the end of the
output if one repeats the probe there by `docker exec -u 1000 … sh -xc`. The third column is the
text on the gate's first screen, before any output of the probe.
"""

_KEPT = re.compile(r"docker exec -it (?P<host>\w+) docker exec -it -u \d+ (?P<workspace>\w+) sh")
_CHANGING = (
    (re.compile(r"\b[0-9a-f]{32,}\b"), "…"),
    (re.compile(r"(t4-)[0-9a-f]{8}-\d+"), r"\1…"),
    (re.compile(r"\b172\.\d+\.\d+\.\d+\b"), "BEACON"),
    (re.compile(r"\b\d+(?= milliseconds)"), "…"),
    (re.compile(r"\b40265\d{5}\b"), "…"),
    (re.compile(r"(127\.0\.0\.1:)[12]\d{4}\b"), r"\g<1>PORT"),
)
"""What is another one in each run, and means nothing."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One silent failure, told twice."""

    case: Case
    alone: str
    """What `sh -xc` printed."""
    sentence: str
    remedy: str
    found: bool

    @property
    def told_more(self) -> bool:
        """`sh -xc` printed something besides the commands."""
        return any(line and not line.startswith("+") for line in self.alone.splitlines())


def main(names: Sequence[str]) -> int:
    """Run the scenarios, and write the document."""
    built = subprocess.run(
        [sys.executable, "-m", "hardgate", "build", "--context", str(ROOT / "image")],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    # BuildKit asks a registry for a FROM that is an id.
    reference = "hardgate-test/reference:table"
    subprocess.run(["docker", "tag", built.stdout.strip(), reference], check=True)
    chosen = [one for one in load_scenarios() if not names or one.name in names]
    told = [(scenario, list(_rows(scenario, reference))) for scenario in chosen]
    text = "\n".join(_document(told))
    if names:
        print(text)
    else:
        DOCUMENT.write_text(text + "\n")
    missed = [row.case.name for _, rows in told for row in rows if not row.found]
    number = sum(len(rows) for _, rows in told)
    print(f"{number} silent failures; not explained: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


def _rows(scenario: Scenario, reference: str) -> Iterator[Row]:
    client = find_engine().open_client()
    with tempfile.TemporaryDirectory() as folder:
        ended = run(scenario, reference, Path(folder), "--keep")
        try:
            kept = _KEPT.search("\n".join(ended.summary["kept"]))
            assert kept is not None, ended.output
            for case in scenario.cases:
                if case.cause:
                    yield _row(case, ended, client, kept["host"], kept["workspace"])
        finally:
            subprocess.run(
                [sys.executable, "-m", "hardgate", "reap", "--run", ended.summary["id"]],
                check=True,
                stdout=subprocess.DEVNULL,
            )


def _row(case: Case, ended: Ended, client: docker.APIClient, host: str, workspace: str) -> Row:
    diagnosis = ended.verdict(case.name)["diagnosis"] or {}
    reason = diagnosis.get("reason") or {}
    return Row(
        case=case,
        alone=_by_hand(case, diagnosis.get("surroundings", {}), client, host, workspace),
        sentence=reason.get("sentence", ""),
        remedy=reason.get("remedy", ""),
        found=reason.get("cause") == case.cause,
    )


def _by_hand(
    case: Case, seen: dict[str, list[str]], client: docker.APIClient, host: str, workspace: str
) -> str:
    """Repeat a probe as a person would: in the same workspace, as the agent, by `sh -xc`."""
    targets = " ".join(seen.get("egress") or ())
    created = client.exec_create(
        host,
        [
            *("timeout", str(HAND_SECONDS), "docker", "exec", "-u", "1000"),
            *("-e", "MOLECULE_T4_PROBE_ID=by-hand", "-e", f"MOLECULE_T4_EGRESS_TARGETS={targets}"),
            *(workspace, "sh", "-xc", case.probe),
        ],
    )
    output: bytes = client.exec_start(created["Id"])
    return output.decode(errors="replace")


def _document(told: Sequence[tuple[Scenario, Sequence[Row]]]) -> Iterator[str]:
    rows = [row for _, of_one in told for row in of_one]
    causes = {row.case.cause for row in rows}
    yield INTRODUCTION
    yield f"- {len(rows)} silent failures, of {len(causes)} causes, from {len(told)} images."
    more = sum(row.told_more for row in rows)
    yield f"- `sh -xc` alone prints anything besides the commands that it runs in {more} of them."
    found = sum(row.found for row in rows)
    yield f"- The first screen names the intended cause of the case in {found} of them."
    for scenario, of_one in told:
        about = scenario.about[0].upper() + scenario.about[1:]
        yield from ("", f"## {scenario.name}", "", f"{about}.", "")
        yield "| cause | `sh -xc` alone | the first screen |"
        yield "|---|---|---|"
        for row in of_one:
            mark = "" if row.found else " **(not found)**"
            yield (
                f"| `{row.case.cause}`{mark} | {_cell(_end(row.alone), code=True)} "
                f"| {_cell(row.sentence)} *{_cell(row.remedy)}* |"
            )


def _end(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return "\n".join((["…"] if len(lines) > LINES else []) + lines[-LINES:]) or "(nothing)"


def _cell(text: str, *, code: bool = False) -> str:
    """Make a text a cell of a table: one line, no bars, nothing that changes from run to run."""
    text = Redactor().redact_text(text.strip())
    for changing, stable in _CHANGING:
        text = changing.sub(stable, text)
    lines = [line.replace("|", "\\|").replace("`", "'") for line in text.splitlines()]
    return "<br>".join(f"`{line}`" if code else line for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
