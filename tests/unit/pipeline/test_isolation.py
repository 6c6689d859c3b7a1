"""What a template's tests can reach of the caller: tried by hostile code, in a real place."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardgate.pipeline.isolation import IsolationLevel, TestPlace, prepare_place
from hardgate.pipeline.template import Template
from hardgate.system import process
from hardgate.system.temporary_folder import temporary_folder

READ_ALL_ENVIRONMENTS = """
import glob
for file in glob.glob("/proc/[0-9]*/environ"):
    try:
        print(open(file).read())
    except OSError:
        pass
"""


@pytest.fixture
def template(tmp_path: Path) -> Template:
    """Give a template of one adapter, with what a run leaves beside it."""
    folder = tmp_path / "template"
    (folder / ".git").mkdir(parents=True)
    (folder / ".nox").mkdir()
    (folder / "adapter.py").write_text("NAME = 1\n")
    (folder / "link").symlink_to("adapter.py")
    (folder / "src" / "reports").mkdir(parents=True)
    (folder / "reports").mkdir()
    os.mkfifo(folder / "pipe")
    return Template.from_folder(str(folder))


@pytest.fixture
def place(template: Template) -> Iterator[TestPlace]:
    """Prepare a place, in whose environment is what this test itself runs in."""
    with temporary_folder() as work:
        work.parent.chmod(0o755)
        yield prepare_place(template, Path(sys.prefix), work)


def run(place: TestPlace, code: str) -> process.CommandResult:
    argv = place.wrap_command([place.python, "-c", code])
    return process.run_command(argv, env={"PATH": os.environ["PATH"]}, timeout=60)


def test_another_process_environment_cannot_be_read(place: TestPlace) -> None:
    """The control is a place without isolation, where it is read."""
    with subprocess.Popen(["sleep", "60"], env={"MARKED": "ghp_of_the_caller"}) as caller:
        try:
            isolated = run(place, READ_ALL_ENVIRONMENTS)
            control = TestPlace(work=place.work, environment_folder=Path(sys.prefix))
            open_to_all = run(control, READ_ALL_ENVIRONMENTS)
        finally:
            caller.kill()
    assert "ghp_of_the_caller" in open_to_all.stdout
    assert ("ghp_of_the_caller" in isolated.stdout) == (place.level is IsolationLevel.NONE)


def test_the_callers_home_is_hidden(
    template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".netrc").write_text("machine x password hush")
    home.chmod(0o755)
    tmp_path.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    with temporary_folder() as work:
        work.parent.chmod(0o755)
        place = prepare_place(template, Path(sys.prefix), work)
        seen = run(place, f"import os; print(os.path.exists({str(home / '.netrc')!r}))")
    assert seen.stdout == f"{place.level is IsolationLevel.NONE}\n"


def test_a_place_in_a_private_temporary_folder_is_one_that_its_tests_can_enter(
    template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pam_tmpdir gives one to root as well: another user does not get into it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    tmp_path.chmod(0o700)
    with temporary_folder() as work:
        work.parent.chmod(0o755)
        place = prepare_place(template, Path(sys.prefix), work)
        into = ("env", f"--chdir={place.work / 'template'}")
        argv = place.wrap_command([*into, place.python, "-c", "import adapter"])
        ended = process.run_command(argv, env={"PATH": os.environ["PATH"]}, timeout=60)
    assert ended.ok, ended.stderr


def test_no_capability_is_left_to_undo_it(place: TestPlace) -> None:
    seen = run(place, "print(open('/proc/self/status').read())").stdout
    held = dict(line.split(":\t") for line in seen.splitlines() if line.startswith("Cap"))
    if place.level is not IsolationLevel.NONE:
        assert {int(value, 16) for value in held.values()} == {0}


def test_root_gives_the_tests_another_user(place: TestPlace) -> None:
    user = run(place, "import os; print(os.getuid())").stdout.strip()
    own = place.level is IsolationLevel.OWN_USER
    assert own <= (os.geteuid() == 0)
    assert user == ("65534" if own else str(os.geteuid()))


def test_the_tests_write_into_a_copy(place: TestPlace, template: Template) -> None:
    code = "import pathlib; pathlib.Path('adapter.py').write_text('changed')"
    folder = place.work / "template"
    ended = process.run_command(
        place.wrap_command(["env", f"--chdir={folder}", str(place.python), "-c", code]),
        env={"PATH": os.environ["PATH"]},
    )
    assert ended.ok
    assert (folder / "adapter.py").read_text() == "changed"
    assert (template.context / "adapter.py").read_text() == "NAME = 1\n"
    assert {file.name for file in folder.iterdir()} == {"adapter.py", "link", "src"}
    assert (folder / "src" / "reports").is_dir()


def test_what_the_tests_leave_running_ends_with_them(place: TestPlace) -> None:
    mark = place.work / "template" / "late"
    code = (
        "import subprocess; subprocess.Popen(['sh', '-c', "
        f"'sleep 1; touch {mark}'], start_new_session=True)"
    )
    assert run(place, code).ok
    time.sleep(1.5)
    assert mark.exists() == (place.level is IsolationLevel.NONE)


def test_without_the_program_for_it_the_tests_run_as_the_caller(
    template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with temporary_folder() as work:
        place = prepare_place(template, Path(sys.prefix), work)
    assert place.level is IsolationLevel.NONE
    assert place.wrap_command(["a", "b"]) == ["a", "b"]
