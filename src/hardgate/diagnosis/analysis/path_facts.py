"""A path of the workspace as it was seen from outside: one of the surroundings, read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

FILE_TYPE_NAMES = {
    "directory": "a folder",
    "file": "a file",
    "socket": "a socket",
    "fifo": "a pipe",
    "link": "a symbolic link",
    "block": "a block device",
    "character": "a device",
}
_PERMISSION_BITS = {"r": 4, "w": 2, "x": 1}
_PERMISSION_LETTERS = {"readable": "r", "writable": "w", "executable": "x"}
_SEPARATE_KEYS = {"/configs/.auth_token": "token", "/var/run/docker.sock": "socket"}
"""Paths that are looked at by themselves, wherever a probe is about them."""
STICKY_BIT = 0o1000


@dataclass(frozen=True, kw_only=True)
class PathFacts:
    """One path."""

    path: str
    exists: bool
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    """Its permission bits."""
    kind: str = ""
    """A key of KINDS; empty where it was not seen."""
    size: int | None = None
    link: str = ""
    """What a symbolic link points to."""
    mount: str = ""
    """The mount point that it is on; empty where it was not seen."""
    file_system: str = ""
    options: frozenset[str] = frozenset()
    """Of that mount."""
    in_image: bool | None = None
    """Known where something is mounted over the image."""
    masked_by: str = ""
    """The mount point that hides what the image has there."""
    allowed: Mapping[str, bool] = field(default_factory=dict)
    """What the kernel lets the agent do, by `r`, `w`, `x`; empty where it was not asked."""
    interpreter: str = ""
    """What a script's first line names."""

    @property
    def octal_mode(self) -> str:
        """Its mode as people write it."""
        return "unknown" if self.mode is None else f"{self.mode:04o}"

    @property
    def is_mount_point(self) -> bool:
        """Something is mounted right there."""
        return self.mount == self.path

    def grants_access(self, uid: int, groups: Collection[int] | None, right: str) -> bool | None:
        """Tell whether the agent has `r`, `w` or `x` there, by the kernel's word, else by the mode.

        None where nobody knows.
        """
        if right in self.allowed:
            return self.allowed[right]
        return self.mode_grants_access(uid, groups, right)

    def mode_grants_access(
        self, uid: int, groups: Collection[int] | None, right: str
    ) -> bool | None:
        """Tell it by owner and mode alone."""
        if self.mode is None or self.uid is None:
            return None
        bit = _PERMISSION_BITS[right]
        as_owner, as_group, as_other = (bool(self.mode >> shift & bit) for shift in (6, 3, 0))
        if uid == 0:
            return True
        if uid == self.uid:
            return as_owner
        if groups is None:
            return as_other if as_other == as_group else None
        return as_group if self.gid in groups else as_other

    def as_evidence(self) -> str:
        """Quote what was seen."""
        if not self.exists:
            to = f" (a link to '{self.link}')" if self.link else ""
            return f"seen from outside: '{self.path}' is not there{to}"
        on = f", on '{self.mount}' ({self.file_system or 'unknown'})" if self.mount else ""
        group = "" if self.gid is None else f", gid {self.gid}"
        return (
            f"seen from outside: '{self.path}' is {FILE_TYPE_NAMES.get(self.kind, 'there')}, "
            f"uid {self.uid}{group}, mode {self.octal_mode}{on}"
        )


def find_path_facts(surroundings: Mapping[str, Any], path: str) -> PathFacts | None:
    """Find a path in what was seen from outside; None where nothing was seen of it.

    A path that is not there tells of the folders above it, too: which one is the last that is.
    """
    path_table = surroundings.get("paths") or {}
    for found in (path_table.get(path), surroundings.get(_SEPARATE_KEYS.get(path, ""))):
        if isinstance(found, Mapping) and "exists" in found:
            return parse_path_facts(path, found)
    for below, found in path_table.items():
        parent = found.get("parent") or {}
        if parent.get("path") and below.startswith(path.rstrip("/") + "/"):
            return _parent_path_facts(path, found, parent)
    return None


def _parent_path_facts(
    path: str, found: Mapping[str, Any], parent: Mapping[str, Any]
) -> PathFacts | None:
    """Tell of a folder above a path that is not there."""
    image = found.get("image") or {}
    image_parent = str((image.get("parent") or {}).get("path") or "")
    known_facts: dict[str, Any] = {"mount": found.get("mount")}
    if image:
        known_facts["in_image"] = bool(image.get("exists")) or (image_parent + "/").startswith(
            path + "/"
        )
    if parent["path"] == path:
        return parse_path_facts(
            path, {**known_facts, **parent, "exists": True, "type": "directory"}
        )
    if path.startswith(parent["path"].rstrip("/") + "/"):
        masked = {"masked_by": (found.get("mount") or {}).get("point")} if image else {}
        return parse_path_facts(path, {**known_facts, **masked, "exists": False})
    return None


def parse_path_facts(path: str, fact: Mapping[str, Any]) -> PathFacts:
    """Read what stands under `paths` in the surroundings; what is missing there is not known."""
    mount = fact.get("mount") or {}
    options = mount.get("options") or ""
    masked = fact.get("masked_by") or ""
    return PathFacts(
        path=path,
        exists=bool(fact.get("exists")),
        uid=fact.get("uid"),
        gid=fact.get("gid"),
        mode=_parse_mode(fact.get("mode")),
        kind=str(fact.get("type") or ""),
        size=fact.get("size"),
        link=str(fact.get("link") or ""),
        mount=str(mount.get("point") or ""),
        file_system=str(mount.get("fstype") or ""),
        options=frozenset(options.split(",") if isinstance(options, str) else options),
        in_image=fact.get("in_image"),
        allowed={
            right: bool(fact[word]) for word, right in _PERMISSION_LETTERS.items() if word in fact
        },
        interpreter=str(fact.get("interpreter") or ""),
        masked_by=str(masked.get("point", "")) if isinstance(masked, Mapping) else str(masked),
    )


def _parse_mode(value: Any) -> int | None:
    if isinstance(value, int):
        return value & 0o7777
    try:
        return int(str(value), 8) & 0o7777
    except ValueError:
        return None
