"""Whose a thing is, and when it is debris: seen on this machine's own processes."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hardgate.resources import ROLES
from hardgate.system.ownership import Owner, ProcessIdentity, read_start_time

SRC = Path(__file__).parents[2] / "src"
NOBODY = 65534
HOUR = 3600
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="It takes root to mount /proc anew.")


@pytest.fixture
def other() -> Iterator[ProcessIdentity]:
    """Identify a live process of another user."""
    process = subprocess.Popen(["sleep", "60"])
    me = ProcessIdentity.of_current_process()
    started = read_start_time(process.pid)
    assert started
    yield replace(me, pid=process.pid, started=started)
    process.kill()
    process.wait()


def ask_where_proc_is_hidden(identity: ProcessIdentity, hidepid: int, script: str) -> str:
    """Ask as `nobody`, in a mount namespace whose /proc hides others' processes."""
    command = f"""
        mount -t proc -o hidepid={hidepid} proc /proc || exit 90
        exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups \
            {shlex.quote(sys.executable)} -B -c "$1" "$2" "$3"
    """
    words = ["unshare", "--mount", "sh", "-c", command, "sh", script, str(identity), str(SRC)]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


OWN_RULE = """
import sys; sys.path.insert(0, sys.argv[2])
from hardgate.system.ownership import ProcessIdentity
print(ProcessIdentity.from_label(sys.argv[1]).is_gone())
"""
REAPERS_RULE = f"""
import runpy, sys
print(runpy.run_path({str(ROLES / "runner" / "files" / "reap")!r})["has_ended"](sys.argv[1]))
"""


@needs_root
@pytest.mark.parametrize(
    ("hidepid", "told", "told_by_reaper"),
    [(0, "False", "False"), (1, "None", "False"), (2, "None", "False")],
)
@pytest.mark.fault(
    fault="/proc hides the processes of other users",
    injected="a mount of /proc with hidepid=1 and 2, read as nobody",
    verdict="as without it",
    exit_code="as without it",
    left="all that live runs own; dead runs of the same boot are reaped",
)
def test_a_live_process_that_proc_hides_is_not_gone(
    other: ProcessIdentity, hidepid: int, told: str, told_by_reaper: str
) -> None:
    assert ask_where_proc_is_hidden(other, hidepid, OWN_RULE) == told
    assert ask_where_proc_is_hidden(other, hidepid, REAPERS_RULE) == told_by_reaper


@needs_root
@pytest.mark.parametrize("hidepid", [0, 1, 2])
def test_an_ended_process_is_gone_also_where_proc_hides(hidepid: int) -> None:
    ended = replace(ProcessIdentity.of_current_process(), pid=4194000)
    assert ask_where_proc_is_hidden(ended, hidepid, OWN_RULE) == "True"
    assert ask_where_proc_is_hidden(ended, hidepid, REAPERS_RULE) == "True"


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.fault(
    fault="The machine's clock jumps ahead by years",
    injected="another time() for the reaper",
    verdict="as without it",
    exit_code="as without it",
    left="all that live and kept runs own",
)
def test_a_clock_that_jumps_makes_no_debris_of_a_live_run(
    monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    labels = make_owner(keep=keep).labels
    monkeypatch.setattr(time, "time", lambda: 4e9)
    owner = Owner.from_labels(labels)
    assert owner
    assert not owner.is_dead()


def test_a_deadline_is_over_when_the_time_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = Owner.from_labels(make_owner().labels)
    later = time.monotonic() + 2 * HOUR
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert owner
    assert owner.is_dead()


def test_another_boots_run_is_known_by_the_clock_on_the_wall() -> None:
    owner = replace(make_owner(), process=replace(ProcessIdentity.of_current_process(), boot="b"))
    read = Owner.from_labels(owner.labels)
    assert read
    assert not read.is_dead()
    assert read.is_dead(now=time.time() + 2 * HOUR)


def test_labels_without_the_clock_since_boot_are_still_read() -> None:
    labels = make_owner().labels
    del labels["hardgate.deadline-uptime"]
    owner = Owner.from_labels(labels)
    assert owner
    assert not owner.is_dead()
    assert owner.is_dead(now=time.time() + 2 * HOUR)


def make_owner(*, keep: bool = False) -> Owner:
    process = ProcessIdentity.of_current_process()
    return Owner(run="x", process=process, deadline=int(time.time()) + HOUR, keep=keep)


def test_a_process_knows_how_long_it_has_lived() -> None:
    script = (
        "import time; from hardgate.system.ownership import measure_process_age; time.sleep(0.5); "
        "print(measure_process_age())"
    )
    begun = time.monotonic()
    words = [sys.executable, "-c", script]
    age = float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    assert 0.4 < age < time.monotonic() - begun + 0.1
