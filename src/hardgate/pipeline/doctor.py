"""What this machine and this repository lack for the six answers, and what to do about it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from hardgate.engine.build_way import INSTALL_BUILDX_REMEDY, BuildClient, find_build_way
from hardgate.engine.client import find_engine
from hardgate.errors import HardgateError
from hardgate.model.contract import Severity
from hardgate.model.verdict import Outcome
from hardgate.pipeline.adapter_tests import REQUIREMENTS_FILES
from hardgate.pipeline.check import Check
from hardgate.pipeline.hardgate_source import (
    explain_unusable_source,
    hide_credentials,
)
from hardgate.pipeline.noxfile_source import read_noxfile_sources
from hardgate.pipeline.policy import read_policy
from hardgate.pipeline.template import Template
from hardgate.pipeline.trust import determine_trust

PROGRAMS = ("hadolint", "shellcheck", "zizmor", "check-jsonschema", "kingfisher")
DISK_GIB = 5
MEMORY_GIB = 4
GIB = 2**30


def inspect_setup(template: Template) -> Iterator[Check]:
    """Yield what is looked at: the machine first, then the repository."""
    for inspect in (
        _inspect_engine,
        _inspect_builder,
        _inspect_disk,
        _inspect_programs,
        _inspect_git,
        _inspect_policy,
    ):
        yield from _report_inspection_error(inspect)
    yield from _inspect_template_parts(template)
    yield from _inspect_repository_files(template)


def _report_inspection_error(inspect: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from inspect()
    except HardgateError as error:
        name = inspect.__name__.removeprefix("_inspect_")
        yield _make_setup_check("machine", name, False, error.problem, error.remedy)


def _make_setup_check(
    group: str, name: str, held: bool, reason: str, remedy: str = "", *, needed: bool = True
) -> Check:
    return Check(
        name=name,
        group=group,
        outcome=Outcome.PASS if held else Outcome.FAIL,
        severity=Severity.HARD if needed else Severity.ADVISORY,
        reason=reason,
        remedy="" if held else remedy,
    )


def _inspect_engine() -> Iterator[Check]:
    engine = find_engine()
    info = engine.info
    reason = f"Docker Engine {info['ServerVersion']} at {engine.url}, {info['NCPU']} CPUs."
    yield _make_setup_check("machine", "engine", True, reason)
    memory = int(info["MemTotal"]) / GIB
    yield _make_setup_check(
        "machine",
        "memory",
        memory >= MEMORY_GIB,
        f"The engine has {memory:.1f} GiB; tier 4 asks for {MEMORY_GIB}.",
        "Give the engine more memory, or expect a workspace that is killed for lack of it.",
        needed=False,
    )


def _inspect_builder() -> Iterator[Check]:
    way = find_build_way(os.environ)
    held = way.client is not BuildClient.CLASSIC
    reason = (
        f"BuildKit builds images, by {way.client.value} ('{way.program}')."
        if held
        else f"The classic builder builds images: {way.reason}."
    )
    yield _make_setup_check(
        "machine", "buildkit", held, reason, INSTALL_BUILDX_REMEDY, needed=False
    )


def _inspect_disk() -> Iterator[Check]:
    free = shutil.disk_usage(Path.cwd()).free / GIB
    reason = f"{free:.1f} GiB are free here."
    yield _make_setup_check(
        "machine", "disk", free >= DISK_GIB, reason, f"Make room for {DISK_GIB} GiB."
    )


def _inspect_programs() -> Iterator[Check]:
    beside = Path(sys.executable).parent
    missing = [name for name in PROGRAMS if not (beside / name).exists() and not shutil.which(name)]
    reason = f"Missing: {', '.join(missing)}." if missing else f"{', '.join(PROGRAMS)}."
    remedy = "Install hardgate with them: 'hardgate[pipeline]'."
    yield _make_setup_check("machine", "linters", not missing, reason, remedy)


def _inspect_git() -> Iterator[Check]:
    found = shutil.which("git")
    reason = found or "Without git nobody knows which commit an answer is about."
    yield _make_setup_check("machine", "git", bool(found), reason, "Install 'git'.")


def _inspect_policy() -> Iterator[Check]:
    policy = read_policy()
    trust = determine_trust(runner=policy.exists)
    trust_word = "trusted" if trust.trusted else "untrusted"
    reason = f"Input is {trust_word} here: {trust.reason}."
    yield _make_setup_check("machine", "policy", True, reason)


def _inspect_template_parts(template: Template) -> Iterator[Check]:
    parts = {
        "Dockerfile": template.dockerfile.is_file(),
        "config.yaml": template.config_file is not None,
        "adapter": template.adapter_file is not None,
        "tests": any((template.context / name).is_dir() for name in ("tests", "test")),
    }
    for name, present in parts.items():
        reason = "there" if present else f"'{template.context}' has none."
        remedy = (
            "Add it: docs/template.md says what it must contain ('hardgate init --new' writes one)."
        )
        yield _make_setup_check("template", name, present, reason, remedy)
    listed = [name for name in REQUIREMENTS_FILES if (template.context / name).is_file()]
    reason = ", ".join(listed) or "The unit tests get pytest, and nothing else."
    remedy = "List what the adapter imports in requirements.txt."
    yield _make_setup_check("template", "requirements", bool(listed), reason, remedy, needed=False)


def _inspect_repository_files(template: Template) -> Iterator[Check]:
    root = template.root
    commit = (root / ".git").exists()
    reason = "there" if commit else "The template is in no git repository."
    yield _make_setup_check(
        "repository", "repository", commit, reason, "Run 'git init', and commit it."
    )
    nox = (root / "noxfile.py").is_file()
    remedy = "Run 'hardgate init'."
    yield _make_setup_check(
        "repository", "noxfile", nox, "there" if nox else "There is none.", remedy
    )
    if nox:
        yield _inspect_hardgate_source(root / "noxfile.py")
    flows = [template.relative_to_root(file) for file in template.workflow_files]
    reason = ", ".join(flows) or "There is none: nothing runs T4 before a merge."
    yield _make_setup_check("repository", "workflows", bool(flows), reason, remedy)


def _inspect_hardgate_source(noxfile: Path) -> Check:
    """See that colleagues and CI can install hardgate from where the noxfile says."""
    sources = read_noxfile_sources(noxfile.read_text(errors="replace"))
    problems = [
        f"'{hide_credentials(text)}' {problem}"
        for text in sources.requirements
        if (problem := explain_unusable_source(text))
    ]
    named = problems or [hide_credentials(text) for text in sources.requirements]
    unread = [f"not read, {hide_credentials(place)}" for place in sources.unread]
    reason = "; ".join([*named, *unread])
    remedy = (
        "Run 'hardgate init --update --source git+https://HOST/OWNER/hardgate@COMMIT', or change "
        "it in noxfile.py."
        if problems
        else "See by hand that others can install it, or write it as a text in noxfile.py."
    )
    return _make_setup_check(
        "repository",
        "hardgate-source",
        not problems and not unread,
        f"{reason}." if reason else "The noxfile names none that is known to be hardgate's.",
        remedy,
        needed=bool(problems),
    )
