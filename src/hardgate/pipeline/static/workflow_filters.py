"""On which pushes and pull requests a workflow starts, by the filters below its `on:`.

See https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#on; Gitea and
Forgejo take the same filters.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hardgate.pipeline.static.workflow import Workflow, list_of
from hardgate.schema.document import Listing, Node, Table

PUSH, PULL = "push", "pull_request"
CANDIDATES = ("main", "master")
"""What a default branch is called, where the repository does not tell."""
_WITHOUT_EFFECT = frozenset({"types", "branches", "branches-ignore", "tags", "tags-ignore"})
_NEEDED_TYPES = frozenset({"opened", "synchronize"})


def read_default_branches(root: Path) -> tuple[str, ...]:
    """Give the default branch, as the clone knows it; else what it usually is called."""
    try:
        text = (root / ".git" / "refs" / "remotes" / "origin" / "HEAD").read_text()
    except (OSError, ValueError):
        return CANDIDATES
    name = text.strip().removeprefix("ref: refs/remotes/origin/")
    return (name,) if name and "\n" not in name else CANDIDATES


def why_not_started(workflow: Workflow, event: str, defaults: Sequence[str]) -> str:
    """Say why an event does not always start a workflow; empty where it does.

    A push to another branch comes to the default branch by a pull request, which starts the
    workflow again: a filter of pushes has to take the default branch alone. A filter of pull
    requests has to take every base. A push of a tag brings no change.
    """
    if event not in workflow.events:
        return f"'{workflow.file}' does not start on {event}"
    node = workflow.events[event]
    if not isinstance(node, Table):
        return ""
    filters = {key.text: value for key, value in node.entries}
    for name in ("paths", "paths-ignore"):
        if name in filters and list_of(filters[name]) != ("**",):
            return f"'{name}' keeps T4 from running on some of each {event}"
    unknown = filters.keys() - _WITHOUT_EFFECT - {"paths", "paths-ignore"}
    if unknown:
        return f"'{min(unknown)}' below '{event}' is not understood"
    if event == PULL:
        return _why_by_base(filters) or _why_by_types(filters.get("types"))
    return _why_by_branch(filters, defaults)


def _why_by_branch(filters: Mapping[str, Node | None], defaults: Sequence[str]) -> str:
    """Say which pushes to the default branch a filter leaves out."""
    of_tags = bool(filters.keys() & {"tags", "tags-ignore"})
    if of_tags and not filters.keys() & {"branches", "branches-ignore"}:
        return "pushes of tags alone start it"
    if "branches" in filters and not _covers(filters["branches"], defaults):
        listed = ", ".join(list_of(filters["branches"])) or "none"
        return f"'branches: [{listed}]' keeps T4 from running on each push to the default branch"
    if "branches-ignore" in filters and _names_all(filters["branches-ignore"], defaults):
        listed = ", ".join(list_of(filters["branches-ignore"]))
        return f"'branches-ignore: [{listed}]' keeps T4 from running on some of each {PUSH}"
    return ""


def _why_by_base(filters: Mapping[str, Node | None]) -> str:
    """Say which pull requests a filter of their bases leaves out."""
    for name in ("branches", "branches-ignore"):
        if name not in filters:
            continue
        patterns = list_of(filters[name])
        taken = name == "branches" and "**" in patterns
        if taken and not any(pattern.startswith("!") for pattern in patterns):
            continue
        listed = ", ".join(patterns) or "none"
        which = "other branches" if name == "branches" else "those branches"
        return f"'{name}: [{listed}]' keeps T4 from running on pull requests into {which}"
    return ""


def _why_by_types(node: Node | None) -> str:
    missing = _NEEDED_TYPES - set(list_of(node)) if node is not None else set()
    if not missing:
        return ""
    return f"'types' leaves out '{min(missing)}', so T4 does not run on each {PULL}"


def _covers(node: Node | None, defaults: Sequence[str]) -> bool:
    """Tell whether a list of patterns takes a default branch; the last one that matches counts."""
    if not isinstance(node, Listing) and not list_of(node):
        return False
    return any(_takes(list_of(node), name) for name in defaults)


def _takes(patterns: Sequence[str], name: str) -> bool:
    taken = False
    for pattern in patterns:
        if matches(pattern.removeprefix("!"), name):
            taken = not pattern.startswith("!")
    return taken


def _names_all(node: Node | None, defaults: Sequence[str]) -> bool:
    """Tell whether a list of ignored patterns leaves out what may be the default branch."""
    patterns = list_of(node)
    return any(matches(pattern, name) for pattern in patterns for name in defaults)


def matches(pattern: str, name: str) -> bool:
    """Match a filter's pattern: `*` within a part, `**` over parts, `?` and `+` as in a regex."""
    text, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**", at):
            text, at = text + ".*", at + 2
            continue
        at += 1
        if char == "*":
            text += "[^/]*"
        elif char in "?+" and text:
            text += char
        elif char == "[" and "]" in pattern[at:]:
            end = pattern.index("]", at)
            text, at = f"{text}[{pattern[at:end]}]", end + 1
        elif char == "\\" and at < len(pattern):
            text, at = text + re.escape(pattern[at]), at + 1
        else:
            text += re.escape(char)
    try:
        return bool(re.fullmatch(text, name))
    except re.error:
        return False
