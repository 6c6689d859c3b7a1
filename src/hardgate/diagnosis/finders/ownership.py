"""Clues that follow from whose something is: a path, the token, the workload."""

from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.path_facts import Place
from hardgate.diagnosis.analysis.process_facts import Process


def owner_of(place: Place) -> dict[str, str]:
    """Give what a rule's words say of an owner."""
    return {
        "path": place.path,
        "owner": str(place.uid),
        "gid": "unknown" if place.gid is None else str(place.gid),
        "mode": place.octal,
    }


def not_owned(place: Place, wanted: str, quotes: tuple[str, ...]) -> Clue:
    """Say that a path is not the user's that the probe wants."""
    fields = owner_of(place) | {"wanted": wanted}
    return Clue(cause="path_not_owned", quotes=quotes, fields=fields, subject=place.path)


def nameless(miss: Miss, what: str, uid: int | None, quotes: tuple[str, ...]) -> Iterator[Clue]:
    """Say that something is another user's because nobody in the image has the agent's number."""
    if uid in {None, 0, miss.uid} or not miss.is_nameless:
        return
    told = f"seen from outside: /etc/passwd has no user with uid {miss.uid}"
    fields = {"uid": str(miss.uid), "other": f"; {what} uid {uid}'s"}
    yield Clue(cause="uid_without_name", quotes=(*quotes, told), fields=fields)


def wrong_workload(
    miss: Miss, process: Process, quotes: tuple[str, ...], *, token: str = ""
) -> Iterator[Clue]:
    """Say that what the image left running is not the agent's."""
    quotes = (*quotes, process.told())
    yield from nameless(miss, f"'{process.command}' is", process.uid, quotes)
    fields = {
        "process": process.command,
        "owner": str(process.uid),
        "uid": str(miss.uid),
        "token": token,
    }
    cause = "runtime_as_other" if process.uid else "runtime_as_root"
    yield Clue(cause=cause, quotes=quotes, fields=fields, subject=f"uid {process.uid}")
