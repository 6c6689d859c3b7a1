"""What Ansible gets in its environment: the caller's own, and settings that are ours alone."""

import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import hardgate
from hardgate.errors import PlaybookError
from hardgate.resources import ROLES


def build_ansible_environment(
    caller: Mapping[str, str],
    folder: Path,
    *,
    callback: Mapping[str, str],
    elsewhere: bool = False,
) -> dict[str, str]:
    """Give the caller's environment, with Ansible's own settings ours and nobody else's.

    `callback` is the environment that the runner prepared, for what its events depend on. For
    hosts elsewhere, what the caller set about reaching them counts too.
    """
    programs = os.pathsep.join(
        (str(Path(sys.executable).parent), sysconfig.get_path("scripts"), caller.get("PATH", ""))
    )
    if shutil.which("ansible-playbook", path=programs) is None:
        raise PlaybookError(
            f"There is no 'ansible-playbook' beside '{sys.executable}'.",
            "Install 'ansible-core' into the same environment as 'hardgate'.",
        )
    kept = {
        name: value
        for name, value in caller.items()
        if not name.startswith(_DROPPED_PREFIXES) and name not in _DROPPED_VARIABLES
    }
    needed = {name: callback[name] for name in _CALLBACK_VARIABLES if name in callback}
    return {
        **kept,
        **needed,
        **_build_fixed_settings(folder),
        **(_build_connection_settings(caller, folder) if elsewhere else {}),
        **_build_python_path(caller),
        "PATH": programs,
    }


_DROPPED_PREFIXES = ("ANSIBLE_", "AWX_")
_DROPPED_VARIABLES = frozenset({"LANGUAGE", "ORIGINAL_STDOUT_CALLBACK", "AD_HOC_COMMAND_ID"})
_CALLBACK_VARIABLES = (
    "ANSIBLE_CALLBACK_PLUGINS",
    "ANSIBLE_STDOUT_CALLBACK",
    "AWX_ISOLATED_DATA_DIR",
    "RUNNER_OMIT_EVENTS",
    "RUNNER_ONLY_FAILED_EVENTS",
)


_CONNECTION_VARIABLES = (
    *("ANSIBLE_REMOTE_USER", "ANSIBLE_PRIVATE_KEY_FILE", "ANSIBLE_CONNECTION_PASSWORD_FILE"),
    *("ANSIBLE_BECOME_PASSWORD_FILE", "ANSIBLE_SSH_COMMON_ARGS", "ANSIBLE_SSH_EXTRA_ARGS"),
    *("ANSIBLE_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_IDENTITY_LIST", "ANSIBLE_HOST_KEY_CHECKING"),
    *("ANSIBLE_SSH_TIMEOUT", "ANSIBLE_TIMEOUT"),
)


def _build_connection_settings(caller: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Say how hosts are reached: by any inventory, over connections that end with the play."""
    return {
        "ANSIBLE_INVENTORY_ENABLED": "host_list,script,auto,yaml,ini,toml",
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
        # A task's own folder below it goes with the task, and no other is left on the host.
        "ANSIBLE_REMOTE_TMP": "/tmp",  # noqa: S108 - Ansible makes a private folder in it
        "ANSIBLE_SSH_CONTROL_PATH": f"{folder}/%%C",
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=10s",
        **{name: caller[name] for name in _CONNECTION_VARIABLES if name in caller},
    }


def _build_fixed_settings(folder: Path) -> dict[str, str]:
    private = str(folder)
    return {
        # No setting made an empty play measurably faster (its second goes into imports): these
        # are here to keep the user's own configuration out, and ours in one place.
        # A file of ours: /dev/null has no extension that Ansible knows.
        "ANSIBLE_CONFIG": f"{private}/env/ansible.cfg",
        "ANSIBLE_HOME": f"{private}/ansible",
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_REMOTE_TMP": str(folder / "tmp"),
        "ANSIBLE_ROLES_PATH": str(ROLES),
        "ANSIBLE_COLLECTIONS_PATH": f"{private}/collections",
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_INJECT_FACT_VARS": "False",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_NOCOLOR": "1",
        # Ansible refuses to start in a locale that is not UTF-8; tools are read in English.
        "LC_ALL": "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8",
    }


def _build_python_path(caller: Mapping[str, str]) -> dict[str, str]:
    """Let our plugins import this very package, also from a checkout that is not installed."""
    home = Path(hardgate.__file__).resolve().parents[1]
    if home.name in {"site-packages", "dist-packages"}:
        return {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(home), caller.get("PYTHONPATH"))))}
