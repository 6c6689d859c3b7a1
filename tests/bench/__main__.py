"""The gate's speed, beside what people would use instead: medians of rounds taken in turns.

nox -s bench -- [--only ROW]… [--rounds N]

An empty ansible-runner play (E) is measured in each round. Machines are noisy: use the ratios. What
is printed is Markdown.
"""

import argparse
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hardgate.engine.client import find_engine
from tests.bench import gates, rivals, stores
from tests.bench.kept_host import ROOT, KeptHost, keep_host
from tests.bench.table import (
    EMPTY_PLAY,
    Line,
    Relation,
    Unit,
    make_steps_table,
    make_table,
    tell_relations,
)

ALL_RIVALS = (
    "whether the settings are the tier's; who listens, and who owns the token; whether `sh`, "
    "`sudo` and `nsenter` are honest; why a silent probe missed. Killed, it leaves its container"
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is run once in each round, and the lines that come of it."""

    measure: Callable[[KeptHost], Mapping[str, float]]
    lines: tuple[Line, ...]


ROWS: Mapping[str, Row] = {
    "empty": Row(
        measure=gates.measure_empty_play, lines=(Line(title=EMPTY_PLAY, remark="anything"),)
    ),
    "gate": Row(
        measure=gates.measure_gate,
        lines=(
            Line(title=gates.WHOLE_GATE, remark="what docs/threats.md names"),
            Line(title=gates.FROM_HOST_UP, remark="without the workspace's own boot"),
        ),
    ),
    "naive": Row(
        measure=rivals.measure_naive_loop,
        lines=(
            Line(
                title=rivals.NAIVE_LOOP,
                remark=f"{ALL_RIVALS}. No report; an engine that is gone reads as a miss",
            ),
        ),
    ),
    "driver": Row(
        measure=rivals.measure_one_exec,
        lines=(
            Line(
                title=rivals.ONE_EXEC,
                remark="as above; and the image's own shell says what held: one that lies passes "
                "everything, and a probe that hangs takes the others along",
            ),
        ),
    ),
    "testinfra": Row(
        measure=rivals.measure_testinfra,
        lines=(
            Line(
                title=rivals.TESTINFRA,
                remark="as the script, which has no JUnit; a probe that hangs has no end",
            ),
        ),
    ),
    "ansible": Row(
        measure=rivals.measure_ansible,
        lines=(
            Line(
                title=rivals.ANSIBLE,
                remark="as the script; all of a probe's output is kept in memory",
            ),
        ),
    ),
    "many": Row(
        measure=gates.measure_many_probes,
        lines=(Line(title=gates.MANY_IN_GATE, remark="as above"),),
    ),
    "many-loop": Row(
        measure=rivals.measure_many_in_loop,
        lines=(Line(title=rivals.MANY_IN_LOOP, remark="as the loop"),),
    ),
    "eight": Row(
        measure=gates.measure_eight_at_once,
        lines=(Line(title=gates.EIGHT_APIECE, remark="time of all, divided by their number"),),
    ),
    "memory": Row(
        measure=gates.measure_memory,
        lines=(Line(title=gates.PEAK_MEMORY, remark="what the engine needs", unit=Unit.MEGABYTES),),
    ),
    "stores": Row(
        measure=stores.measure_stores,
        lines=(
            Line(title=stores.ON_OVERLAY2, remark="as the gate"),
            Line(title=stores.ON_CONTAINERD, remark="as the gate"),
        ),
    ),
    "validate": Row(
        measure=gates.measure_validate,
        lines=(Line(title=gates.VALIDATE, remark="as the gate, and docs/pipeline.md"),),
    ),
}
RELATIONS = (
    Relation(title="The gate, in shell scripts", part=gates.WHOLE_GATE, whole=rivals.NAIVE_LOOP),
    Relation(
        title="200 probes, in loops of `docker exec`",
        part=gates.MANY_IN_GATE,
        whole=rivals.MANY_IN_LOOP,
    ),
    Relation(
        title="The gate on containerd's store, in gates on overlay2",
        part=stores.ON_CONTAINERD,
        whole=stores.ON_OVERLAY2,
    ),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the rows that are asked for, and print what came of it."""
    values = make_parser().parse_args(argv)
    wanted = {"empty", *(values.only or ROWS)}
    chosen = {name: row for name, row in ROWS.items() if name in wanted}
    samples: dict[str, list[float]] = {}
    with ExitStack() as up:
        folder = Path(up.enter_context(TemporaryDirectory(prefix="hardgate-bench-")))
        host = up.enter_context(keep_host(folder))
        if "stores" in wanted:
            host = replace(host, machine_urls=up.enter_context(stores.boot_machines(host.image)))
        for _ in range(values.rounds):
            for row in chosen.values():
                for title, number in row.measure(host).items():
                    samples.setdefault(title, []).append(number)
    lines = [line for row in chosen.values() for line in row.lines]
    blocks = (
        describe_place(values.rounds),
        make_table(lines, samples),
        "\n".join(tell_relations(RELATIONS, samples)),
        make_steps_table([line.title for line in lines], samples),
    )
    print("", *filter(None, blocks), sep="\n\n")


def make_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=tuple(ROWS),
        help="row to measure beside the empty play; may be repeated (default: all)",
    )
    parser.add_argument("--rounds", type=int, default=7, help="rounds to take medians of (7)")
    return parser


def describe_place(rounds: int) -> str:
    """Say when it was measured, and where."""
    words = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    day = datetime.now(UTC).date().isoformat()
    engine = find_engine().version["Version"]
    return (
        f"Medians of {rounds} rounds taken in turns, on {day}, at commit "
        f"{commit.strip() or 'unknown'}, on {os.cpu_count()} cores (load {os.getloadavg()[0]:.1f} "
        f"at the end) and Docker Engine {engine}."
    )


if __name__ == "__main__":
    main()
