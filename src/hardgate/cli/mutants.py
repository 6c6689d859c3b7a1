"""`hardgate mutants`: break an image, its boot and its tier on purpose, and see what notices."""

import argparse
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hardgate.cli.gate import make_gate_parser, read_gate_request
from hardgate.cli.options import make_console
from hardgate.cli.parser import CommandParser
from hardgate.engine.client import find_engine
from hardgate.errors import ExitCode, HardgateError, UsageError
from hardgate.gate.run import run_gate
from hardgate.mutants.matrix import (
    MutantMatrix,
    MutantResult,
    format_matrix_headline,
    matrix_to_json,
    matrix_to_markdown,
)
from hardgate.mutants.mutation import (
    ImageCommand,
    Mutation,
    find_foreign,
    load_mutations,
    mutate_tier,
    write_context,
)
from hardgate.system.temporary_folder import temporary_folder

ABOUT = (
    "Verify an image and then each mutation of it, and list which promises notice which mutation. "
    "Exit codes: 0 every mutation turned exactly its promises red, 1 a mutation was not noticed or "
    "turned another promise red, 2 the command is wrong, 3 a mutation could not be verified, or no "
    "mutation turned red a promise that none is meant to break."
)
READY_SECONDS = 20.0


def main(argv: Sequence[str]) -> int:
    """Verify the image, then its mutations, and write the matrix."""
    values = _make_parser().parse_argv(argv)
    mutations = load_mutations(values.mutation)
    out = values.out or Path("reports") / "mutants"
    out.mkdir(parents=True, exist_ok=True)
    summary = _verify(values, out / "unchanged", "", None)
    if summary.get("exit_code") == ExitCode.UNKNOWN:
        raise HardgateError(
            f"The image could not be verified as it is: {summary.get('headline')}",
            f"See '{out / 'unchanged'}'.",
        )
    if summary.get("exit_code") != ExitCode.HELD:
        raise UsageError(
            f"The image does not hold its contract as it is: {summary.get('headline')}",
            f"See '{out / 'unchanged'}'; only what is green can be broken.",
        )
    digest = summary["image"]["digest"]
    promises = tuple(verdict["name"] for verdict in summary["verdicts"])
    foreign = find_foreign(promises)
    results = []
    with _hold_base(digest) as base:
        for mutation in mutations:
            print(f"{mutation.name}: {mutation.about}", flush=True)
            result = _verify_mutation(values, out / mutation.name, base, mutation)
            results.append(replace(result, foreign=foreign))
    matrix = MutantMatrix(
        promises=promises,
        results=tuple(results),
        complete=not values.mutation,
        foreign=foreign,
    )
    _write_matrix(matrix, out, digest, summary["contract"]["sha256"])
    return int(matrix.exit_code)


@contextmanager
def _hold_base(digest: str) -> Iterator[str]:
    """Tag the image that mutations are built on: BuildKit takes a digest for a registry's."""
    client = find_engine().open_client()
    repository, tag = "hardgate-mutants", secrets.token_hex(6)
    client.tag(digest, repository, tag)
    try:
        yield f"{repository}:{tag}"
    finally:
        client.remove_image(f"{repository}:{tag}")


def _make_parser() -> CommandParser:
    parser = make_gate_parser("mutants", ABOUT)
    parser.add_argument(
        "--mutation",
        action="append",
        default=[],
        metavar="NAME",
        help="apply only this mutation; may be repeated",
    )
    return parser


def _verify_mutation(
    values: argparse.Namespace, out: Path, base: str, mutation: Mutation
) -> MutantResult:
    summary = _verify(values, out, base, mutation)
    outcomes = {verdict["name"]: verdict["outcome"] for verdict in summary.get("verdicts", ())}
    return MutantResult(
        mutation=mutation, outcomes=outcomes, problem=str(summary.get("problem") or "")
    )


def _verify(
    values: argparse.Namespace, out: Path, base: str, mutation: Mutation | None
) -> dict[str, Any]:
    """Run the gate, and give its summary; nothing of it is printed but steps that fail."""
    with temporary_folder() as folder:
        changed = argparse.Namespace(**vars(values))
        changed.out = out
        if mutation:
            start = ImageCommand.from_inspect(find_engine().open_client().inspect_image(base))
            write_context(mutation, start, folder)
            changed.image, changed.dockerfile, changed.context = None, None, str(folder)
            changed.build_arg = [f"BASE_IMAGE={base}"]
            changed.ready_timeout = min(values.ready_timeout, READY_SECONDS)
        request = read_gate_request(changed, os.environ)
        if mutation:
            tier = mutate_tier(request.plan.workspace_tier, mutation)
            request = replace(request, plan=replace(request.plan, tier=tier))
        run_gate(request, make_console(changed))
    return dict(json.loads((out / "summary.json").read_text()))


def _write_matrix(matrix: MutantMatrix, out: Path, digest: str, contract: str) -> None:
    data = matrix_to_json(matrix, image=digest, contract=contract)
    (out / "mutants.json").write_text(json.dumps(data, indent=2) + "\n")
    (out / "mutants.md").write_text(matrix_to_markdown(matrix))
    print(f"Reports: {out}")
    print(format_matrix_headline(matrix))
