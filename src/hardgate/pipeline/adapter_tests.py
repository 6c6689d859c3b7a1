"""A template's own unit tests, run by pytest in an environment of their own, and counted."""

import hashlib
import os
import sys
import tempfile
import venv
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardgate import process
from hardgate.errors import HardgateError
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.template import Template
from hardgate.text.plain import keep_tail

INSTALL_SECONDS = 900
RUN_SECONDS = 1800
REQUIREMENTS_FILES = (
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-test.txt",
    "dev-requirements.txt",
    "test-requirements.txt",
    "tests/requirements.txt",
)
PYTEST_SETTINGS_FILES = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
PASSED_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TERM", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""All of the caller's environment that a template's tests see: no token of a CI system does."""
PIP_VARIABLE_PREFIXES = (
    "PIP_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "REQUESTS_CA_BUNDLE",
)

LineWriter = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class PytestCase:
    """One test of the template, as pytest told it."""

    name: str
    outcome: str
    """`passed`, `skipped`, `failure` or `error`."""
    details: str


def run_adapter_tests(template: Template, write: LineWriter) -> Iterator[Check]:
    """Make the environment, run the tests, and count what was executed."""
    python = ensure_test_environment(template, write)
    yield Check(name="environment", group="adapter", outcome=Outcome.PASS)
    with tempfile.TemporaryDirectory(prefix="hardgate-adapter-") as folder:
        report = Path(folder) / "junit.xml"
        finished = _run_pytest(template, python, Path(folder), report, write)
        cases = read_pytest_cases(report)
    yield from judge_pytest_run(finished, cases)


def ensure_test_environment(template: Template, write: LineWriter) -> Path:
    """Give the Python that has what the template asks for, and pytest; made once for each wish."""
    files = [template.context / name for name in REQUIREMENTS_FILES]
    requirement_files = [file for file in files if file.is_file()]
    home = template.root / ".nox" / "hardgate-adapter" / _hash_requirements(requirement_files)
    python, done = home / "bin" / "python", home / "done"
    if done.exists():
        return python
    venv.create(home, with_pip=True, clear=True)
    arguments = [word for file in requirement_files for word in ("--requirement", str(file))]
    finished = process.run_command(
        [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "pytest",
            *arguments,
        ],
        cwd=template.context,
        env=_build_environment(home, PIP_VARIABLE_PREFIXES),
        timeout=INSTALL_SECONDS,
        on_line=write,
    )
    if not finished.ok:
        raise HardgateError(
            f"What the template's tests need could not be installed: pip "
            f"{finished.end_description}.",
            "Is every requirement to be had from here? Look at adapter.log.",
            evidence=keep_tail(finished.stderr or finished.stdout, 12),
        )
    done.touch()
    return python


def _hash_requirements(files: Sequence[Path]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _build_environment(home: Path, prefixes: Sequence[str] = ()) -> dict[str, str]:
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_VARIABLES or name.upper().startswith(tuple(prefixes) or ("\0",))
    }
    return passed | {"HOME": str(home), "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _run_pytest(
    template: Template, python: Path, folder: Path, report: Path, write: LineWriter
) -> process.CommandResult:
    settings = (
        [] if _has_pytest_settings(template.context) else ["-c", os.devnull, "--rootdir", "."]
    )
    return process.run_command(
        [
            *(python, "-m", "pytest", "-p", "no:cacheprovider", "-ra", "--color=no"),
            *(f"--junitxml={report}", f"--basetemp={folder / 'tmp'}", *settings),
            *(["tests"] if settings and (template.context / "tests").is_dir() else []),
        ],
        cwd=template.context,
        env=_build_environment(folder) | {"PYTHONPATH": _join_import_path(template)},
        timeout=RUN_SECONDS,
        on_line=write,
    )


def _has_pytest_settings(context: Path) -> bool:
    """Tell whether the template configures pytest: it is not to find its parents' settings."""
    return any(
        "pytest" in (context / name).read_text(errors="replace")
        for name in PYTEST_SETTINGS_FILES
        if (context / name).is_file()
    )


def _join_import_path(template: Template) -> str:
    folders = [template.context, template.context / "src"]
    return os.pathsep.join(str(folder) for folder in folders if folder.is_dir())


def read_pytest_cases(report: Path) -> list[PytestCase]:
    """Read pytest's own JUnit; none where there is none, or it cannot be read."""
    try:
        root = ET.parse(report).getroot()  # noqa: S314 - pytest wrote it
    except (OSError, ET.ParseError):
        return []
    return [_parse_pytest_case(element) for element in root.iter("testcase")]


def _parse_pytest_case(element: ET.Element) -> PytestCase:
    name = ".".join(filter(None, (element.get("classname"), element.get("name"))))
    for kind in ("failure", "error", "skipped"):
        child = element.find(kind)
        if child is not None:
            return PytestCase(
                name=name, outcome=kind, details=child.text or child.get("message") or ""
            )
    return PytestCase(name=name, outcome="passed", details="")


def judge_pytest_run(
    finished: process.CommandResult, cases: Sequence[PytestCase]
) -> Iterator[Check]:
    """None executed is red; so is one that failed, and a pytest that did not get to its end."""
    counts: Mapping[str, int] = {
        kind: sum(case.outcome == kind for case in cases)
        for kind in ("passed", "skipped", "failure", "error")
    }
    executed = counts["passed"] + counts["failure"]
    summary = f"{executed} executed, {counts['skipped']} skipped"
    yield Check(
        name="some-were-executed",
        group="adapter",
        outcome=Outcome.PASS if executed else Outcome.FAIL,
        reason=f"{summary}."
        if executed
        else f"No unit test of the template was executed ({summary}).",
        remedy="Write some in 'tests/': at the least, that the adapter can be imported.",
        evidence="" if executed else keep_tail(finished.stdout, 20),
    )
    failed = [case for case in cases if case.outcome in {"failure", "error"}]
    for case in failed:
        yield Check(
            name=case.name,
            group="adapter",
            outcome=Outcome.FAIL,
            reason=_find_exception_line(case.details),
            remedy="Run it: 'python -m pytest' in the template.",
            evidence=keep_tail(case.details, 20),
        )
    completed = finished.status in {0, 1, 5}
    if not completed and not failed:
        yield Check(
            name="pytest-finished",
            group="adapter",
            outcome=Outcome.ERROR if finished.status is None else Outcome.FAIL,
            reason=f"pytest {finished.end_description}.",
            remedy="Read its last words.",
            evidence=keep_tail(finished.stdout or finished.stderr, 20),
        )
    elif executed and not failed:
        held = finished.status == 0
        reason = "" if held else f"All cases passed, and pytest {finished.end_description}."
        outcome = Outcome.PASS if held else Outcome.FAIL
        yield Check(name="none-failed", group="adapter", outcome=outcome, reason=reason)


def _find_exception_line(text: str) -> str:
    """Give the exception's own line, where pytest marked one."""
    lines = text.strip().splitlines()
    marked = [line[1:].strip() for line in lines if line.startswith("E  ")]
    return next(iter(marked[:1] or lines[-1:]), "It failed without a word.")
