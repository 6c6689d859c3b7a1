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
from hardgate.pipeline.check import Point
from hardgate.pipeline.template import Template
from hardgate.text.plain import tail

INSTALL_SECONDS = 900
RUN_SECONDS = 1800
REQUIREMENTS = (
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-test.txt",
    "dev-requirements.txt",
    "test-requirements.txt",
    "tests/requirements.txt",
)
OWN_SETTINGS = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TERM", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""All of the caller's environment that a template's tests see: no token of a CI system does."""
FOR_PIP = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE")

Write = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One test of the template, as pytest told it."""

    name: str
    outcome: str
    """`passed`, `skipped`, `failure` or `error`."""
    words: str


def look(template: Template, write: Write) -> Iterator[Point]:
    """Make the environment, run the tests, and count what was executed."""
    python = environment(template, write)
    yield Point(name="environment", group="adapter", outcome=Outcome.PASS)
    with tempfile.TemporaryDirectory(prefix="hardgate-adapter-") as folder:
        report = Path(folder) / "junit.xml"
        ended = _run(template, python, Path(folder), report, write)
        cases = read_cases(report)
    yield from judge(ended, cases)


def environment(template: Template, write: Write) -> Path:
    """Give the Python that has what the template asks for, and pytest; made once for each wish."""
    files = [template.context / name for name in REQUIREMENTS]
    wanted = [file for file in files if file.is_file()]
    home = template.root / ".nox" / "hardgate-adapter" / _fingerprint(wanted)
    python, done = home / "bin" / "python", home / "done"
    if done.exists():
        return python
    venv.create(home, with_pip=True, clear=True)
    words = [word for file in wanted for word in ("--requirement", str(file))]
    ended = process.run(
        [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "pytest",
            *words,
        ],
        cwd=template.context,
        env=_environment(home, FOR_PIP),
        timeout=INSTALL_SECONDS,
        on_line=write,
    )
    if not ended.ok:
        raise HardgateError(
            f"What the template's tests need could not be installed: pip {ended.how}.",
            "Is every requirement to be had from here? Look at adapter.log.",
            evidence=tail(ended.stderr or ended.stdout, 12),
        )
    done.touch()
    return python


def _fingerprint(files: Sequence[Path]) -> str:
    seen = hashlib.sha256(sys.version.encode())
    for file in files:
        seen.update(file.name.encode() + b"\0" + file.read_bytes())
    return seen.hexdigest()[:16]


def _environment(home: Path, more: Sequence[str] = ()) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_ON or name.upper().startswith(tuple(more) or ("\0",))
    }
    return kept | {"HOME": str(home), "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _run(
    template: Template, python: Path, folder: Path, report: Path, write: Write
) -> process.Finished:
    settings = [] if _has_settings(template.context) else ["-c", os.devnull, "--rootdir", "."]
    return process.run(
        [
            *(python, "-m", "pytest", "-p", "no:cacheprovider", "-ra", "--color=no"),
            *(f"--junitxml={report}", f"--basetemp={folder / 'tmp'}", *settings),
            *(["tests"] if settings and (template.context / "tests").is_dir() else []),
        ],
        cwd=template.context,
        env=_environment(folder) | {"PYTHONPATH": _import_path(template)},
        timeout=RUN_SECONDS,
        on_line=write,
    )


def _has_settings(context: Path) -> bool:
    """Tell whether the template configures pytest: it is not to find its parents' settings."""
    return any(
        "pytest" in (context / name).read_text(errors="replace")
        for name in OWN_SETTINGS
        if (context / name).is_file()
    )


def _import_path(template: Template) -> str:
    places = [template.context, template.context / "src"]
    return os.pathsep.join(str(place) for place in places if place.is_dir())


def read_cases(report: Path) -> list[Case]:
    """Read pytest's own JUnit; none where there is none, or it cannot be read."""
    try:
        root = ET.parse(report).getroot()  # noqa: S314 - pytest wrote it
    except (OSError, ET.ParseError):
        return []
    return [_case(element) for element in root.iter("testcase")]


def _case(element: ET.Element) -> Case:
    name = ".".join(filter(None, (element.get("classname"), element.get("name"))))
    for kind in ("failure", "error", "skipped"):
        child = element.find(kind)
        if child is not None:
            return Case(name=name, outcome=kind, words=child.text or child.get("message") or "")
    return Case(name=name, outcome="passed", words="")


def judge(ended: process.Finished, cases: Sequence[Case]) -> Iterator[Point]:
    """None executed is red; so is one that failed, and a pytest that did not get to its end."""
    counts: Mapping[str, int] = {
        kind: sum(case.outcome == kind for case in cases)
        for kind in ("passed", "skipped", "failure", "error")
    }
    executed = counts["passed"] + counts["failure"]
    told = f"{executed} executed, {counts['skipped']} skipped"
    yield Point(
        name="some-were-executed",
        group="adapter",
        outcome=Outcome.PASS if executed else Outcome.FAIL,
        reason=f"{told}." if executed else f"No unit test of the template was executed ({told}).",
        remedy="Write some in 'tests/': at the least, that the adapter can be imported.",
        evidence="" if executed else tail(ended.stdout, 20),
    )
    missed = [case for case in cases if case.outcome in {"failure", "error"}]
    for case in missed:
        yield Point(
            name=case.name,
            group="adapter",
            outcome=Outcome.FAIL,
            reason=_last_word(case.words),
            remedy="Run it: 'python -m pytest' in the template.",
            evidence=tail(case.words, 20),
        )
    finished = ended.status in {0, 1, 5}
    if not finished and not missed:
        yield Point(
            name="pytest-finished",
            group="adapter",
            outcome=Outcome.ERROR if ended.status is None else Outcome.FAIL,
            reason=f"pytest {ended.how}.",
            remedy="Read its last words.",
            evidence=tail(ended.stdout or ended.stderr, 20),
        )
    elif executed and not missed:
        held = ended.status == 0
        reason = "" if held else f"All cases passed, and pytest {ended.how}."
        outcome = Outcome.PASS if held else Outcome.FAIL
        yield Point(name="none-failed", group="adapter", outcome=outcome, reason=reason)


def _last_word(words: str) -> str:
    """Give the exception's own line, where pytest marked one."""
    lines = words.strip().splitlines()
    marked = [line[1:].strip() for line in lines if line.startswith("E  ")]
    return next(iter(marked[:1] or lines[-1:]), "It failed without a word.")
