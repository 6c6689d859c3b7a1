"""What this machine and this repository lack for the six answers, and what to do about it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from hardgate.engine.client import find_engine
from hardgate.engine.image import has_buildx
from hardgate.errors import HardgateError
from hardgate.model.contract import Severity
from hardgate.model.verdict import Outcome
from hardgate.pipeline.adapter_tests import REQUIREMENTS
from hardgate.pipeline.check import Point
from hardgate.pipeline.policy import read_policy
from hardgate.pipeline.template import Template
from hardgate.pipeline.trust import trust_here

PROGRAMS = ("hadolint", "shellcheck", "zizmor", "check-jsonschema", "kingfisher")
DISK_GIB = 5
MEMORY_GIB = 4
GIB = 2**30


def points(template: Template) -> Iterator[Point]:
    """Yield what is looked at: the machine first, then the repository."""
    for look in (_engine, _buildx, _disk, _programs, _git, _policy):
        yield from _guarded(look)
    yield from _parts(template)
    yield from _files(template)


def _guarded(look: Callable[[], Iterator[Point]]) -> Iterator[Point]:
    try:
        yield from look()
    except HardgateError as error:
        name = look.__name__.strip("_")
        yield _point("machine", name, False, error.problem, error.remedy)


def _point(
    group: str, name: str, held: bool, reason: str, remedy: str = "", *, needed: bool = True
) -> Point:
    return Point(
        name=name,
        group=group,
        outcome=Outcome.PASS if held else Outcome.FAIL,
        severity=Severity.HARD if needed else Severity.ADVISORY,
        reason=reason,
        remedy="" if held else remedy,
    )


def _engine() -> Iterator[Point]:
    engine = find_engine()
    info = engine.info
    told = f"Docker Engine {info['ServerVersion']} at {engine.url}, {info['NCPU']} CPUs."
    yield _point("machine", "engine", True, told)
    memory = int(info["MemTotal"]) / GIB
    yield _point(
        "machine",
        "memory",
        memory >= MEMORY_GIB,
        f"The engine has {memory:.1f} GiB; tier 4 asks for {MEMORY_GIB}.",
        "Give the engine more memory, or expect a workspace that is killed for lack of it.",
        needed=False,
    )


def _buildx() -> Iterator[Point]:
    yield _point(
        "machine",
        "buildx",
        has_buildx(os.environ),
        "'docker buildx' builds images; without it the classic builder does.",
        "Install 'docker-buildx', if a Dockerfile uses RUN --mount or COPY --chmod.",
        needed=False,
    )


def _disk() -> Iterator[Point]:
    free = shutil.disk_usage(Path.cwd()).free / GIB
    told = f"{free:.1f} GiB are free here."
    yield _point("machine", "disk", free >= DISK_GIB, told, f"Make room for {DISK_GIB} GiB.")


def _programs() -> Iterator[Point]:
    beside = Path(sys.executable).parent
    missing = [name for name in PROGRAMS if not (beside / name).exists() and not shutil.which(name)]
    told = f"Missing: {', '.join(missing)}." if missing else f"{', '.join(PROGRAMS)}."
    remedy = "Install hardgate with them: 'hardgate[pipeline]'."
    yield _point("machine", "linters", not missing, told, remedy)


def _git() -> Iterator[Point]:
    found = shutil.which("git")
    told = found or "Without git nobody knows which commit an answer is about."
    yield _point("machine", "git", bool(found), told, "Install 'git'.")


def _policy() -> Iterator[Point]:
    policy = read_policy()
    trust = trust_here(runner=policy.there)
    word = "trusted" if trust.trusted else "untrusted"
    told = f"Input is {word} here: {trust.reason}."
    yield _point("machine", "policy", True, told)


def _parts(template: Template) -> Iterator[Point]:
    parts = {
        "Dockerfile": template.dockerfile.is_file(),
        "config.yaml": template.config is not None,
        "adapter": template.adapter is not None,
        "tests": any((template.context / name).is_dir() for name in ("tests", "test")),
    }
    for name, there in parts.items():
        told = "there" if there else f"'{template.context}' has none."
        remedy = "Add it; README.md says what a template consists of."
        yield _point("template", name, there, told, remedy)
    listed = [name for name in REQUIREMENTS if (template.context / name).is_file()]
    told = ", ".join(listed) or "The unit tests get pytest, and nothing else."
    remedy = "List what the adapter imports in requirements.txt."
    yield _point("template", "requirements", bool(listed), told, remedy, needed=False)


def _files(template: Template) -> Iterator[Point]:
    root = template.root
    commit = (root / ".git").exists()
    told = "there" if commit else "The template is in no git repository."
    yield _point("repository", "repository", commit, told, "Run 'git init', and commit it.")
    nox = (root / "noxfile.py").is_file()
    remedy = "Run 'hardgate init'."
    yield _point("repository", "noxfile", nox, "there" if nox else "There is none.", remedy)
    flows = [template.name_of(file) for file in template.workflows]
    told = ", ".join(flows) or "There is none: nothing runs T4 before a merge."
    yield _point("repository", "workflows", bool(flows), told, remedy)
