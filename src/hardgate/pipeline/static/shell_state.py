"""Where a shell stands in the middle of a script: variables, options, and what has failed so far.

A value is a text. What is not known of it is a marker, which no script holds (private characters).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hardgate.pipeline.static.shell_tree import Node

UNKNOWN = "\ue0ff"
"""Any text."""
FAILED = "\ue0fe"
"""The exit status of the command that is watched, which has failed: any number but 0."""
OTHER = "\ue0fd"
"""The exit status of a program that nobody watches: 0 or not."""
JOB = "\ue0fc"
"""The process number of a watched command that fails in the background."""
MARKERS = (UNKNOWN, FAILED, OTHER, JOB)
MAX_STATES = 8


def is_known(value: str) -> bool:
    """Tell whether a value is known to its last character."""
    return not any(marker in value for marker in MARKERS)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A program that a script starts, or a builtin, with its words expanded."""

    file: str
    line: int
    argv: tuple[str, ...]
    """Without wrappers such as `timeout 5`."""
    written: tuple[str, ...]
    """With them."""
    user: str = ""
    """Who runs it, by uid or as written."""
    wrappers: tuple[str, ...] = ()
    """The names of the wrappers."""
    writes: tuple[str, ...] = ()
    """Files that its output is redirected to."""
    stdin: str | None = None
    """What a here-document gives it."""
    replaces: bool = False
    """By `exec`: nothing of the shell stays."""
    ends_script: bool = False
    """Where it fails, the script ends."""
    folder: str = ""
    """That it is called in, as far as `cd` and WORKDIR tell."""

    @property
    def name(self) -> str:
        """The program, without its folder."""
        return self.argv[0].rpartition("/")[2] if self.argv else ""

    def __str__(self) -> str:
        """Write it as a person would, shortened."""
        shown = " ".join(word for word in self.written[:5])
        for marker in MARKERS:
            shown = shown.replace(marker, "…")
        return shown + (" …" if len(self.written) > 5 else "")  # noqa: PLR2004 - five are enough


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Where a failure of the watched command was first thrown away."""

    line: int
    by: str
    """What throws it away, as written: `|| true`."""
    in_pipe: bool = False


@dataclass(frozen=True, kw_only=True)
class State:
    """One way in which a script may have come to a point of it."""

    variables: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] | None = ()
    """`"$@"`; None where it is not known."""
    script: str = ""
    """`$0`."""
    status: str = "0"
    flow: str = ""
    """Empty, `exit`, `return`, `break` or `continue`."""
    levels: int = 0
    """How many loops `break` and `continue` still leave."""
    errexit: bool = False
    pipefail: bool = False
    immune: bool = False
    """The status comes from where `set -e` does not look, as the left side of `&&`."""
    failed: bool = False
    """The watched command was run, and has failed."""
    ran: bool = False
    """The watched command was run."""
    rescues: int = 0
    """How many commands of the watched kind were run and held."""
    loss: Loss | None = None
    may: frozenset[Call] = frozenset()
    """All that was called on some way to here."""
    must: frozenset[Call] = frozenset()
    """All that was called on each."""
    assumptions: Mapping[str, bool] = field(default_factory=dict)
    """How tests that nobody can tell are taken to have ended, by their text."""
    functions: Mapping[str, Node] = field(default_factory=dict)
    traps: Mapping[str, str] = field(default_factory=dict)
    trap_line: int = 0
    trapped_status: str = ""
    """In a trap on EXIT: the status that `exit` alone goes back to."""
    pipe_statuses: tuple[str, ...] = ()
    user: str = "0"
    opaque: bool = False
    """Something was run here that may have defined anything."""
    astray: bool = False
    """A piece that the grammar does not know was passed: nothing is sure any more."""
    published: bool = False
    """The failure's status was written where later steps can read it."""
    stdin: str | None = None
    """What is left to be read from standard input, where it is known."""
    found: tuple[str, ...] = ()
    """Folders that `find` hands on through a pipe."""
    files: Mapping[str, bool] = field(default_factory=dict)
    """Files that were made or removed, and so are there or not."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What was written for later steps to read: `output:NAME` and `env:NAME`."""
    expands_braces: bool = False
    """The shell is bash or the like, and no plain `sh`."""
    replaced_by: Call | None = None
    """What the shell became, by exec."""
    last: Call | None = None
    """The last program that was called."""

    def having(self, name: str, value: str) -> "State":
        """Set a variable."""
        kept = {text: held for text, held in self.assumptions.items() if name not in text}
        return change(self, variables={**self.variables, name: value}, assumptions=kept)

    def losing(self, line: int, by: str, *, in_pipe: bool = False) -> "State":
        """Note where the failure is thrown away, if it is the first place."""
        if not self.failed or self.loss is not None:
            return self
        return change(self, loss=Loss(line=line, by=by, in_pipe=in_pipe))

    def _identity(self) -> tuple[object, ...]:
        """All by which two states can differ in what follows."""
        return (*self._weight(), self.status, frozenset(self.variables.items()), self.arguments,
                self.pipe_statuses, frozenset(self.assumptions.items()), self.may, self.must,
                tuple(self.functions), self.last, self.immune, self.stdin,
                frozenset(self.files.items()), frozenset(self.values.items()))  # fmt: skip

    def _weight(self) -> tuple[object, ...]:
        """What must never be mixed: options, flow, user, and what the watched command did."""
        return (self.flow, self.levels, self.errexit, self.pipefail, self.failed, self.ran,
                self.rescues > 0, self.user, self.opaque, self.astray, self.published,
                self.replaced_by, frozenset(self.traps.items()), self.script,
                self.status if self.flow in {"exit", "return"} else "")  # fmt: skip


def change(state: State, **changes: Any) -> State:
    """Do what dataclasses.replace does, five times as fast: it is called for each command."""
    changed = object.__new__(State)
    vars(changed).update(vars(state))
    vars(changed).update(changes)
    return changed


def distinct(states: Iterable[State]) -> list[State]:
    """Leave out states that are alike; where there are too many, mix those that are nearly so."""
    states = list(states)
    if len(states) < 2:  # noqa: PLR2004 - nothing to compare
        return states
    found = {state._identity(): state for state in states}
    if len(found) <= MAX_STATES:
        return list(found.values())
    mixed: dict[tuple[object, ...], State] = {}
    for state in found.values():
        key = state._weight()
        mixed[key] = _mixed(mixed[key], state) if key in mixed else state
    return list(mixed.values())


def _mixed(one: State, two: State) -> State:
    """Keep what both know, and forget how they came here."""
    names = one.variables.keys() | two.variables.keys()
    return change(
        one,
        status=one.status if one.status == two.status else OTHER,
        variables={
            name: one.variables[name]
            if one.variables.get(name) == two.variables.get(name)
            else UNKNOWN
            for name in names
        },
        arguments=one.arguments if one.arguments == two.arguments else None,
        pipe_statuses=one.pipe_statuses if one.pipe_statuses == two.pipe_statuses else (),
        assumptions={},
        stdin=one.stdin if one.stdin == two.stdin else None,
        files=dict(one.files.items() & two.files.items()),
        values={
            **dict.fromkeys(one.values.keys() | two.values.keys(), UNKNOWN),
            **dict(one.values.items() & two.values.items()),
        },
        may=one.may | two.may,
        must=one.must & two.must,
        functions={**two.functions, **one.functions},
        loss=one.loss or two.loss,
        immune=one.immune and two.immune,
        last=one.last if one.last == two.last else None,
    )
