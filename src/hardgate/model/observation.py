"""What was seen, by a probe or a guard: values only, no conclusions."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from hardgate.text.bounded import bound_value


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One run of one script in the workspace, as the engine told it."""

    exit_status: int | None
    """The script's exit status; None where the engine did not say."""
    stdout: str = ""
    stderr: str = ""
    """Both decoded with replacement, and cut at the limit of `hardgate.engine.exec`."""
    truncated: bool = False
    """More was written than is kept here."""
    seconds: float = 0.0
    timed_out: bool = False
    """The script was still running at its deadline, and was ended by the gate."""
    problem: str = ""
    """Why nobody could tell, as a sentence; empty where the exit status is known."""

    @property
    def is_silent(self) -> bool:
        """It failed by itself, and wrote nothing on stdout and stderr."""
        return bool(self.exit_status) and not (self.timed_out or self.stdout or self.stderr)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Execution":
        """Read what `dataclasses.asdict` wrote."""
        return cls(**data)


@dataclass(frozen=True, kw_only=True)
class DiscardedOutput:
    """What one process wrote where nobody could read it, in the second look."""

    program: str
    """The writer, by its first argument: `curl`."""
    command: str
    """Its command line, as it was started; empty where it is the probe's own shell."""
    fd: int
    """The descriptor that it wrote to: 1, 2, or what it opened itself."""
    text: str
    """Decoded with replacement, and bounded."""
    target: str = "/dev/null"
    """Where it went: a path, `pipe` (another command of the probe's read it), or `closed`."""


@dataclass(frozen=True, kw_only=True)
class TracedCommand:
    """One program that a probe started, in the second look."""

    program: str
    command: str
    exit_status: int | None
    """128 and more for a signal; None where it became another program, or did not end."""


@dataclass(frozen=True, kw_only=True)
class FailedCall:
    """One system call that failed, in the second look; the search along PATH is one failure."""

    program: str
    call: str
    """`openat`, `connect`, `execve`, …"""
    target: str
    """A path, an address (`127.0.0.1:8080`), or the name of a command that is nowhere in PATH."""
    errno: str
    """By its name: `ENOENT`."""
    elsewhere: bool = False
    """It was in another root than the workspace's: behind nsenter, or chroot."""


@dataclass(frozen=True, kw_only=True)
class HttpExchange:
    """One request over HTTP in clear, and the first line of its answer, in the second look."""

    program: str
    request: str
    """Its first line; never its headers."""
    answer: str
    """The status line; empty where none came."""


class LookKind(StrEnum):
    """What was done to learn of one promise."""

    RUN = "run"
    """The probe's run, which alone is judged."""
    RERUN = "second run"
    """The run of a silent failure under trace; there may be one more, untraced."""
    CONTEXT = "facts from outside"


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at a promise, and when it was taken."""

    kind: LookKind
    began: float
    """On the machine's monotonic clock, which all its processes share; in a run's reports,
    seconds after the run's start."""
    seconds: float

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Look":
        """Read what `dataclasses.asdict` wrote."""
        return cls(**{**data, "kind": LookKind(data["kind"])})


class LookRecorder:
    """Takes the times of the looks at one promise, in their order."""

    def __init__(self) -> None:
        """Begin with none."""
        self.looks: list[Look] = []

    @contextmanager
    def record_look(self, kind: LookKind) -> Iterator[None]:
        """Record what is done meanwhile as one look, however it ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.looks.append(Look(kind=kind, began=began, seconds=time.monotonic() - began))


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen of one planned capability or guard."""

    name: str
    """The capability's or the guard's name, as planned."""
    execution: Execution | None = None
    """The probe's run; None for a guard that looks without running anything."""
    rerun: Execution | None = None
    """The second look at a silent failure (`sh -xc`); evidence, never judged. Its `problem` says
    what keeps it from being the whole story."""
    discarded: tuple[DiscardedOutput, ...] = ()
    """What was written in the second look and read by nobody, in that order."""
    commands: tuple[TracedCommand, ...] = ()
    """The programs that were started in it, in that order."""
    failures: tuple[FailedCall, ...] = ()
    """The system calls that failed in it, the last ones, in that order, each once."""
    exchanges: tuple[HttpExchange, ...] = ()
    surroundings: Mapping[str, Any] = field(default_factory=dict)
    """What decides a miss, seen from outside: JSON values (see `diagnose.surroundings`)."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What a guard saw: JSON values, each guard's own keys (see `hardgate.model.guard`)."""
    problem: str = ""
    """Why nobody could look, as a sentence; empty where somebody could."""
    looks: tuple[Look, ...] = ()
    """When it was looked at; none where nobody took the times."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Observation":
        """Read what `dataclasses.asdict` wrote."""
        runs = {
            key: Execution.from_json(data[key]) if data.get(key) else None
            for key in ("execution", "rerun")
        }
        return cls(
            name=data["name"],
            discarded=tuple(DiscardedOutput(**entry) for entry in data.get("discarded", ())),
            commands=tuple(TracedCommand(**one) for one in data.get("commands", ())),
            failures=tuple(FailedCall(**one) for one in data.get("failures", ())),
            exchanges=tuple(HttpExchange(**one) for one in data.get("exchanges", ())),
            surroundings=data.get("surroundings", {}),
            facts=data.get("facts", {}),
            problem=data.get("problem", ""),
            looks=tuple(map(Look.from_json, data.get("looks", ()))),
            **runs,
        )

    def count_looks_from(self, began: float) -> "Observation":
        """Count the looks' times from a run's start, which is of the same clock."""
        looks = (replace(look, began=max(look.began - began, 0.0)) for look in self.looks)
        return replace(self, looks=tuple(looks))


def bound_observation(observation: Observation) -> Observation:
    """Cut what an image wrote into lines that patterns may read; a guard's facts stay whole."""
    written = bound_value(asdict(observation))
    return Observation.from_json({**written, "facts": dict(observation.facts)})
