"""A template's unit tests in its own image: as the agent, without a network, and with no rights.

For templates whose runtime is only to be had there. The image's own Python runs them; where it has
no pytest, one is brought along, for pytest is plain Python: it is installed here for the image's
version into a folder of its own, and stands last in the import path.
See D68 in ARCHITECTURE.md.
"""

import re
import shlex
import sys
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hardgate.engine.client import Engine
from hardgate.errors import HardgateError
from hardgate.host.sealed_container import SealedContainer, open_sealed_container
from hardgate.model.observation import Execution
from hardgate.model.verdict import Outcome
from hardgate.pipeline.adapter_tests import (
    INSTALL_SECONDS,
    JUNIT_FILE,
    RUN_SECONDS,
    LineWriter,
    judge_pytest_run,
    list_pytest_options,
    read_pip_environment,
    read_pytest_cases,
)
from hardgate.pipeline.check import Check
from hardgate.pipeline.template import IGNORED_NAMES, Template
from hardgate.system import process
from hardgate.system.temporary_folder import run_in_temporary_folder, temporary_folder

PLACE = PurePosixPath("/hardgate-adapter")
"""The folder in the container that holds the template, pytest and what it writes."""
LOOK_SECONDS = 60
BACKPORTS = ("exceptiongroup", "tomli", "typing-extensions")
"""What pytest needs beside itself below Python 3.11: pip asks the running Python, not the image's
(https://github.com/pypa/pip/issues/11664)."""
_FIND_PYTHON = "python=$(command -v python3 || command -v python) || exit 127; "
_LOOK_SCRIPT = (
    _FIND_PYTHON
    + """exec "$python" -c '
import importlib.util, sys
print(*sys.version_info[:2], importlib.util.find_spec("pytest") is not None)
'"""
)

_LOOKED = re.compile(r"([0-9]{1,3}) ([0-9]{1,3}) (True|False)\n")


@dataclass(frozen=True, kw_only=True)
class ImagePython:
    """The Python that is first in an image's PATH."""

    version: tuple[int, int]
    has_pytest: bool


def run_image_tests(
    template: Template, engine: Engine, image: str, agent_uid: int | None, write: LineWriter
) -> Iterator[Check]:
    """Run the tests in a container of `image` (a digest), and count what was executed.

    They run as `agent_uid`; as the image's own user where the contract names none.
    """
    user = "" if agent_uid is None else f"{agent_uid}:{agent_uid}"
    with open_sealed_container(engine, image, user) as container:
        python = find_image_python(container)
        if python is None:
            yield _report_missing_python()
            return
        yield Check(name="environment", group="adapter", outcome=Outcome.PASS)
        with temporary_folder() as work:
            library = None if python.has_pytest else _install_pytest(python, work, write)
            archive = work / "tests.tar"
            pack_tests(template.root, library, agent_uid or 0, archive)
            container.put_archive(archive)
            execution = container.execute(
                ["sh", "-c", make_pytest_script(template)],
                environment={"HOME": str(PLACE / "work"), "PYTHONDONTWRITEBYTECODE": "1"},
                timeout=RUN_SECONDS,
            )
            for line in (execution.stdout + execution.stderr).splitlines():
                write(line)
            report = work / JUNIT_FILE
            report.write_bytes(_read_report(container, execution))
            cases = read_pytest_cases(report)
    yield Check(
        name="isolation",
        group="adapter",
        outcome=Outcome.PASS,
        reason=f"The tests ran in the image, as {user or 'its own user'}, without a network.",
    )
    yield from judge_pytest_run(_as_command_result(execution), cases)


def find_image_python(container: SealedContainer) -> ImagePython | None:
    """Ask the image's Python who it is; None where there is none that runs.

    Raises HardgateError where the engine could not ask.
    """
    seen = container.execute(["sh", "-c", _LOOK_SCRIPT], environment={}, timeout=LOOK_SECONDS)
    if seen.problem:
        raise HardgateError(seen.problem)
    return parse_image_python(seen.stdout) if seen.exit_status == 0 else None


def parse_image_python(text: str) -> ImagePython | None:
    """Read what the look printed: `3 11 True`; None where an interpreter prints something else."""
    seen = _LOOKED.fullmatch(text)
    if seen is None:
        return None
    return ImagePython(version=(int(seen[1]), int(seen[2])), has_pytest=seen[3] == "True")


def _report_missing_python() -> Check:
    return Check(
        name="some-were-executed",
        group="adapter",
        outcome=Outcome.FAIL,
        reason="No Python runs in the image, so no unit test of the template was executed.",
        remedy="Put python3 into the image's PATH, or leave '--in-image' out.",
    )


def _install_pytest(python: ImagePython, work: Path, write: LineWriter) -> Path:
    """Install pytest for the image's Python, from wheels alone: nothing is built or run here."""
    folder = work / "pytest"
    version = ".".join(map(str, python.version))
    finished = run_in_temporary_folder(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--target", folder, "--python-version", version, "--only-binary", ":all:"),
            *("pytest", *(BACKPORTS if python.version < (3, 11) else ())),
        ],
        env=read_pip_environment(),
        timeout=INSTALL_SECONDS,
        on_line=write,
    )
    if not finished.ok:
        raise HardgateError(
            f"The image has no pytest, and none for its Python {version} could be installed.",
            "Put pytest into the image, or see that pip reaches its index from here.",
            evidence=finished.stderr[-2000:],
        )
    return folder


def pack_tests(root: Path, library: Path | None, uid: int, target: Path) -> None:
    """Pack the repository and pytest for the container; all of it is the agent's."""

    def own(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        entry.uid = entry.gid = uid
        entry.uname = entry.gname = ""
        plain = entry.isfile() or entry.isdir() or entry.issym()
        return entry if plain and "__pycache__" not in PurePosixPath(entry.name).parts else None

    top = str(PLACE.relative_to("/"))
    with tarfile.open(target, mode="w") as archive:
        for name, mode in ((top, 0o755), (f"{top}/template", 0o755), (f"{top}/work", 0o1777)):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode, folder.uid, folder.gid = tarfile.DIRTYPE, mode, uid, uid
            archive.addfile(folder)
        for file in sorted(root.iterdir()):
            if file.name not in IGNORED_NAMES:
                archive.add(file, f"{top}/template/{file.name}", filter=own)
        if library is not None:
            archive.add(library, f"{top}/pytest", filter=own)


def make_pytest_script(template: Template) -> str:
    """Write the shell lines that run the tests from the template's context."""
    context = PLACE / "template" / template.context.relative_to(template.root)
    options = list_pytest_options(template.context, PLACE / "work")
    search = (str(context), str(context / "src"), "${PYTHONPATH:-}", str(PLACE / "pytest"))
    return "\n".join(
        (
            _FIND_PYTHON,
            f"cd {shlex.quote(str(context))} || exit 126",
            f'export PYTHONPATH="{_quote_in_double_quotes(search)}"',
            f'exec "$python" -m pytest {shlex.join(options)}',
        )
    )


def _quote_in_double_quotes(places: Sequence[str]) -> str:
    """Join the parts of an import path; the variable among them is left to the shell."""
    quoted = (
        place if place.startswith("${") else place.translate({ord(c): f"\\{c}" for c in '\\"$`'})
        for place in places
    )
    return ":".join(quoted)


def _read_report(container: SealedContainer, execution: Execution) -> bytes:
    """Read pytest's JUnit; empty where there is none, or the container went with late tests."""
    if execution.timed_out:
        return b""
    return container.read_file(str(PLACE / "work" / JUNIT_FILE)) or b""


def _as_command_result(execution: Execution) -> process.CommandResult:
    if execution.problem:
        raise HardgateError(execution.problem)
    return process.CommandResult(
        argv=("pytest",),
        status=None if execution.timed_out else execution.exit_status,
        signal=None,
        stdout=execution.stdout,
        stderr=execution.stderr,
        truncated=execution.truncated,
        timed_out=execution.timed_out,
        seconds=execution.seconds,
    )
