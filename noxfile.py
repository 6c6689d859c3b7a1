"""The pipeline as nox sessions: a docstring and a run each.

Environments are hardgate's own, under .nox/, made and filled under a lock: two `nox` in one
checkout do not touch each other's, and a second run installs nothing that has not changed.
"""

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import nox
from filelock import FileLock
from nox.command import CommandFailed

nox.needs_version = ">=2024.4"
nox.options.sessions = ["engine", "t4"]
nox.options.default_venv_backend = "none"
nox.options.error_on_external_run = False

ROOT = Path(__file__).parent
GROUPS = frozenset({"bench", "test", "lint", "typecheck"})
"""Dependency groups; `pipeline` is an extra, for templates install it too."""
AT_ONCE = ("--numprocesses", "auto", "--maxprocesses", "4", "--dist", "loadgroup")
"""Tests run in a process for each core: much of their time they wait (`-- -n 0` for one alone)."""
OLDEST_UV, NEXT_UV = (0, 8), (1, 0)
UV = "uv>=0.8,<1"
LOADED_PACKAGES = (
    "ansible ansible_runner certifi charset_normalizer cryptography docker hardgate idna jinja2 "
    "packaging pexpect ptyprocess requests trustme urllib3 yaml"
).split()
"""What each gate loads; the modules that Ansible would send to another machine are not."""
COMPILE_PACKAGES = """
import compileall, importlib.util, re, sys
skipped = re.compile(r"/ansible/(modules|galaxy)/")
for name in sys.argv[1:]:
    found = importlib.util.find_spec(name)
    for folder in found.submodule_search_locations if found else []:
        compileall.compile_dir(folder, quiet=2, rx=skipped)
"""
"""For a machine that tells Python to keep nothing that it compiles: each play would compile all of
Ansible anew, which is a third of its start. Elsewhere Python keeps what it loads, a third of it."""
MEANINGS = {
    1: "something that is required does not hold, or is stale",
    2: "the contract or the command is wrong",
    3: "unknown: not everything could be looked at",
    130: "interrupted",
    143: "terminated",
}


@nox.session
def engine(session: nox.Session) -> None:
    """Install a Docker Engine where none answers, and prepare the base (-- --remove uninstalls)."""
    hardgate(session, "engine", *engine_words(session.posargs))


@nox.session
def build(session: nox.Session) -> None:
    """Build the reference image, and print its digest (-- --context DIR builds another)."""
    hardgate(session, "build", *image_words(session.posargs), *session.posargs)


@nox.session
def t4(session: nox.Session) -> None:
    """Build the reference image and verify it (-- takes the options of `hardgate gate`)."""
    words = [*image_words(session.posargs), *egress_words(session.posargs), *session.posargs]
    hardgate(session, "gate", *words)


@nox.session
def static(session: nox.Session) -> None:
    """Check a template's files without running any of its code (-- --context DIR)."""
    pipeline(session, "static")


@nox.session
def adapter(session: nox.Session) -> None:
    """Run a template's own unit tests; none executed is red."""
    pipeline(session, "adapter", group=None)


@nox.session
def secrets(session: nox.Session) -> None:
    """Search the lines that a change adds for credentials (-- --base REF)."""
    pipeline(session, "secrets")


@nox.session
def runtime(session: nox.Session) -> None:
    """Boot an image by its real entrypoint, stop it, and boot it again."""
    pipeline(session, "runtime", group=None)


@nox.session
def validate(session: nox.Session) -> None:
    """Decide whether a template may be merged; runs stale checks first (-- --no-run: none)."""
    pipeline(session, "validate", "--run")


@nox.session
def doctor(session: nox.Session) -> None:
    """List what this machine and a template lack, and what to do about it."""
    pipeline(session, "doctor")


@nox.session
def runner(session: nox.Session) -> None:
    """Make hosts self-hosted runners, and prove them (-- -i INVENTORY, or -- --prove URL)."""
    hardgate(session, "runner", *session.posargs)


@nox.session
def fleet(session: nox.Session) -> None:
    """Verify many images on many hosts (-- -i INVENTORY --images FILE)."""
    hardgate(session, "fleet", *session.posargs)


@nox.session
def explain(session: nox.Session) -> None:
    """Describe a capability (-- NAME), or why a run is red (-- --run DIR)."""
    hardgate(session, "explain", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """Write the reports of a finished run again (-- RUN --format FORMAT)."""
    hardgate(session, "report", *session.posargs)


@nox.session
def contract(session: nox.Session) -> None:
    """Compare two contracts (-- diff A B)."""
    hardgate(session, "contract", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Break the reference image on purpose; each promise has to notice (-- --mutation NAME)."""
    words = [*image_words(session.posargs), *egress_words(session.posargs), *session.posargs]
    hardgate(session, "mutants", *words)


@nox.session
def init(session: nox.Session) -> None:
    """Write a noxfile and workflows into a template (-- --context DIR)."""
    hardgate(session, "init", *session.posargs)


@nox.session
def reap(session: nox.Session) -> None:
    """Remove what dead runs left behind (-- --run ID removes one run)."""
    hardgate(session, "reap", *session.posargs)


@nox.session
def unit(session: nox.Session) -> None:
    """Run the tests that need no engine."""
    tool(session, "test", "pytest", "tests/unit", *AT_ONCE, *session.posargs)


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests on a real engine."""
    tool(session, "test", "pytest", "tests/integration", *AT_ONCE, *session.posargs)


@nox.session
def corpus(session: nox.Session) -> None:
    """Measure static by labelled templates: right, red or green for nothing, no answer."""
    tool(session, "test", "python", "-m", "tests.corpus", *session.posargs)


@nox.session
def chaos(session: nox.Session) -> None:
    """Kill gates at random moments and see that nothing is left (-- --kills N; default: 10)."""
    tool(session, "test", "python", "-m", "tests.chaos", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, once an engine answers (-- --full runs all of them, as CI does)."""
    hardgate(session, "engine")
    tool(session, "test", "pytest", "tests", *AT_ONCE, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and the direction of imports: Python, Ansible, YAML, shell."""
    tool(session, "lint", "ruff", "check", ".")
    tool(session, "lint", "ruff", "format", "--check", ".")
    tool(session, "lint", "lint-imports")
    tool(session, "lint", "yamllint", "--strict", ".")
    tool(session, "lint", "ansible-lint", "--offline", "--strict")
    tool(session, "lint", "shellcheck", *shell_scripts())


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check types, strictly."""
    tool(session, "typecheck", "mypy")


@nox.session
def diagnosis(session: nox.Session) -> None:
    """Write docs/diagnosis.md from real runs (-- SCENARIO prints the rows of one)."""
    tool(session, "test", "python", "-m", "tests.diagnosis.table", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the gate beside what one would use instead (-- --only ROW --rounds N)."""
    tool(session, "bench", "python", "-m", "tests.bench", *session.posargs)


def pipeline(session: nox.Session, name: str, *words: str, group: str | None = "pipeline") -> None:
    """Run a session of a template, by default the reference one; `group` has what it needs."""
    posargs = session.posargs
    hardgate(session, name, *image_words(posargs), *words, *posargs, group=group)


def hardgate(session: nox.Session, *words: str, group: str | None = None) -> None:
    """Run a command of hardgate; a failure says what its exit code means."""
    try:
        environment(session, group)
    except CommandFailed as failure:
        session.error(f"hardgate {words[0]} was not run: its environment failed ({failure.reason})")
    try:
        tool(session, group, "hardgate", *words)
    except CommandFailed as failure:
        code = int("".join(filter(str.isdigit, str(failure.reason))) or 3)
        session.error(f"hardgate {words[0]}: exit {code}: {MEANINGS.get(code, 'unknown')}")


def tool(session: nox.Session, group: str | None, program: str, *words: str) -> None:
    """Run a program of the environment of a dependency group."""
    programs = environment(session, group)
    session.run(
        str(programs / program),
        *words,
        env={"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
    )


def environment(session: nox.Session, group: str | None) -> Path:
    """Make a group's environment, or find it as it should be; give its folder of programs."""
    home = ROOT / ".nox" / (group or "hardgate")
    stamp, wanted = home / "stamp", fingerprint()
    home.parent.mkdir(exist_ok=True)
    with FileLock(home.with_suffix(".lock")):
        if not stamp.is_file() or stamp.read_text() != wanted:
            fill_environment(session, home, group)
            stamp.write_text(wanted)
    return home / "bin"


def fill_environment(session: nox.Session, home: Path, group: str | None) -> None:
    """Install hardgate and what a group adds: by uv, or by pip where uv cannot be had."""
    extra = "[pipeline]" if group in {"bench", "pipeline", "test"} else ""
    with_group = ["--group", group] if group in GROUPS else []
    packages = ("--editable", f"{ROOT}{extra}", *with_group)
    uv = "" if names_an_index(session) else have_uv(session)
    if uv and fill_by_uv(session, uv, home, packages):
        if sys.dont_write_bytecode and group not in {"lint", "typecheck"}:
            compile_packages(session, home)
        return
    session.run(sys.executable, "-m", "virtualenv", "--quiet", "--clear", str(home))
    session.run(str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages)


def fill_by_uv(session: nox.Session, uv: str, home: Path, packages: Sequence[str]) -> bool:
    """Make an environment by uv; False where that failed."""
    trust = {"UV_NATIVE_TLS": "1", "UV_SYSTEM_CERTS": "1"}  # the machine's authorities, as pip does
    python = ("--python", sys.executable)
    try:
        session.run(uv, "venv", "--quiet", "--clear", *python, str(home), env=trust)
        into = ("--python", str(home / "bin" / "python"))
        session.run(uv, "pip", "install", "--quiet", *into, *packages, env=trust)
    except CommandFailed:
        session.warn("uv could not do it, so pip does.")
        return False
    return True


def compile_packages(session: nox.Session, home: Path) -> None:
    """Compile what a gate loads; without it all works, and more slowly."""
    words = (str(home / "bin" / "python"), "-c", COMPILE_PACKAGES, *LOADED_PACKAGES)
    session.run(*words, silent=True, success_codes=(0, 1))


def names_an_index(session: nox.Session) -> bool:
    """Tell whether pip's settings name an index: uv reads none of them, and would ask another."""
    words = (sys.executable, "-m", "pip", "config", "list")
    settings = str(session.run(*words, silent=True, success_codes=(0, 1)))
    return re.search(r"\b(index-url|no-index)=", settings) is not None


def find_uv(session: nox.Session) -> str:
    """Find a uv on PATH that is new enough; empty where there is none."""
    uv = shutil.which("uv")
    if uv is None:
        return ""
    try:
        version = str(session.run(uv, "--version", silent=True))
    except CommandFailed:
        return ""
    numbers = re.match(r"uv (\d+)\.(\d+)\.", version)
    found = tuple(map(int, numbers.groups())) if numbers else (0, 0)
    return uv if OLDEST_UV <= found < NEXT_UV else ""


def have_uv(session: nox.Session) -> str:
    """Find uv on PATH, else have pip put it under .nox/, once; empty where it cannot.

    Its wheel is one program, which needs no environment of its own.
    """
    if uv_on_path := find_uv(session):
        return uv_on_path
    home = ROOT / ".nox" / "uv"
    uv = home / "bin" / "uv"
    with FileLock(home.with_suffix(".lock")):
        if not uv.is_file():
            try:
                into = ("--quiet", "--no-deps", "--target", str(home))
                session.run(sys.executable, "-m", "pip", "install", *into, UV)
            except CommandFailed:
                return ""
    return str(uv)


def fingerprint() -> str:
    """Say what an environment depends on: the interpreter, the place, and the project's file."""
    parts = (sys.version, str(ROOT), (ROOT / "pyproject.toml").read_text())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def image_words(posargs: list[str]) -> list[str]:
    """Name the reference image where the caller names none."""
    named = any(word.split("=")[0] in {"--context", "--image"} for word in posargs)
    return [] if named else ["--context", str(ROOT / "image")]


def egress_words(posargs: list[str]) -> list[str]:
    """Ask for the run's own beacon, said aloud, where the caller names no egress target."""
    named = any(word.split("=")[0] == "--egress" for word in posargs)
    return [] if named or os.environ.get("MOLECULE_T4_EGRESS_TARGETS") else ["--egress", "beacon"]


def engine_words(posargs: list[str]) -> list[str]:
    """Pick what the engine's session takes where it runs beside others."""
    words, rest = [], iter(posargs)
    for word in rest:
        if word == "--base":
            words += [word, next(rest, "")]
        elif word in {"--remove", "--refresh-base"} or word.startswith("--base="):
            words.append(word)
    return words


def shell_scripts() -> list[str]:
    """Find the shell scripts by their first line."""
    tracked = [*(ROOT / ".ci").glob("*"), *ROOT.glob("roles/*/files/*"), *ROOT.glob("image/*")]
    return [str(file) for file in tracked if file.is_file() and is_shell(file)]


def is_shell(file: Path) -> bool:
    """Tell by the first line."""
    with file.open("rb") as lines:
        first = lines.readline()
    return first.startswith(b"#!") and first.rstrip().endswith((b"/sh", b"bash"))
