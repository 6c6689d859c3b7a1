"""`hardgate gate`: the words of the command line, made into a request."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from hardgate.cli.build import (
    BUILD_SETTINGS,
    add_build_options,
    read_build_request,
    refuse_build_options,
)
from hardgate.cli.comment import add_comment_option, make_summary_publisher
from hardgate.cli.options import (
    add_contract_options,
    add_format_option,
    add_verbosity_options,
    load_requested_contract,
    make_console,
    make_snapshot_opener,
    parse_long_time,
    parse_seconds,
)
from hardgate.cli.parser import CommandParser
from hardgate.cli.secret_inputs import (
    pick_secret_values,
    pick_written_secrets,
    read_build_secrets,
)
from hardgate.cli.watch import watch_context
from hardgate.engine.build_request import BuildRequest
from hardgate.errors import UsageError
from hardgate.gate.request import RUN_SECONDS, FrozenBuild, GateRequest
from hardgate.gate.run import run_gate
from hardgate.host.platform_stub import URL_VARIABLE
from hardgate.host.workspace import CONFIGS_FOLDER, TOKEN_FILE
from hardgate.model.contract import Contract
from hardgate.model.plan import make_plan
from hardgate.model.run import Run
from hardgate.model.tier import Tier, load_tiers
from hardgate.pipeline.policy import read_policy, refuse_direct
from hardgate.pipeline.session import make_change_error
from hardgate.pipeline.snapshot import Snapshot
from hardgate.pipeline.template import Template, wants_platform
from hardgate.pipeline.trust import determine_trust
from hardgate.report.console import Console
from hardgate.report.job_summary import PublishSummary
from hardgate.report.read_summary import read_summary
from hardgate.resources import CONTRACTS
from hardgate.system.git import UNKNOWN_COMMIT, GitRefusedError, read_commit
from hardgate.system.ownership import measure_process_age

BEACON_TARGET = "beacon"
EGRESS_VARIABLE = "MOLECULE_T4_EGRESS_TARGETS"


ABOUT = (
    "Build an image, verify it against its contract, and report. Exit codes: 0 it held, 1 a hard "
    "capability or a guard did not hold, 2 the command or the contract is wrong, 3 inconclusive."
)


def make_gate_parser(
    name: str = "gate", about: str = ABOUT, *, base: str = "--base"
) -> CommandParser:
    """Describe the command line; `hardgate runtime` takes the same words.

    `base` is what the option for a base's file is called.
    """
    parser = CommandParser(name, about)
    add_build_options(parser, base=base)
    parser.add_argument("--image", metavar="REF", help="verify this image instead of building one")
    _add_plan_options(parser)
    _add_workspace_options(parser)
    group = parser.add_argument_group("the run")
    group.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the reports (default: reports/tN/RUN)"
    )
    add_format_option(group)
    group.add_argument(
        "--baseline",
        type=Path,
        metavar="RUN",
        help="folder of an older run; the reports list what changed since",
    )
    group.add_argument(
        "--watch",
        action="store_true",
        help="verify again after each change of the context, and print what changed",
    )
    group.add_argument(
        "--keep",
        action="store_true",
        help="leave the test host and the workspace running, and print how to enter them",
    )
    group.add_argument(
        "--run-timeout",
        type=parse_long_time,
        default=RUN_SECONDS,
        metavar="S",
        help="seconds after which the run ends with what was seen (default: %(default)g)",
    )
    add_comment_option(group)
    add_verbosity_options(group)
    return parser


def _add_plan_options(parser: CommandParser) -> None:
    group = parser.add_argument_group("the contract")
    add_contract_options(group)
    group.add_argument(
        "--tier",
        type=int,
        default=4,
        metavar="N",
        help="tier whose settings the workspace gets, 1 to 4 (default: 4)",
    )
    group.add_argument(
        "--tiers",
        metavar="FILE",
        help="file with your platform's tiers (default: contracts/tiers.yaml)",
    )
    group.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="verify this capability alone, and exit with 3 at best; may be repeated",
    )
    group.add_argument(
        "--egress",
        action="append",
        default=[],
        metavar="URL|beacon",
        help="target that the image must reach, or hardgate's own beacon; may be repeated "
        "(default: the contract's targets)",
    )
    group.add_argument(
        "--probe-timeout",
        type=parse_seconds,
        default=60.0,
        metavar="S",
        help="seconds that each probe may take (default: 60)",
    )


def _add_workspace_options(parser: CommandParser) -> None:
    group = parser.add_argument_group("host and workspace")
    group.add_argument(
        "--host",
        choices=("nested", "direct"),
        default="nested",
        help="test host: a throwaway one in a container (default), or this machine itself",
    )
    group.add_argument(
        "--volume",
        action="append",
        default=[],
        metavar="PATH",
        help="folder in the workspace that gets a further volume; may be repeated",
    )
    group.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="K=V",
        help="environment variable of the workspace; may be repeated",
    )
    group.add_argument(
        "--env-file",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="file of such variables, one K=V a line; may be repeated",
    )
    group.add_argument(
        "--config", metavar="DIR", help="folder to copy into the workspace's /configs"
    )
    group.add_argument(
        "--platform",
        choices=("auto", "double", "none"),
        default="auto",
        help="platform that the workspace registers with: a stand-in (double), none, or a stand-in "
        "where the template asks for one (auto, the default)",
    )
    group.add_argument(
        "--ready-timeout",
        type=parse_seconds,
        default=60.0,
        metavar="S",
        help="seconds that the workspace may take until it is ready (default: 60)",
    )


def main(argv: Sequence[str]) -> int:
    """Run the gate."""
    if "--watch" in argv:
        return watch_gate([word for word in argv if word != "--watch"])
    return int(run_gate_session(argv, counts_start=True).exit_code)


def watch_gate(argv: Sequence[str]) -> int:
    """Run the gate, and again on each change of the context; print only what changed."""
    values = make_gate_parser().parse_argv(argv)
    if values.image:
        raise UsageError("'--watch' waits for a context to change.", "Leave '--image' out.")
    context = Path(values.context or ".")

    def run_again(stream: TextIO) -> Run:
        return run_gate_session(argv, Console(stream))

    return int(watch_context(context, run_again, sys.stdout))


def run_gate_session(
    argv: Sequence[str],
    console: Console | None = None,
    snapshot: Snapshot | None = None,
    *,
    counts_start: bool = False,
) -> Run:
    """Run the gate, and give all that its reports hold.

    With `counts_start` this process does nothing else, and its start is the first step.
    """
    console = console or make_console(make_gate_parser().parse_argv(argv))
    request = make_gate_request(argv, console, snapshot)
    if counts_start:
        console.record_step("Start hardgate", measure_process_age())
    return run_gate(request, console)


def make_gate_request(
    argv: Sequence[str], console: Console, snapshot: Snapshot | None = None
) -> GateRequest:
    """Make a request of the words, whose summary is published from `console`."""
    values = make_gate_parser().parse_argv(argv)
    return replace(
        read_gate_request(values, os.environ, snapshot),
        publish_summary=make_gate_publisher(values, "gate", console),
    )


def make_gate_publisher(
    values: argparse.Namespace, session: str, console: Console
) -> PublishSummary:
    """Give what publishes a gate's summary: a comment for each image, contract and tier."""
    subject = f"{values.image or values.context or '.'} {values.contract or ''} {values.tier}"
    return make_summary_publisher(values, session, subject, console)


def read_gate_request(
    values: argparse.Namespace, environ: Mapping[str, str], snapshot: Snapshot | None = None
) -> GateRequest:
    """Make a request of the words; every mistake is found here, before any engine is touched.

    `snapshot` is the template's, where the caller has one already.
    """
    refuse_build_options(values, ("context", "dockerfile", *BUILD_SETTINGS))
    policy = read_policy()
    refuse_direct(values.host, determine_trust(runner=policy.exists), policy)
    contract = load_requested_contract(values)
    tier = find_tier(values.tier, values.tiers)
    targets, beacon = read_egress(values.egress, environ)
    environment = _read_environment(values.env, values.env_file, environ)
    build = None if values.image else read_build_request(values)
    arguments = dict(build.arguments) if build else {}
    return GateRequest(
        plan=make_plan(contract, tier, values.only, beacon=beacon),
        build=build,
        reference=values.image or "",
        host=values.host,
        egress=targets,
        environment=environment,
        volumes=_read_volumes(values.volume, tier),
        config=_read_config_folder(values.config, contract),
        ready_seconds=values.ready_timeout,
        probe_seconds=values.probe_timeout,
        out=values.out,
        formats=tuple(values.format),
        baseline=read_summary(values.baseline) if values.baseline else None,
        keep=values.keep,
        base=values.base,
        refresh_base=values.refresh_base,
        platform=_needs_platform_stub(values, environment, snapshot),
        secrets=(
            *pick_secret_values((environment | arguments).items()),
            *read_build_secrets(values.secret, environ),
            *pick_written_secrets(
                text
                for one in contract.capabilities
                for text in (one.probe, one.hint, one.description)
            ),
        ),
        run_seconds=values.run_timeout,
        freeze_build=None if values.image else _make_build_freezer(values, snapshot),
    )


def find_tier(number: int, file: str | None = None) -> Tier:
    """Find a tier, of a file or of hardgate's own; raises UsageError where there is none."""
    tiers = load_tiers(file or CONTRACTS / "tiers.yaml")
    if number not in tiers:
        raise UsageError(
            f"There is no tier {number}.", f"Use one of {', '.join(map(str, sorted(tiers)))}."
        )
    return tiers[number]


def _needs_platform_stub(
    values: argparse.Namespace, environment: Mapping[str, str], snapshot: Snapshot | None
) -> bool:
    """Say whether the workspace is given a platform's double: never in place of a real one."""
    if values.platform != "auto":
        return bool(values.platform == "double")
    given = bool(values.image) or URL_VARIABLE in environment
    context = snapshot.template.context if snapshot else Path(values.context or ".")
    return not given and wants_platform(context)


def read_egress(
    requested: Sequence[str], environ: Mapping[str, str]
) -> tuple[tuple[str, ...], bool]:
    """Give the targets, and whether the beacon is asked for; raises UsageError."""
    targets = [target for target in requested if target != BEACON_TARGET]
    targets = targets or environ.get(EGRESS_VARIABLE, "").split()
    for target in targets:
        parts = urlsplit(target)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UsageError(
                f"'{target}' is not an egress target.", "Use an https URL, or 'beacon'."
            )
        if parts.password:
            raise UsageError(
                f"The egress target at '{parts.hostname}' holds a password.",
                "Every probe of the image could read it: name a target that needs none.",
            )
    return tuple(targets), BEACON_TARGET in requested


def _read_environment(
    pairs: Iterable[str], files: Iterable[Path], environ: Mapping[str, str]
) -> dict[str, str]:
    """Read --env-file, then --env, as Docker does: a bare K takes the caller's value."""
    lines = [(f"--env {pair}", pair) for pair in pairs]
    for file in files:
        try:
            text = file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"'--env-file {file}' cannot be read: {error}.") from error
        file_lines = [
            (f"{file} line {number}", line.strip())
            for number, line in enumerate(text.splitlines(), start=1)
            if line.strip() and not line.lstrip().startswith("#")
        ]
        lines = [*file_lines, *lines]
    environment = {}
    for where, pair in lines:
        key, equals, value = pair.partition("=")
        if not key or " " in key:
            raise UsageError(
                f"'{where.partition('=')[0].strip()}' is not given a KEY=VALUE pair.",
                "Write a name, '=' and a value; a name alone takes the caller's value.",
            )
        if equals or key in environ:
            environment[key] = value if equals else environ[key]
    return environment


def _make_build_freezer(
    values: argparse.Namespace, taken: Snapshot | None
) -> Callable[[BuildRequest], AbstractContextManager[FrozenBuild]]:
    template = Template.from_folder(values.context or ".", values.dockerfile)
    open_snapshot = make_snapshot_opener(template, taken, values.out, build_alone=True)

    @contextmanager
    def freeze_build(build: BuildRequest) -> Iterator[FrozenBuild]:
        commit = _read_commit_or_unknown(template.context)
        with open_snapshot() as snapshot:
            if taken is None and _read_commit_or_unknown(template.context) != commit:
                raise make_change_error()
            frozen = replace(
                build,
                context=snapshot.template.context,
                dockerfile=snapshot.template.dockerfile,
                copied_from=build.context,
                source_commit=commit,
            )
            yield FrozenBuild(build=frozen, source=snapshot.source)

    return freeze_build


def _read_commit_or_unknown(folder: Path) -> str:
    try:
        return read_commit(folder)
    except GitRefusedError:
        return UNKNOWN_COMMIT


def _read_volumes(paths: Sequence[str], tier: Tier) -> tuple[str, ...]:
    for path in paths:
        if not path.startswith("/") or ".." in path.split("/") or ":" in path or path == "/":
            raise UsageError(
                f"'--volume {path}' is not a path in the workspace.",
                "Name an absolute one, such as /agent-home.",
            )
        taken = [inside for _, inside in tier.binds]
        if path.rstrip("/") in taken:
            raise UsageError(f"Tier {tier.number} binds '{path}' already.", "Leave it out.")
    requested = dict.fromkeys(path.rstrip("/") for path in paths)
    return tuple(path for path in requested if path not in tier.volumes)


def _read_config_folder(folder: str | None, contract: Contract) -> str:
    """Refuse what a probe asserts: the gate must not be made to prepare it."""
    if not folder:
        return ""
    if not Path(folder).is_dir():
        raise UsageError(f"'--config {folder}' is not a folder.", "Name one to copy into /configs.")
    for file in Path(folder).rglob("*"):
        inside = f"{CONFIGS_FOLDER}/{file.relative_to(folder)}"
        promised = any(inside in capability.probe for capability in contract.capabilities)
        if (file.is_file() or file.is_symlink()) and (promised or file.name == TOKEN_FILE):
            raise UsageError(
                f"'--config {folder}' holds '{file.relative_to(folder)}', which a probe asserts.",
                "Remove it: the workspace has to make that itself.",
            )
    return str(Path(folder).resolve())
