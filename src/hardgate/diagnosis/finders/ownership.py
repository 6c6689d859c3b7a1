"""Clues that follow from whose something is: a path, the token, the workload."""

from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.path_facts import PathFacts
from hardgate.diagnosis.analysis.process_facts import WorkspaceProcess


def owner_fields(facts: PathFacts) -> dict[str, str]:
    """Give what a rule's words say of an owner."""
    return {
        "path": facts.path,
        "owner": str(facts.uid),
        "gid": "unknown" if facts.gid is None else str(facts.gid),
        "mode": facts.octal_mode,
    }


def match_wrong_owner(facts: PathFacts, expected: str, quotes: tuple[str, ...]) -> Match:
    """Say that a path is not the user's that the probe wants."""
    fields = owner_fields(facts) | {"wanted": expected}
    return Match(cause="path_not_owned", quotes=quotes, fields=fields, subject=facts.path)


def match_unnamed_agent(
    probe: FailedProbe, what: str, uid: int | None, quotes: tuple[str, ...]
) -> Iterator[Match]:
    """Say that something is another user's because nobody in the image has the agent's number."""
    if uid in {None, 0, probe.uid} or not probe.is_agent_unnamed:
        return
    evidence = f"seen from outside: /etc/passwd has no user with uid {probe.uid}"
    fields = {"uid": str(probe.uid), "other": f"; {what} uid {uid}'s"}
    yield Match(cause="uid_without_name", quotes=(*quotes, evidence), fields=fields)


def describe_drop(name: str, uid: int) -> str:
    """Write the command by which this image's entrypoint becomes its agent, for good."""
    if name:
        return f"exec setpriv --reuid={name} --regid={name} --init-groups"
    return f"exec setpriv --reuid={uid} --regid={uid} --clear-groups"


def match_foreign_workload(
    probe: FailedProbe, process: WorkspaceProcess, quotes: tuple[str, ...], *, token: str = ""
) -> Iterator[Match]:
    """Say that what the image left running is not the agent's."""
    quotes = (*quotes, process.as_evidence())
    yield from match_unnamed_agent(probe, f"'{process.command}' is", process.uid, quotes)
    fields = {
        "process": process.command,
        "owner": str(process.uid),
        "uid": str(probe.uid),
        "token": token,
        "drop": describe_drop(probe.agent_name, probe.uid),
    }
    cause = "runtime_as_other" if process.uid else "runtime_as_root"
    yield Match(cause=cause, quotes=quotes, fields=fields, subject=f"uid {process.uid}")
