"""Have folders and files on the host, many in one step, and others not. Heals what was changed."""

DOCUMENTATION = """
module: placed_files
short_description: Has folders and files on the host, many in one step.
description:
  - One connection for all of them, where a task for each would take one or more each.
  - Nothing of a file's content is kept, and a link in a file's place is replaced.
options:
  folders:
    description: Dicts with C(path), C(mode) and, unless they are root's, C(owner) and C(group).
    type: list
    elements: dict
    default: []
  files:
    description: Dicts likewise, with C(content).
    type: list
    elements: dict
    default: []
  absent:
    description: Paths of what must not be there.
    type: list
    elements: path
    default: []
"""

RETURN = """
placed:
  description: The paths that were changed.
  type: list
  returned: always
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.owned import is_plain_file, look_up_ids, set_owner_and_mode, write_file


def look_up_owner(entry: Mapping[str, Any]) -> tuple[int, int]:
    """Give whose it is to be."""
    user, group = look_up_ids(entry.get("owner", "root"), entry.get("group", "root"))
    return user, group


def place_folder(entry: Mapping[str, Any]) -> bool:
    """Have a folder there."""
    path = Path(entry["path"])
    made = not path.is_dir() or path.is_symlink()
    if made:
        remove_path(path)
        path.mkdir(mode=0o700, parents=True)
    return set_owner_and_mode(path, look_up_owner(entry), int(str(entry["mode"]), 8)) or made


def place_file(entry: Mapping[str, Any]) -> bool:
    """Have a file there."""
    path = Path(entry["path"])
    if path.exists() and not is_plain_file(path):
        remove_path(path)
    mode = int(str(entry["mode"]), 8)
    return bool(write_file(path, str(entry["content"]).encode(), look_up_owner(entry), mode))


def remove_path(path: Path) -> bool:
    """Have nothing there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.is_symlink() or path.exists():
        path.unlink()
    else:
        return False
    return True


def place_all(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Bring it about; give the paths that were changed."""
    yield from (path for path in parameters["absent"] if remove_path(Path(path)))
    yield from (entry["path"] for entry in parameters["folders"] if place_folder(entry))
    yield from (wanted["path"] for wanted in parameters["files"] if place_file(wanted))


def main() -> None:
    """Answer to Ansible."""
    module = AnsibleModule(
        argument_spec={
            "folders": {"type": "list", "elements": "dict", "default": []},
            "files": {"type": "list", "elements": "dict", "default": []},
            "absent": {"type": "list", "elements": "path", "default": []},
        }
    )
    placed = list(place_all(module.params))
    module.exit_json(changed=bool(placed), placed=placed)


if __name__ == "__main__":
    main()
