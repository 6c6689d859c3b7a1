"""What root's part of a gate on another host is run by, and whose files it runs."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from hardgate.resources import ROLES

SCRIPT = ROLES / "remote_gate" / "files" / "run-gate"
is_root = pytest.mark.skipif(os.getuid() != 0, reason="It takes root to become somebody else.")
NOTE = 'echo "$(stat -c %u .) $HOME $(basename "$0") $*" >>"$SEEN"\n'
UV = f"""#!/bin/sh
case $1 in
    venv)
        mkdir -p "$5/bin"
        printf '#!/bin/sh\\n%s' '{NOTE}' >"$5/bin/nox"
        chmod +x "$5/bin/nox"
        ;;
esac
"""
PYTHON = f"""#!/bin/sh
case $1.$2.$3 in
    -I.-c.*) [ -z "$NO_WHEEL" ] && echo /a/wheel || echo ;;
    /a/wheel/pip.config.*) echo "$SETTINGS" ;;
    /a/wheel/pip.install.*)
        [ -z "$NO_PACKAGES" ] || exit 1
        while [ "$1" != --target ]; do shift; done
        mkdir -p "$2/bin"
        cat >"$2/bin/uv" <<'END'
{UV}END
        chmod +x "$2/bin/uv"
        ;;
esac
"""


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host of programs that write down who asks for them."""

    folder: Path

    def run_gate(self, user: str, **variables: str) -> list[str]:
        """Run a gate; give what root's part ran."""
        seen, variables_file = self.folder / "seen", self.folder / "variables"
        variables_file.write_text(f'SEEN="{seen}"\n')
        script = self.folder / "run-gate"
        script.write_text(
            SCRIPT.read_text()
            .replace("/run/systemd/system", str(self.folder / "none"))
            .replace("/etc/hardgate", str(self.folder / "etc"))
        )
        words = ["sh", str(script), user, str(self.folder / "gate"), "20", str(variables_file)]
        told = {"PATH": f"{self.folder / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin", **variables}
        told = {"NO_WHEEL": "", "NO_PACKAGES": "", "SETTINGS": "", **told}
        # The user's own part finds none of these programs, and fails.
        ran = subprocess.run([*words, "--"], env=told, capture_output=True, text=True, check=False)
        print(ran.stdout)
        return seen.read_text().splitlines() if seen.exists() else []


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Give it a pipx and a python3."""
    (tmp_path / "gate" / "source").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for name, text in (("pipx", f"#!/bin/sh\n{NOTE}"), ("python3", PYTHON)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return Host(folder=tmp_path)


@is_root
def test_roots_part_has_a_nox_of_its_own_while_all_there_is_roots(host: Host) -> None:
    home = host.folder / "gate" / "root"
    assert host.run_gate("nobody") == [f"0 {home} nox -s engine"]
    assert home.stat().st_uid != 0


@is_root
@pytest.mark.parametrize(
    "variables",
    [
        {"SETTINGS": "global.index-url='https://index.example'"},
        {"SETTINGS": ":env:.no-index='1'"},
        {"NO_WHEEL": "1"},
        {"NO_PACKAGES": "1"},
    ],
    ids=str,
)
def test_pipx_does_it_where_uv_would_ask_another_index_or_cannot_be_had(
    host: Host, variables: dict[str, str]
) -> None:
    home = host.folder / "gate" / "root"
    assert host.run_gate("nobody", **variables) == [f"0 {home} pipx run nox -s engine"]


@is_root
def test_root_runs_nothing_of_what_it_has_handed_over(host: Host) -> None:
    """A fleet's second image, on the same host."""
    assert host.run_gate("nobody") == host.run_gate("nobody")


@is_root
def test_where_root_runs_all_it_prepares_once(host: Host) -> None:
    first, second = host.run_gate("root"), host.run_gate("root")
    assert [line for line in second if "engine" in line] == first[:1]


@is_root
def test_what_could_not_be_prepared_is_tried_again(host: Host) -> None:
    (host.folder / "bin" / "pipx").write_text(f"#!/bin/sh\n{NOTE}exit 1\n")
    assert len(host.run_gate("root")) == 1
    assert len(host.run_gate("root")) == 2


@is_root
def test_a_gate_of_roots_runs_pipx_alone_in_its_own_home(host: Host) -> None:
    assert host.run_gate("root")[0] == "0 /root pipx run nox -s engine"
    assert not (host.folder / "gate" / "root").exists()
