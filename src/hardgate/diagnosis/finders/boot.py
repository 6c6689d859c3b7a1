"""Clues in how a workspace ended, and in the last lines of its log."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.rules import CauseRule, load_rules
from hardgate.text.plain import one_line

QUOTED_LINES = 10
"""Lines of the log that are shown as evidence."""

MEMORY_STATUS = 137
CRASH_SIGNALS = {132: "SIGILL", 134: "SIGABRT", 135: "SIGBUS", 136: "SIGFPE", 139: "SIGSEGV"}
SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh"})
EndFacts = Mapping[str, Any]


def match_boot_end(probe: FailedProbe) -> Iterator[Match]:
    """Say why the workspace ended; nothing where it runs, or nobody saw its end."""
    ended = probe.observation.facts.get("ended")
    if not isinstance(ended, Mapping):
        return
    lines = _list_lines(ended)
    fields = _common_fields(probe, ended, lines)
    cause, found = _find_cause(ended, lines)
    yield Match(
        cause=cause,
        quotes=tuple(lines[-QUOTED_LINES:]) or ("its log is empty",),
        fields={**fields, **found},
        subject="boot",
    )


def _list_lines(ended: EndFacts) -> list[str]:
    """Give the log's last lines; what the engine said at the start comes last."""
    written = [str(line) for line in ended.get("log") or ()]
    error = str(ended.get("error") or "")
    return [line for line in (*written, error) if line.strip()]


def _common_fields(probe: FailedProbe, ended: EndFacts, lines: Sequence[str]) -> dict[str, str]:
    facts = probe.observation.facts
    early = any(
        observation.facts.get("ready") is False
        for observation in (probe.observation, *probe.other_observations.values())
    )
    last = one_line(lines[-1]) if lines else ""
    file = next((word for word in ended.get("command") or () if word.startswith("/")), "")
    limit = facts.get("memory_mib")
    return {
        "when": "before it was ready" if early else "while it was looked at",
        "status": str(ended.get("exit_status")),
        "last": f"; the last line of its log: {last}" if last else "; its log is empty",
        "line": last,
        "uid": str(probe.uid),
        "file": f" '{file}'" if file else "",
        "command": " ".join(map(str, ended.get("command") or ())),
        "limit": f" ({limit} MiB)" if limit else "",
        "agent": f" ('{probe.agent_name}')" if probe.agent_name else "",
    }


def _find_cause(ended: EndFacts, lines: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Choose the rule, and say what it fills in beside the common fields."""
    status = ended.get("exit_status")
    if ended.get("oom_killed"):
        return "boot_memory", {}
    script = ended.get("entrypoint")
    if isinstance(script, str) and script.endswith("\r"):
        return "boot_crlf", {}
    matched = _match_lines(lines)
    if matched is not None:
        return _refine(*matched, script)
    if status in CRASH_SIGNALS:
        return "boot_crashed", {"signal": CRASH_SIGNALS[status]}
    command = [str(word) for word in ended.get("command") or ()]
    if status == 0 and len(command) == 1 and command[0].rpartition("/")[2] in SHELLS:
        return "boot_shell_only", {}
    return ("boot_finished" if status == 0 else "boot_ended"), {}


def _refine(cause: str, fields: dict[str, str], script: Any) -> tuple[str, dict[str, str]]:
    if cause == "boot_interpreter_missing" and isinstance(script, str):
        return cause, {**fields, "interpreter": f"'{script[2:].strip()}'"}
    return cause, fields


def _match_lines(lines: Sequence[str]) -> tuple[str, dict[str, str]] | None:
    """Find the last line of the log that a rule knows; among its rules the first one tells."""
    rules = [rule for rule in load_rules().values() if rule.boot and rule.said]
    for line in reversed(lines):
        for rule in rules:
            fields = _match_rule(rule, line)
            if fields is not None:
                return rule.id, fields
    return None


def _match_rule(rule: CauseRule, line: str) -> dict[str, str] | None:
    for pattern in rule.said:
        found = pattern.search(line)
        if found:
            groups = {key: one_line(value) for key, value in found.groupdict().items() if value}
            return {"line": one_line(line), **groups}
    return None
