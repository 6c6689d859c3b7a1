"""What well-known base images bring along, by their names: of others nothing is known.

An image of a mirror is known by its last name and its tag: `registry.example.org/base/debian:13`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NEWEST_DEBIAN = 13
_CODENAMES = {"buster": 10, "bullseye": 11, "bookworm": 12, "trixie": 13, "forky": 14, "sid": 14}
_FOLLOWS_DEBIAN = frozenset({"python", "golang", "rust", "pypy"})
"""Images whose tags without a codename have moved on to the newest Debian."""
_ON_DEBIAN = frozenset({*_FOLLOWS_DEBIAN, "node", "ruby", "php", "perl", "openjdk", "gcc"})
_TAG = re.compile(r"latest|stable|testing|unstable|lts|current|slim|alpine|[a-z]*\d[\w.-]*|[a-z-]+")
FIRST_UBUNTU_WITH_A_USER = 23.04


@dataclass(frozen=True, kw_only=True)
class BaseImage:
    """An image that a Dockerfile is FROM."""

    reference: str
    family: str = ""
    """`debian`, `ubuntu`, `alpine` …; empty where it is not known."""
    debian: int | None = None
    """Its release, where it is Debian and the name tells."""
    commands: Mapping[str, bool] = field(default_factory=dict)
    """Whether it brings a command; one that is not listed may be there or not."""
    users: Mapping[str, str] = field(default_factory=dict)
    """Uids of its ordinary users, by name."""

    @property
    def is_known(self) -> bool:
        """Tell whether anything is known of it."""
        return bool(self.family)


def read_base(reference: str) -> BaseImage:  # noqa: PLR0911 - a table of families
    """Tell what is known of an image by its name."""
    path, _, tag = reference.partition("@")[0].rpartition(":")
    if not path or "/" in tag:
        path, tag = reference.partition("@")[0], ""
    name = path.rpartition("/")[2]
    tag = tag or "latest"
    if name == "ubuntu":
        return _ubuntu(reference, tag)
    if name == "alpine" or ("alpine" in tag and name in {*_ON_DEBIAN, "docker"}):
        commands = {"sudo": False, "curl": False, "docker": name == "docker"}
        users = {"node": "1000"} if name == "node" else {}
        return BaseImage(reference=reference, family="alpine", commands=commands, users=users)
    if name == "debian":
        return _debian(reference, _release(tag, follows=True), has_curl=False)
    if name == "buildpack-deps":
        return _debian(reference, _release(tag, follows=False), has_curl=True)
    if name in _ON_DEBIAN and _TAG.fullmatch(tag):
        users = {"node": "1000"} if name == "node" else {}
        release = _release(tag, follows=name in _FOLLOWS_DEBIAN)
        return _debian(reference, release, has_curl="slim" not in tag, users=users)
    if name in {"fedora", "rockylinux", "almalinux", "centos"}:
        commands = {"nsenter": True, "docker": False}
        return BaseImage(reference=reference, family=name, commands=commands)
    return BaseImage(reference=reference)


def _ubuntu(reference: str, tag: str) -> BaseImage:
    number = re.match(r"\d\d\.\d\d", tag)
    old = number is not None and float(number[0]) < FIRST_UBUNTU_WITH_A_USER
    old = old or tag.split("-", maxsplit=1)[0] in {"bionic", "focal", "jammy"}
    return BaseImage(
        reference=reference,
        family="ubuntu",
        commands={"nsenter": True, "sudo": False, "curl": False, "docker": False},
        users={} if old else {"ubuntu": "1000"},
    )


def _debian(
    reference: str, release: int | None, *, has_curl: bool, users: Mapping[str, str] | None = None
) -> BaseImage:
    """util-linux is essential in Debian; sudo and docker are not there."""
    return BaseImage(
        reference=reference,
        family="debian",
        debian=release,
        commands={"nsenter": True, "sudo": False, "curl": has_curl, "docker": False},
        users=users or {},
    )


def _release(tag: str, *, follows: bool) -> int | None:
    """Read Debian's release from a tag; without a name in it, some images follow the newest."""
    for word in re.split(r"[-.]", tag):
        if word in _CODENAMES:
            return _CODENAMES[word]
    own = re.match(r"(\d+)", tag)
    if follows and own and int(own[1]) in _CODENAMES.values() and not tag.startswith("3."):
        return int(own[1])
    if tag.split("-", maxsplit=1)[0] == "oldstable":
        return NEWEST_DEBIAN - 1
    return NEWEST_DEBIAN if follows else None
