"""`.ci/run`: a copy of it, among programs that only note what they were asked to do."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / ".ci" / "run"
SUMMARY = "===== 7 passed, 1 deselected in 3.00s ====="
BY_ACT = "Workflow of github: run by act\nWorkflow of gitea: run by act"
PIPX = """
case "$*" in
    'environment --value PIPX_VENV_CACHEDIR') cat "$HOME/cachedir" ;;
    *--remove) rm -r "$HOME/record" ;;
    *--last-failed*) cat "$HOME/told-alone"; exit "$(cat "$HOME/status-alone")" ;;
    *'-s tests'*) cat "$HOME/told"; exit "$(cat "$HOME/status")" ;;
esac
"""
DOCKER = """
if [ "$1" = images ]; then
    printf '%s\\n' debian:12 hardgate/base:trixie hardgate-test/x:1 mine/hardgate/x:1
    echo 'hardgate/x:<none>'
fi
"""
ALONE = (
    "pipx run nox -s tests -- --full --last-failed --last-failed-no-failures none --numprocesses 0"
)
REMOVED = ["pipx run nox -s engine -- --remove"]
MAIN = [
    "pipx run nox -s engine t4",
    "pipx run nox -s tests -- --full",
    "pipx run nox -s lint",
    "pipx run nox -s typecheck",
]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a part of the script ended."""

    exit_code: int
    lines: list[str]
    calls: list[str]
    """Of the programs that it ran, but for looks."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A home with a checkout and a PATH of its own, on which nothing real can be removed."""

    home: Path

    @property
    def checkout(self) -> Path:
        """Say where the script is."""
        return self.home / "checkout"

    def add_program(self, name: str, script: str = "") -> None:
        """Write a program that notes its words; the real ones are links, in another folder."""
        program = self.home / "bin" / name
        assert not program.is_symlink()
        noted = f'#!/bin/sh\necho "{name} $*" >>"$HOME/calls"\n{script}'
        program.write_text(noted)
        program.chmod(0o755)

    def write(self, name: str, text: str) -> None:
        """Write a file in the home."""
        (self.home / name).parent.mkdir(parents=True, exist_ok=True)
        (self.home / name).write_text(text)

    def run(self, part: str, **environment: str) -> Ended:
        """Run a function of the script, or all of it (`main`)."""
        own = 'record="$HOME/record"; go_places=(go "$HOME"/{go,sdk/go*}/bin/go)'
        words = f"source .ci/run; {own}; {part}"
        ended = subprocess.run(
            ["/bin/bash", "-c", words],
            cwd=self.checkout,
            env={
                "PATH": f"{self.home}/bin:{self.home}/real",
                "HOME": str(self.home),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        noted = self.home / "calls"
        calls = noted.read_text().splitlines() if noted.exists() else []
        acts = [call for call in calls if not call.startswith(LOOKS)]
        return Ended(exit_code=ended.returncode, lines=ended.stdout.splitlines(), calls=acts)


LOOKS = ("pipx environment", "docker version", "docker images", "apt-get", "sudo")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Make a machine that saw hardgate: a record, environments, reports, pipx's cache."""
    made = Machine(home=tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "real").mkdir()
    for name in (
        "bash",
        "cat",
        "dirname",
        "grep",
        "id",
        "mktemp",
        "rm",
        "sed",
        "sh",
        "tail",
        "tee",
    ):
        (tmp_path / "real" / name).symlink_to(str(shutil.which(name, path=os.defpath)))
    made.add_program("apt-get")
    made.add_program("sudo", 'exec "$@"')
    made.add_program("pipx", PIPX)
    (made.checkout / ".ci").mkdir(parents=True)
    shutil.copy(SCRIPT, made.checkout / ".ci" / "run")
    cache = tmp_path / ".local" / "pipx" / ".cache"
    made.write("cachedir", str(cache))
    made.write("status", "0")
    made.write("told", f"{SUMMARY}\n")
    for name in ("record/before", "checkout/.nox/x", "checkout/reports/x", "checkout/kept"):
        made.write(name, "")
    made.write(f"{cache.relative_to(tmp_path)}/1234/x", "")
    made.write(".local/pipx/venvs/another/x", "")
    return made


def left(machine: Machine) -> set[str]:
    """Name what is left of what can be removed."""
    places = ("record", "checkout/.nox", "checkout/reports", ".local/pipx/.cache")
    return {place for place in places if (machine.home / place).exists()}


def test_without_ci_nothing_is_removed(machine: Machine) -> None:
    machine.add_program("docker", DOCKER)
    ended = machine.run("main")
    assert (ended.exit_code, ended.calls) == (0, MAIN)
    assert len(left(machine)) == 4


@pytest.mark.parametrize("value", ["", "false", "1"])
def test_only_the_word_true_removes_anything(machine: Machine, value: str) -> None:
    assert machine.run("main", CI=value).calls == MAIN
    assert len(left(machine)) == 4


def test_in_ci_the_machine_forgets_hardgate_before_the_first_command(machine: Machine) -> None:
    ended = machine.run("main", CI="true")
    assert (ended.exit_code, ended.calls) == (0, REMOVED + MAIN)
    assert left(machine) == set()
    assert (machine.checkout / "kept").exists()
    assert (machine.home / ".local/pipx/venvs/another/x").exists()


def test_a_machine_that_never_saw_hardgate_has_nothing_to_forget(machine: Machine) -> None:
    shutil.rmtree(machine.home / "record")
    ended = machine.run("main", CI="true")
    assert (ended.exit_code, ended.calls) == (0, MAIN)


def test_a_removal_that_leaves_its_record_is_red(machine: Machine) -> None:
    machine.add_program("pipx")
    ended = machine.run("main", CI="true")
    assert (ended.exit_code, ended.calls) == (1, REMOVED)
    assert f"'nox -s engine -- --remove' left {machine.home}/record behind." in ended.lines


def test_of_an_engine_that_was_here_before_only_our_images_go(machine: Machine) -> None:
    machine.add_program("docker", DOCKER)
    ended = machine.run("forget_images")
    assert (ended.exit_code, ended.calls) == (
        0,
        ["docker rmi hardgate/base:trixie hardgate-test/x:1"],
    )


@pytest.mark.parametrize("docker", ["exit 1", "case $1 in images) echo debian:12 ;; esac"])
def test_where_there_is_no_image_of_ours_none_is_removed(machine: Machine, docker: str) -> None:
    machine.add_program("docker", docker)
    ended = machine.run("forget_images")
    assert (ended.exit_code, ended.calls) == (0, [])


@pytest.mark.parametrize("cache", ["", "/", "relative/pipx/.cache", "/home", "/opt/pipx"])
def test_what_does_not_look_like_pipxs_cache_is_not_removed(machine: Machine, cache: str) -> None:
    machine.write("cachedir", cache)
    machine.add_program("rm")
    ended = machine.run("forget_environments")
    assert (ended.exit_code, ended.calls) == (1, ["rm -rf .nox reports"])


def test_it_closes_with_the_steps_times_and_the_summary(machine: Machine) -> None:
    lines = machine.run("main").lines
    assert lines[-1] == SUMMARY
    times = lines[lines.index("=== times") + 1 : -1]
    assert [line.split(maxsplit=2)[2] for line in times] == [
        line.removeprefix("=== ")
        for line in lines
        if line.startswith("=== ") and "times" not in line
    ]


def test_red_tests_are_red_and_still_close_with_the_summary(machine: Machine) -> None:
    machine.write("status", "1")
    machine.write("told", "===== 1 failed, 6 passed in 3.00s =====\nnox > failed\n")
    machine.write("status-alone", "1")
    machine.write("told-alone", "===== 1 failed in 2.00s =====\n")
    ended = machine.run("main")
    assert (ended.exit_code, ended.calls) == (1, [*MAIN[:2], ALONE])
    assert ended.lines[-1] == "===== 1 failed in 2.00s ====="


def test_what_fails_beside_others_alone_is_named_and_run_once_more(machine: Machine) -> None:
    machine.write("status", "1")
    machine.write("told", "FAILED tests/x.py::a - Boom\n===== 1 failed, 6 passed in 3.00s =====\n")
    machine.write("status-alone", "0")
    machine.write("told-alone", "===== 1 passed in 2.00s =====\n")
    ended = machine.run("main")
    assert (ended.exit_code, ended.calls) == (0, [*MAIN[:2], ALONE, *MAIN[2:]])
    said = ended.lines.index("=== These failed beside others, and run once more by themselves:")
    assert ended.lines[said + 1] == "FAILED tests/x.py::a - Boom"


@pytest.mark.parametrize(
    ("told", "exit_code"),
    [
        (BY_ACT, 0),
        ("", 1),
        ("Workflow of github: run by act", 1),
        ("Workflow of github: run by act\nWorkflow of gitea: act did not run, for", 1),
    ],
    ids=["both by act", "neither", "one", "one by hand"],
)
@pytest.mark.parametrize("place", ["bin/go", "go/bin/go", "sdk/go1.24/bin/go"])
def test_where_go_is_act_has_to_have_run_each_workflow(
    machine: Machine, place: str, told: str, exit_code: int
) -> None:
    machine.write(place, "#!/bin/sh\n")
    (machine.home / place).chmod(0o755)
    machine.write("told", f"{told}\n{SUMMARY}\n")
    ended = machine.run("main")
    assert ended.exit_code == exit_code
    assert ended.lines[-1] == SUMMARY


def test_a_test_that_failed_in_a_group_is_found_alone(machine: Machine) -> None:
    machine.add_program("docker", DOCKER)
    machine.write("status", "1")
    machine.write("status-alone", "0")
    machine.write("told-alone", SUMMARY)
    names = ("t.py::one[TERM]@faults", "t.py::two@runner-role", "t.py::three[a@b]", "t.py::four")
    remembered = machine.checkout / ".pytest_cache" / "v" / "cache" / "lastfailed"
    remembered.parent.mkdir(parents=True)
    remembered.write_text(json.dumps(dict.fromkeys(names, True), indent=2))
    machine.run("main")
    alone = ("t.py::one[TERM]", "t.py::two", "t.py::three[a@b]", "t.py::four")
    assert json.loads(remembered.read_text()) == dict.fromkeys(alone, True)
