"""Hardgate's own source, packed for a host: what `pipx run nox -s t4` needs of a checkout."""

import tarfile
from pathlib import Path

from hardgate.errors import UsageError
from hardgate.resources import CONTENT

ARCHIVED_PATHS = (
    *("noxfile.py", "pyproject.toml", "README.md", "LICENSE"),
    *("src", "contracts", "playbooks", "roles", "image"),
)
EXCLUDED_NAMES = frozenset({"__pycache__", ".ansible"})
ARCHIVE_FOLDER = "source"
"""What the archive's one folder is called."""


def require_checkout(root: Path = CONTENT) -> None:
    """Raise UsageError where hardgate runs from no checkout: before any host is asked anything."""
    missing = [part for part in ARCHIVED_PATHS if not (root / part).exists()]
    if missing:
        raise UsageError(
            f"'{root}' is not a checkout of hardgate: it lacks '{missing[0]}'.",
            "Run it from a checkout ('pipx run nox -s fleet', or '-s runner'): the hosts are given "
            "its source.",
        )


def pack_source(target: Path, root: Path = CONTENT) -> None:
    """Write an archive (tar) of a checkout; UsageError where hardgate runs from none."""
    require_checkout(root)
    with tarfile.open(target, "w") as archive:
        for part in ARCHIVED_PATHS:
            archive.add(root / part, f"{ARCHIVE_FOLDER}/{part}", filter=_normalize_member)


def _normalize_member(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave caches out, and whose it was here."""
    if EXCLUDED_NAMES & set(Path(member.name).parts):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
