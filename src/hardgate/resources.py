"""Where the program's own Ansible content lies: beside the package's source, or in its wheel."""

from pathlib import Path

from hardgate.errors import HardgateError

PACKAGE_FOLDER = Path(__file__).resolve().parent
CONTENT_FOLDERS = ("contracts", "image", "playbooks", "roles")


def find_content(package: Path) -> Path:
    """Give the folder that holds FOLDERS: `content/` inside a wheel, else the checkout's root."""
    for folder in (package / "content", package.parents[1]):
        if all((folder / name).is_dir() for name in CONTENT_FOLDERS):
            return folder
    listed = ", ".join(f"'{name}'" for name in CONTENT_FOLDERS)
    raise HardgateError(
        f"The folders {listed} are not beside '{package}'.", "Install hardgate again."
    )


CONTENT = find_content(PACKAGE_FOLDER)
CONTRACTS = CONTENT / "contracts"
IMAGE = CONTENT / "image"
PLAYBOOKS = CONTENT / "playbooks"
ROLES = CONTENT / "roles"
