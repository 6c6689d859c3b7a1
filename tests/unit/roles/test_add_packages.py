"""The role engine's script that installs packages: it asks APT only for what is not there."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from hardgate.resources import ROLES

ADD_PACKAGES = ROLES / "engine" / "files" / "add-packages"
PROGRAMS = {
    "dpkg": "",
    "dpkg-query": """
for name; do :; done
[ "$name" != half ] || printf 'install ok half-installed'
case " $INSTALLED " in *" $name "*) printf 'install ok installed' ;; *) exit 1 ;; esac
""",
    "apt-cache": """
echo "apt-cache" >>"$SEEN"
for name; do case " $KNOWN " in *" $name "*) echo "Package: $name" ;; esac; done
""",
    "apt-get": """
while [ "${1#-}" != "$1" ]; do
    case $1 in -o) shift ;; --simulate) simulate=yes ;; esac
    shift
done
echo "apt-get${simulate:+ --simulate} $*" >>"$SEEN"
shift
for name; do
    case $name in -*) ;; broken) exit 100 ;; *) echo "Inst $name (1)" ;; esac
done
""",
    "apt-mark": "",
}


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host of programs that say what they were asked."""

    folder: Path

    def add(self, *names: str, installed: str = "", known: str = "") -> tuple[str, list[str]]:
        """Add packages; give what was said, and what APT was asked."""
        seen = self.folder / "seen"
        variables = {"SEEN": str(seen), "INSTALLED": installed, "KNOWN": known}
        ran = subprocess.run(
            ["sh", str(ADD_PACKAGES), str(self.folder / "record"), *names],
            env={"PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}", **variables},
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout, seen.read_text().splitlines() if seen.exists() else []


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Give it its programs."""
    for name, script in PROGRAMS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}")
        (tmp_path / name).chmod(0o755)
    return Host(folder=tmp_path)


OPTIONS = "--no-install-recommends --no-remove"


def test_where_all_is_there_apt_is_not_asked(host: Host) -> None:
    assert host.add("a", "?b", installed="a b") == ("", [])
    assert not (host.folder / "record").exists()


def test_what_is_missing_is_installed_and_written_down(host: Host) -> None:
    said, asked = host.add("a", "b", installed="a")
    assert said == "Installed 1 packages: b.\n"
    assert asked == [f"apt-get --simulate install b {OPTIONS}", f"apt-get install b {OPTIONS}"]
    assert (host.folder / "record" / "packages").read_text() == "b\n"


def test_one_that_may_not_exist_is_asked_for_where_it_does(host: Host) -> None:
    said, asked = host.add("a", "?old", "?new", installed="a", known="new")
    assert said == "Installed 1 packages: new.\n"
    assert asked[:2] == ["apt-cache", f"apt-get --simulate install new {OPTIONS}"]
    assert host.add("a", "?old", installed="a")[0] == ""


def test_half_an_installation_is_not_taken_for_one(host: Host) -> None:
    assert host.add("half")[0] == "Installed 1 packages: half.\n"


def test_lists_are_fetched_anew_where_apt_knows_no_such_package(host: Host) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        host.add("broken")
    asked = (host.folder / "seen").read_text().splitlines()
    once = f"apt-get --simulate install broken {OPTIONS}"
    assert asked == [once, "apt-get update", once]
