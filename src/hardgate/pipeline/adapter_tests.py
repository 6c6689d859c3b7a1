"""A template's own unit tests, run by pytest in an environment of their own, and counted."""

import hashlib
import os
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from hardgate.engine.lock import hold_folder_lock
from hardgate.errors import HardgateError, UsageError
from hardgate.model.contract import Severity
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.isolation import IsolationLevel, TestPlace, prepare_place
from hardgate.pipeline.template import Template
from hardgate.system import process
from hardgate.system.temporary_folder import run_in_temporary_folder, temporary_folder
from hardgate.text.plain import keep_tail

INSTALL_SECONDS = 900
RUN_SECONDS = 1800
JUNIT_FILE = "junit.xml"
REQUIREMENTS_FILES = (
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-test.txt",
    "dev-requirements.txt",
    "test-requirements.txt",
    "tests/requirements.txt",
)
PYTEST_SETTINGS_FILES = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
PASSED_VARIABLES = ("PATH", "LANG", "LC_ALL", "TERM", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""All of the caller's environment that a template's tests see: no token of a CI system does."""
PIP_VARIABLES = (
    *("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "NETRC", "TMPDIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
"""What more pip sees when it installs, beside PIP_*: where its settings and credentials lie."""
_INCLUDED_FILE = re.compile(
    r"^[ \t]*+(?:-r|-c|--requirement|--constraint)(?:[ \t]++|=[ \t]*+|(?<=-[rc]))([^\s#]++)", re.M
)

LineWriter = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class PytestCase:
    """One test of the template, as pytest told it."""

    name: str
    outcome: str
    """`passed`, `skipped`, `failure` or `error`."""
    details: str


def run_adapter_tests(
    template: Template, write: LineWriter, *, requirements: Sequence[Path] = ()
) -> Iterator[Check]:
    """Make the environment, run the tests, and count what was executed.

    `requirements` take the place of the requirements files that the template has.
    """
    files = list(requirements) or find_requirement_files(template)
    environment_folder = ensure_test_environment(template, files, write)
    yield Check(name="environment", group="adapter", outcome=Outcome.PASS)
    with temporary_folder() as work:
        work.parent.chmod(0o755)  # another user passes through it, and pytest lists it
        place = prepare_place(template, environment_folder, work)
        yield _report_isolation(place)
        report = work / JUNIT_FILE
        finished = _run_pytest(template, place, report, write)
        cases = read_pytest_cases(report)
    yield from judge_pytest_run(finished, cases)


def find_requirement_files(template: Template) -> list[Path]:
    """Give the requirements files that a template has, by their usual names."""
    files = [template.context / name for name in REQUIREMENTS_FILES]
    return [file for file in files if file.is_file()]


def _report_isolation(place: TestPlace) -> Check:
    """Tell how far the tests were kept from the caller; advice where they were not at all."""
    held = place.level is not IsolationLevel.NONE
    return Check(
        name="isolation",
        group="adapter",
        outcome=Outcome.PASS if held else Outcome.FAIL,
        severity=Severity.ADVISORY,
        reason=f"The tests ran {place.level.value}."
        + ("" if held else " They can read the caller's environment, tokens included."),
        remedy=""
        if held
        else "Let this machine make namespaces (unshare of util-linux, as root or with user "
        "namespaces), or keep tokens out of this job.",
    )


def ensure_test_environment(
    template: Template, requirement_files: Sequence[Path], write: LineWriter
) -> Path:
    """Give the environment that has what the template asks for, and pytest; made once for each.

    pip is given the machine's settings for it: its configuration files, netrc, indexes, proxies.
    """
    fingerprint = hash_requirements(requirement_files)
    folder = template.repository_root / ".nox" / "hardgate-adapter" / fingerprint
    folder.parent.mkdir(parents=True, exist_ok=True)
    with hold_folder_lock(folder.parent):  # two sessions at once would empty it for each other
        if not (folder / "done").exists():
            _fill_test_environment(folder, template.own_context, requirement_files, write)
    return folder


def _fill_test_environment(
    folder: Path, context: Path, requirement_files: Sequence[Path], write: LineWriter
) -> None:
    _run_installer(
        [sys.executable, "-I", "-m", "venv", "--clear", folder],
        context,
        write,
        problem="An environment for the template's tests could not be made: venv",
        remedy="Is the package python3-venv installed?",
    )
    arguments = [word for file in requirement_files for word in ("--requirement", str(file))]
    _run_installer(
        [
            *(folder / "bin" / "python", "-I", "-m", "pip", "install", "--quiet"),
            *("--disable-pip-version-check", "pytest", *arguments),
        ],
        context,  # '-e .' has to lead to what stays
        write,
        problem="What the template's tests need could not be installed: pip",
        remedy="Is every requirement to be had from here? Look at adapter.log.",
    )
    (folder / "done").touch()


def _run_installer(
    argv: Sequence[str | Path], folder: Path, write: LineWriter, *, problem: str, remedy: str
) -> None:
    """Run venv or pip; raises HardgateError where it does not do what it is asked.

    Both are run by 'python -I': a module of the template's is not to take the place of theirs.
    """
    finished = run_in_temporary_folder(
        argv, cwd=folder, env=read_pip_environment(), timeout=INSTALL_SECONDS, on_line=write
    )
    if not finished.ok:
        raise HardgateError(
            f"{problem} {finished.end_description}.",
            remedy,
            evidence=keep_tail(finished.stderr or finished.stdout, 12),
        )


def hash_requirements(files: Sequence[Path]) -> str:
    """Hash what is asked for: the files, and those that they name by -r and -c."""
    digest = hashlib.sha256(sys.version.encode())
    for file, content in _read_requirement_files(files):
        digest.update(str(file).encode() + b"\0" + content + b"\0")
    return digest.hexdigest()[:16]


def _read_requirement_files(files: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield each file once, by the name that it was asked for, with what it leads to."""
    waiting = [(file.name, file) for file in files]
    seen: set[Path] = set()
    while waiting:
        name, file = waiting.pop(0)
        if file.resolve() in seen:
            continue
        seen.add(file.resolve())
        try:
            content = file.read_bytes()
        except OSError as error:
            raise UsageError(
                f"The requirements file '{file}' cannot be read: {error.strerror}.",
                "Look at who names it, by -r, -c or '--requirement'.",
            ) from error
        yield name, content
        words = _INCLUDED_FILE.findall(content.decode(errors="replace"))
        waiting += [(word, file.parent / word) for word in words if "://" not in word]


def read_pip_environment() -> dict[str, str]:
    """Read what pip is given: the machine's own settings, and no token of a CI system."""
    return _read_environment(PASSED_VARIABLES + PIP_VARIABLES, ("PIP_",))


def _read_environment(names: Sequence[str], prefixes: Sequence[str] = ()) -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in names or name.upper() in names or name.startswith(tuple(prefixes))
    }


def _run_pytest(
    template: Template, place: TestPlace, report: Path, write: LineWriter
) -> process.CommandResult:
    context = place.work / "template" / template.context.relative_to(template.root)
    argv = [str(place.python), "-m", "pytest", *list_pytest_options(context, report.parent)]
    own = {
        "HOME": str(place.work),
        "TMPDIR": str(place.temporary),
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": _join_import_path(context),
    }
    return process.run_command(
        place.wrap_command(["env", f"--chdir={context}", *argv]),
        cwd=context,
        env=_read_environment(PASSED_VARIABLES) | own,
        timeout=RUN_SECONDS,
        on_line=write,
    )


def list_pytest_options(context: Path, work: PurePath) -> list[str]:
    """List what pytest is told for a template's context; its report and files go into `work`."""
    options = ["-p", "no:cacheprovider", "-ra", "--color=no"]
    options += [f"--junitxml={work / JUNIT_FILE}", f"--basetemp={work / 'tmp'}"]
    if _has_pytest_settings(context):
        return options
    tests = ["tests"] if (context / "tests").is_dir() else []
    return [*options, "-c", os.devnull, "--rootdir", ".", *tests]


def _has_pytest_settings(context: Path) -> bool:
    """Tell whether the template configures pytest: it is not to find its parents' settings."""
    return any(
        "pytest" in (context / name).read_text(errors="replace")
        for name in PYTEST_SETTINGS_FILES
        if (context / name).is_file()
    )


def _join_import_path(context: Path) -> str:
    folders = [context, context / "src"]
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
