"""One miss as the rules read it: the probe's steps in their order, with all that was seen of each.

A shell's own trace tells the steps; what strace saw (`hardgate.trace`) is laid beside them: how each
command ended, what it wrote where nobody reads, which system calls failed.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from hardgate import around
from hardgate.observation import Discarded, Exchange, Failure, Observation
from hardgate.place import Place, read_place
from hardgate.xtrace import (
    Comparison,
    Question,
    Traced,
    first_lines,
    is_traced,
    read_assignment,
    read_comparison,
    read_question,
    read_trace,
    read_words,
    same_command,
)

SHELLS = frozenset({"sh", "dash", "bash", "ash", "busybox", "-c"})
SILENT_WORDS = frozenset(
    {"exit", "return", "true", ":", "set", "trap", "unset", "export", "shift", "local", "readonly"}
)
"""Commands of the shell that decide nothing."""

READERS = frozenset(
    "grep egrep fgrep awk sed head tail wc cut tr sort uniq jq xargs tee cat".split()
)
"""Commands that pass on what others give them."""

LONGEST_PIPE = 6

_WORDS_OF_ERRNO = {
    "No such file or directory": "ENOENT",
    "Permission denied": "EACCES",
    "Operation not permitted": "EPERM",
    "Read-only file system": "EROFS",
    "No space left on device": "ENOSPC",
    "Disk quota exceeded": "EDQUOT",
    "Not a directory": "ENOTDIR",
    "Is a directory": "EISDIR",
    "File exists": "EEXIST",
    "Directory nonexistent": "ENOENT",
    "nonexistent directory": "ENOENT",
}
_TOLD = re.compile(
    r"^(?P<program>[\w./-]+): .*?[‘'\"]?(?P<target>/[^‘’'\":,;]*?)[’'\"]?(?: for [a-z]+)?: "
    rf"(?P<words>{'|'.join(_WORDS_OF_ERRNO)})\.?$"
)
"""A program's own words about a system call that failed."""


_PLACES = {"/configs/.auth_token": ("token",), "/var/run/docker.sock": ("socket",)}
"""Paths that are looked at by themselves, wherever a probe is about them."""
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_REFUSED = re.compile(
    r"Failed to connect to (?P<host>\S+) port (?P<port>\d+)\b.*?: "
    r"(?:(?P<refused>Connection refused)|(?:Could not|Couldn't) connect to server)"
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command of a probe."""

    text: str
    """As it was traced."""
    status: int | None = None
    """How it ended; None where nobody saw it, as for what a shell does itself."""
    started: tuple[str, ...] = ()
    """Programs that ran for it, itself included: command lines."""
    ended: tuple[tuple[str, int], ...] = ()
    """Command lines of those that failed, with their exit statuses."""
    said: tuple[str, ...] = ()
    """Lines that it wrote, wherever to."""
    failures: tuple[Failure, ...] = ()

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The command's words, without assignments before it."""
        words = read_words(self.text)
        first = next((i for i, word in enumerate(words) if not read_assignment(word)), len(words))
        return words[first:]

    @property
    def program(self) -> str:
        """The base name of the command."""
        return self.words[0].rpartition("/")[2] if self.words else ""

    @cached_property
    def comparison(self) -> Comparison | None:
        """What it compares; None where it does not."""
        return read_comparison(self.text)

    @cached_property
    def question(self) -> Question | None:
        """What it asks of a file or a text; None where it does not."""
        return read_question(self.text) if self.comparison is None else None

    @property
    def is_test(self) -> bool:
        """It is a `[`, `test` or `[[`."""
        return self.program in {"[", "test", "[["}

    @property
    def failed(self) -> bool:
        """It was seen to fail. A test is taken to, where it does not hold or cannot be told."""
        if self.status is not None:
            return self.status != 0
        if self.is_test:
            return not (self.comparison and self.comparison.holds)
        return bool(self.failures or self.said)


@dataclass(frozen=True, kw_only=True)
class Miss:
    """What a rule may rest on."""

    observation: Observation
    script: str = ""
    """The probe, as the contract has it; empty for a guard."""
    uid: int = 1000
    """The agent's."""
    others: Mapping[str, Observation] = field(default_factory=dict)
    """All that was seen of the same run, by name."""

    @property
    def surroundings(self) -> Mapping[str, Any]:
        """What was seen from outside."""
        return self.observation.surroundings

    def seen(self, key: str) -> Mapping[str, Any]:
        """Give one of the surroundings that is a table; an empty one where it was not looked at."""
        value = self.surroundings.get(key)
        return value if isinstance(value, Mapping) else {}

    @property
    def groups(self) -> frozenset[int] | None:
        """The agent's groups, by number; None where they were not looked at."""
        known = self.seen("agent").get("groups")
        return None if known is None else frozenset(map(int, known))

    @property
    def name(self) -> str:
        """The agent's name, as the image has it; empty where it has none or nobody looked."""
        return str(self.seen("agent").get("name") or "")

    @property
    def home(self) -> str:
        """The agent's home, as the image's passwd has it; empty where that is not known."""
        return str(self.seen("passwd").get("home") or "")

    @property
    def listeners(self) -> tuple[around.Listener, ...]:
        """Who listens where."""
        return around.read_listeners(self.surroundings)

    @cached_property
    def processes(self) -> tuple[around.Process, ...]:
        """The workspace's processes."""
        return around.read_processes(self.surroundings, self.others.values())

    @property
    def targets(self) -> tuple[str, ...] | None:
        """The egress targets that the probe was given; None where that is not known."""
        known = self.surroundings.get("egress")
        return tuple(map(str, known)) if isinstance(known, Sequence) else None

    @property
    def log(self) -> tuple[str, ...]:
        """The end of the workspace's log."""
        return around.read_log(self.surroundings)

    @property
    def token_is_blank(self) -> bool:
        """The token holds white space alone."""
        return self.seen("token").get("blank") is True

    @property
    def bounding(self) -> int | None:
        """The bounding set of the workspace's capabilities."""
        return around.read_hex(self.seen("capabilities").get("bounding"))

    @property
    def host_bounding(self) -> int | None:
        """The host's."""
        return around.read_hex(self.seen("capabilities").get("host"))

    @property
    def pid_namespaces(self) -> tuple[str, str]:
        """The workspace's PID namespace and the host's; empty where they were not seen."""
        spaces = self.seen("namespaces")
        own, host = spaces.get("workspace") or {}, spaces.get("host") or {}
        return str(own.get("pid") or ""), str(host.get("pid") or "")

    @property
    def exit_status(self) -> int | None:
        """How the probe ended when it was looked at twice, else the first time."""
        run = self.observation.rerun or self.observation.execution
        return run.exit_status if run else None

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Requests over HTTP, and their answers."""
        return self.observation.exchanges

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The probe's commands; one step of no text where it was not looked at twice."""
        observation = self.observation
        told = observation.rerun.stderr if observation.rerun else ""
        trace = read_trace(told) or tuple(
            Traced(text=command.command) for command in observation.commands
        )
        if not trace:
            return (self._spoken(),)
        steps = _match(trace, observation)
        steps = [_with_told(step) for step in _place(steps, observation)]
        if not observation.commands and steps and _may_decide(steps[-1]):
            # Without strace the shell's own exit status is the last command's.
            steps[-1] = replace(steps[-1], status=self.exit_status)
        return tuple(steps)

    def _spoken(self) -> Step:
        """Make one step of all that was written, where no trace tells the steps apart."""
        seen = self.observation
        runs = [run for run in (seen.execution, seen.rerun) if run]
        texts = [text for run in runs for text in (run.stdout, run.stderr)]
        said = first_lines([*texts, *(record.text for record in seen.discarded)])
        status = runs[-1].exit_status if runs else None
        return _with_told(Step(text="", status=status, said=said, failures=seen.failures))

    @cached_property
    def suspects(self) -> tuple[Step, ...]:
        """Steps that may have decided, the nearest to the end first."""
        return tuple(
            step
            for step in reversed(self.steps)
            if step.failed or (step.program in {"curl", "wget"} and not step.status)
        )

    def before(self, step: Step) -> tuple[Step, ...]:
        """Give the steps before one, the nearest first."""
        index = next(i for i, one in enumerate(self.steps) if one is step)
        return tuple(reversed(self.steps[:index]))

    def inputs(self, step: Step) -> tuple[Step, ...]:
        """Give the steps that a test or a search read from, the nearest first."""
        if not (step.is_test or step.program in READERS):
            return ()
        read = []
        for before in self.before(step):
            if before.is_test or before.program in {"exit", "trap", "set"}:
                break
            if before.program not in SILENT_WORDS and before.words:
                read.append(before)
        return tuple(read[:LONGEST_PIPE])

    def place(self, path: str) -> Place | None:
        """Give what was seen of a path; None where it was not looked at."""
        path = path.rstrip("/") or "/"
        for found in (self.seen("paths").get(path), *map(self.seen, _PLACES.get(path, ()))):
            if isinstance(found, Mapping) and "exists" in found:
                return read_place(path, found)
        return self._parent(path)

    def _parent(self, path: str) -> Place | None:
        """Give what was seen of a folder on the way to something that is not there."""
        for found in (*self.seen("paths").values(), self.seen("token"), self.seen("socket")):
            parent = found.get("parent") or {}
            if parent.get("path") == path:
                image = found.get("image") or {}
                kept = (image.get("parent") or {}).get("path") == path or image.get("exists")
                seen = {"exists": True, "type": "directory", "mount": found.get("mount")}
                return read_place(path, {**seen, **parent, "in_image": bool(kept) or None})
        return None

    def near(self, path: str) -> Place | None:
        """Give what was seen of a path, else of the nearest folder above it."""
        above = (path, *map(str, PurePosixPath(path).parents))
        return next((place for one in above if (place := self.place(one))), None)

    def runs_as_agent(self, step: Step, program: str) -> bool:
        """Tell whether a program of a step had the agent's rights, and not root's by sudo."""
        return step.program != "sudo" and program not in {"sudo", "su"}


def _may_decide(step: Step) -> bool:
    return step.status is None and step.program not in SILENT_WORDS


def _match(trace: Sequence[Traced], observation: Observation) -> list[Step]:
    """Lay the programs that were started beside the trace; their children belong to them."""
    steps = [Step(text=one.text, said=one.said) for one in trace]
    taken: set[int] = set()
    current = -1
    for command in observation.commands:
        index = next(
            (
                i
                for i, step in enumerate(steps)
                if i not in taken and same_command(" ".join(step.words), command.command)
            ),
            None,
        )
        own = index is not None
        if index is not None:
            taken.add(index)
            current = index
        elif current < 0:
            continue
        steps[current] = _started(steps[current], command.command, command.exit_status, own=own)
    return steps


def _started(step: Step, command: str, status: int | None, *, own: bool) -> Step:
    failed = ((command, status),) if status else ()
    return replace(
        step,
        status=status if own and status is not None else step.status,
        started=(*step.started, command),
        ended=(*step.ended, *failed),
    )


def _place(steps: list[Step], observation: Observation) -> Iterator[Step]:
    """Give each step what its programs wrote, and which of their system calls failed."""
    said: dict[int, list[str]] = {}
    failed: dict[int, list[Failure]] = {}
    for record in observation.discarded:
        lines = [line for line in first_lines([record.text]) if not is_traced(line)]
        if lines and (index := _writer(steps, record)) is not None:
            said.setdefault(index, []).extend(lines)
    for failure in observation.failures:
        if (index := _failing(steps, failure)) is not None:
            failed.setdefault(index, []).append(failure)
    for index, step in enumerate(steps):
        yield replace(
            step,
            said=(*step.said, *said.get(index, ())),
            failures=(*step.failures, *failed.get(index, ())),
        )


def _writer(steps: Sequence[Step], record: Discarded) -> int | None:
    """Find who wrote it: the step of that command line, else the last one of that program."""
    if record.command:
        for index in reversed(range(len(steps))):
            if any(same_command(record.command, command) for command in steps[index].started):
                return index
    return _last(steps, record.program, first_lines([record.text]))


def _failing(steps: Sequence[Step], failure: Failure) -> int | None:
    return _last(steps, failure.program, [failure.target])


def _last(steps: Sequence[Step], program: str, told: Sequence[str]) -> int | None:
    """Find the last step that a program ran for; a shell's own is the one that it speaks of."""
    name = program.rpartition("/")[2]
    if name not in SHELLS and name:
        running = [i for i, step in enumerate(steps) if name in _programs(step)]
        naming = [i for i in running if _names(steps[i], told)]
        return (naming or running or [None])[-1]
    own = [i for i, step in enumerate(steps) if not step.started and step.program]
    naming = [i for i in own if _names(steps[i], told)]
    silent = [i for i in own if steps[i].program not in SILENT_WORDS and not steps[i].is_test]
    return (naming or silent or own or [None])[-1]


def _programs(step: Step) -> set[str]:
    started = {command.split()[0].rpartition("/")[2] for command in step.started if command.split()}
    return started | {step.program}


def _names(step: Step, told: Iterable[str]) -> bool:
    return any(
        (len(word) > 1 and (word == line or (word.startswith("/") and word in line)))
        or bool(re.search(rf"(?<![\w/.-]){re.escape(word)}(?![\w/.-])", line))
        for line in told
        for word in step.words
        if word and word not in {"[", "]", "="} and not word.startswith("-")
    )


def _with_told(step: Step) -> Step:
    """Add the failures that a program told of itself to those that were seen."""
    known = {failure.target for failure in step.failures}
    told = (*_told_paths(step, known), *_told_addresses(step, known))
    return replace(step, failures=(*step.failures, *told)) if told else step


def _told_addresses(step: Step, known: Collection[str]) -> Iterator[Failure]:
    for line in step.said:
        found = _REFUSED.search(line)
        # To another machine curl 8 says the same where there is no way at all.
        if not found or not (found["refused"] or found["host"] in _LOCAL):
            continue
        address = f"{found['host']}:{found['port']}"
        if address not in known:
            yield Failure(program="curl", call="connect", target=address, errno="ECONNREFUSED")


def _told_paths(step: Step, known: Collection[str]) -> tuple[Failure, ...]:
    return tuple(
        Failure(
            program=found["program"].rpartition("/")[2],
            call="",
            target=found["target"],
            errno=_WORDS_OF_ERRNO[found["words"]],
        )
        for line in step.said
        if (found := _TOLD.match(re.sub(r"^(\S+): \d+: ", r"\1: ", line)))
        and found["target"] not in known
    )
