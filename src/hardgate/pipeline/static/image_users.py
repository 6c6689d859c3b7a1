"""The users that a Dockerfile makes, and who of them is the contract's agent."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hardgate.pipeline.static.dockerfile import Dockerfile
from hardgate.pipeline.static.dockerfile_stage import Act
from hardgate.pipeline.static.shell_state import UNKNOWN, is_known

FIRST_UID = 1000
SYSTEM = "below 1000"
_VALUES = frozenset(
    "-u --uid -g --gid -G --groups -d --home-dir --home -h -s --shell -c --comment --gecos -b "
    "-e -f -k --skel -K -p --password -P -R -Z --ingroup --firstuid --lastuid -l --login "
    "--conf --root --prefix".split()
)
_PASSWD = re.compile(r"(?m)(?:^|[\s'\"])([A-Za-z_][\w.-]*):[^:\s]*:(\d+):\d+:")


@dataclass(frozen=True, kw_only=True)
class ImageUsers:
    """Users by name with their uids, and the act that made the first of them."""

    uids: Mapping[str, str]
    groups: Mapping[str, frozenset[str]]
    """The further groups of each."""
    homes: Mapping[str, str]
    removed: frozenset[str]
    """Users that were made, and are not there any more."""
    is_open: bool
    """The base may bring users that nobody knows here."""
    agent_uid: str
    made: tuple[Act, ...]
    refused: tuple[Act, str] | None = None
    """A command that makes the agent, and fails: another user has its uid already."""

    @property
    def agents(self) -> frozenset[str]:
        """What the agent is called: its uid, and each name that has it.

        Where no user has it, any that is made is meant to be the agent: one miss, one finding.
        """
        named = {name for name, uid in self.uids.items() if uid == self.agent_uid}
        unknown = {name for name, uid in self.uids.items() if uid == UNKNOWN}
        return frozenset({self.agent_uid, *(named or unknown or self.uids or self.removed)})

    def is_agent(self, user: str) -> bool:
        """Tell whether a user, by name or uid, is the agent, or meant to be."""
        name = user.partition(":")[0]
        if self.is_open and name not in {"", "root", UNKNOWN} and not name.isdigit():
            return True
        return name in self.agents or (
            name != UNKNOWN and name in {self.uids.get(agent) for agent in self.agents}
        )

    def name_in(self, owner: str) -> str:
        """Give the user of `user:group`, or of `user.group` where no user has a dot."""
        name = owner.partition(":")[0]
        return name if name in self.uids else name.partition(".")[0]

    @property
    def agent_name(self) -> str:
        """Give one name of the agent's, for a remedy."""
        return min(self.agents - {self.agent_uid}, default="agent")

    def uid_of(self, name: str) -> str:
        """Give a user's uid, by name or number."""
        if name in {"root", "0"}:
            return "0"
        return name if name.isdigit() else self.uids.get(name, UNKNOWN)


def read_users(file: Dockerfile) -> ImageUsers:
    """Go through all that makes, renames and removes users."""
    reader = _Users(file)
    for act in file.acts:
        reader.take(act)
    return ImageUsers(
        uids=reader.uids,
        groups={name: frozenset(groups) for name, groups in reader.groups.items()},
        homes=reader.homes,
        removed=frozenset(reader.removed),
        is_open=not reader.uids and not file.base.is_known,
        agent_uid=str(file.agent_uid),
        made=tuple(reader.made),
        refused=next(iter(reader.refused.values()), None),
    )


def _names(act: Act) -> str:
    """Give the user that a command makes."""
    return operands(act.words)[-1 if act.name == "useradd" else 0]


def operands(words: Sequence[str], values: frozenset[str] = _VALUES) -> list[str]:
    """Give a command's words that are neither options nor their values."""
    found: list[str] = []
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        if word == "--":
            return found + rest
        if not word.startswith("-") or word == "-":
            found.append(word)
        elif rest and (word in values or (_is_short(word) and f"-{word[-1]}" in values)):
            rest.pop(0)
    return found


def _is_short(word: str) -> bool:
    return bool(re.fullmatch(r"-[A-Za-z]+", word))


def option(words: Sequence[str], *names: str) -> str:
    """Find an option's value, in any of the ways to write it; empty where it is not there."""
    for number, word in enumerate(words):
        following = words[number + 1] if number + 1 < len(words) else ""
        for name in names:
            if word == name:
                return following
            if name.startswith("--"):
                if word.startswith(f"{name}="):
                    return word.partition("=")[2]
            elif _is_short(word) and word.endswith(name[1]):
                return following
            elif word.startswith(name) and len(word) > len(name) and not word.startswith("--"):
                return word[len(name) :]
    return ""


class _Users:
    """The users, act by act."""

    def __init__(self, file: Dockerfile) -> None:
        self.uids: dict[str, str] = dict(file.base.users)
        self.gids: dict[str, str] = dict(file.base.users)
        """Of groups; an ordinary user of a base has one of its own name and number."""
        self.groups: dict[str, set[str]] = {}
        self.homes: dict[str, str] = {name: f"/home/{name}" for name in self.uids}
        self.made: list[Act] = []
        self.removed: set[str] = set()
        self.refused: dict[str, tuple[Act, str]] = {}
        self.agent_uid = str(file.agent_uid)
        self.knows_all = file.base.is_known

    def take(self, act: Act) -> None:
        """Take one act."""
        if act.call is None:
            return
        if act.name in {"useradd", "adduser"}:
            self._add(act)
        elif act.name == "groupadd":
            self._add_group(act)
        elif act.name == "usermod":
            self._change(act)
        elif act.name in {"userdel", "deluser", "groupdel", "delgroup"}:
            for name in operands(act.words)[:1]:
                self.gids.pop(name, None)
                if act.name in {"groupdel", "delgroup"}:
                    continue
                self.removed |= {name} if self.uids.pop(name, None) else set()
        elif act.name in {"addgroup", "gpasswd"}:
            names = operands(act.words, frozenset({"-g", "-G", "--gid", "-a", "-d"}))
            if len(names) == 2:  # noqa: PLR2004 - user and group
                self.groups.setdefault(names[0], set()).add(names[1])
        else:
            self._read_lines(act)

    def _add(self, act: Act) -> None:
        names = operands(act.words)
        if not names:
            return
        if act.name == "adduser" and len(names) == 2 and names[0] in self.uids:  # noqa: PLR2004
            self.groups.setdefault(names[0], set()).add(names[1])
            return
        name = _names(act)
        uid = option(act.words, "-u", "--uid") or self._next(act)
        holder = next((other for other, taken in self.uids.items() if taken == uid), name)
        again = {"-o", "--non-unique"} & set(act.words)
        if uid == self.agent_uid and holder != name and act.certain and not again:
            self.refused[name] = (act, holder)
        self.uids[name] = uid if uid.isdigit() or uid == SYSTEM else UNKNOWN
        listed = option(act.words, "-G", "--groups", "--ingroup", "-g", "--gid")
        self.groups.setdefault(name, set()).update(listed.split(","))
        home = option(act.words, "-d", "--home-dir", "--home")
        self.homes[name] = home or f"/home/{name}"
        self.made.append(act)

    def _add_group(self, act: Act) -> None:
        """A group that cannot be made ends the RUN, and the agent is never made."""
        gid, names = option(act.words, "-g", "--gid"), operands(act.words)
        free = {"-o", "--non-unique", "-f", "--force"} & set(act.words)
        holder = next((name for name, taken in self.gids.items() if taken == gid), "")
        if holder and names and gid == self.agent_uid and act.certain and not free:
            self.refused[names[-1]] = (act, holder)

    def _next(self, act: Act) -> str:
        """Give the uid that a command without one takes."""
        flags = set(act.words)
        if flags & {"--system", "-r"} or (act.name == "adduser" and "-S" in flags):
            return SYSTEM
        taken = {int(uid) for uid in self.uids.values() if uid.isdigit()}
        if not self.knows_all or UNKNOWN in self.uids.values():
            return UNKNOWN
        return str(max([FIRST_UID - 1, *(uid for uid in taken if uid >= FIRST_UID)]) + 1)

    def _change(self, act: Act) -> None:
        names = operands(act.words)
        if not names:
            return
        name = names[-1]
        uid = option(act.words, "-u", "--uid")
        if uid:
            self.uids[name] = uid if is_known(uid) and uid.isdigit() else UNKNOWN
            self.made.append(act)
        listed = option(act.words, "-G", "--groups", "-aG")
        self.groups.setdefault(name, set()).update(listed.split(",") if listed else ())
        renamed = option(act.words, "-l", "--login")
        self.refused.pop(renamed, None)
        if renamed and name in self.uids:
            self.uids[renamed] = self.uids.pop(name)
            self.homes[renamed] = self.homes.pop(name, f"/home/{renamed}")
        home = option(act.words, "-d", "--home")
        if home:
            self.homes[renamed or name] = home

    def _read_lines(self, act: Act) -> None:
        """Take lines of /etc/passwd that are written out."""
        text = "\n".join([*act.words, (act.call.stdin if act.call else None) or ""])
        for match in _PASSWD.finditer(text):
            self.uids[match[1]] = match[2]
            self.made.append(act)
