"""Have the runner's program on the host, as its pinned hash says, and as root's."""

DOCUMENTATION = """
module: pinned_program
short_description: Has a pinned program on the host.
description:
  - Tells whether the program that is there is the pinned one, to the last file; with I(source),
    puts that in its place. A file with another hash is refused, and nothing is changed.
  - Every file is root's and nobody else's to write. Files that the program itself made in its
    folder are left alone.
options:
  pin:
    description: The program.
    type: dict
    required: true
    suboptions:
      folder:
        description: Where the program lies.
        type: path
        required: true
      program:
        description: The program's path in that folder.
        type: str
        required: true
      sha256:
        description: The pinned hash, of the program or of the archive that it comes in.
        type: str
        required: true
      archive:
        description: Whether it comes in an archive.
        type: bool
        required: true
      manifest:
        description: Where it is written down which files it has; only root may write there.
        type: path
        required: true
      mode:
        description: The folder's mode.
        type: str
        required: true
      group:
        description: The folder's group.
        type: str
        required: true
  source:
    description: The program, or the archive, on the host; without it one only looks.
    type: path
"""

RETURN = """
wanted:
  description: Whether the pinned program is not there.
  type: bool
  returned: always
program_sha256:
  description: The hash of the program itself; empty where it is not there.
  type: str
  returned: always
"""

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.owned import is_plain_file, look_up_ids, set_owner_and_mode, write_file

ROOT_IDS = (0, 0)
PIN = {
    "folder": {"type": "path", "required": True},
    "program": {"type": "str", "required": True},
    "sha256": {"type": "str", "required": True},
    "archive": {"type": "bool", "required": True},
    "manifest": {"type": "path", "required": True},
    "mode": {"type": "str", "required": True},
    "group": {"type": "str", "required": True},
}


def hash_file(path: Path) -> str:
    """Give a file's hash."""
    sum_ = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sum_.update(block)
    return sum_.hexdigest()


def describe_entry(path: Path) -> list[Any]:
    """Describe a file or a link as the manifest does: content, mode, owner."""
    status = path.lstat()
    content = str(path.readlink()) if path.is_symlink() else hash_file(path)
    return [content, status.st_mode, status.st_uid, status.st_gid]


def is_installed(parameters: Mapping[str, Any]) -> bool:
    """Tell whether what is there is what was put there, from the pinned file."""
    folder, manifest = Path(parameters["folder"]), Path(parameters["manifest"])
    if not is_plain_file(manifest) or not is_plain_file(folder / parameters["program"]):
        return False
    known = json.loads(manifest.read_text())
    if known["sha256"] != parameters["sha256"]:
        return False
    files = {folder / name: value for name, value in known["files"].items()}
    return all(
        os.path.lexists(path) and describe_entry(path) == value for path, value in files.items()
    )


def unpack_program(source: Path, parameters: Mapping[str, Any], into: Path) -> None:
    """Put the files into a folder, each of them root's."""
    if parameters["archive"]:
        with tarfile.open(source) as archive:
            if hasattr(tarfile, "data_filter"):
                archive.extractall(into, filter="tar")
            else:  # an older Python; the archive is the pinned one, and so trusted
                archive.extractall(into)  # noqa: S202
    else:
        target = into / parameters["program"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o755)
    for path in (into, *into.rglob("*")):
        os.chown(path, *ROOT_IDS, follow_symlinks=False)
        if not path.is_symlink():
            path.chmod((path.stat().st_mode | 0o444 | (0o111 if path.is_dir() else 0)) & 0o755)


def place_program(source: Path, parameters: Mapping[str, Any]) -> None:
    """Replace the program's files; what it made itself (its registration) stays."""
    folder = Path(parameters["folder"])
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    set_owner_and_mode(folder, look_up_ids("root", parameters["group"]), int(parameters["mode"], 8))
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as name:
        new = Path(name)
        unpack_program(source, parameters, new)
        files = [path.relative_to(new) for path in new.rglob("*") if not path.is_dir()]
        known = {str(path): describe_entry(new / path) for path in files}
        for path in new.iterdir():
            old = folder / path.name
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old)
            path.replace(old)
    content = json.dumps({"sha256": parameters["sha256"], "files": known}).encode()
    write_file(Path(parameters["manifest"]), content, ROOT_IDS, 0o600)


def main() -> None:
    """Answer to Ansible."""
    module = AnsibleModule(
        argument_spec={
            "pin": {"type": "dict", "required": True, "options": PIN},
            "source": {"type": "path"},
        }
    )
    parameters, source = module.params["pin"], module.params["source"]
    is_missing = not is_installed(parameters)
    if is_missing and source:
        source_sha256 = hash_file(Path(source))
        if source_sha256 != parameters["sha256"]:
            module.fail_json(
                msg=f"The runner's program has the sha256 '{source_sha256}', and "
                f"'{parameters['sha256']}' is"
                " pinned; nothing was installed. Pin the hash that its makers published, or find"
                " out who replaced the file."
            )
        place_program(Path(source), parameters)
        is_missing = False
    program = Path(parameters["folder"]) / parameters["program"]
    module.exit_json(
        changed=bool(source),
        wanted=is_missing,
        program_sha256="" if is_missing else hash_file(program),
    )


if __name__ == "__main__":
    main()
