"""One miss as the rules read it: its probe, the probe's steps, and what was seen around them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from hardgate.diagnosis.analysis import process_facts
from hardgate.diagnosis.analysis.correlate import read_steps
from hardgate.diagnosis.analysis.data_flow import fed_by
from hardgate.diagnosis.analysis.path_facts import Place, find_place
from hardgate.diagnosis.analysis.step import READERS, Step
from hardgate.model.observation import Exchange, Observation


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
    def is_nameless(self) -> bool:
        """The image has no user of the agent's number; False where nobody looked."""
        looks = (one.surroundings.get("agent") for one in (self.observation, *self.others.values()))
        return any(
            isinstance(seen, Mapping) and seen.get("uid") == self.uid and seen.get("name") == ""
            for seen in looks
        )

    @property
    def wrong_workload(self) -> process_facts.Process | None:
        """What the image left running as somebody else than the agent; None where all is well."""
        wrong = (one for one in self.processes if one.is_workload and one.uid != self.uid)
        return next(wrong, None)

    @property
    def home(self) -> str:
        """The agent's home, as the image's passwd has it; empty where that is not known."""
        return str(self.seen("passwd").get("home") or "")

    @property
    def listeners(self) -> tuple[process_facts.Listener, ...]:
        """Who listens where."""
        return process_facts.read_listeners(self.surroundings)

    @cached_property
    def processes(self) -> tuple[process_facts.Process, ...]:
        """The workspace's processes."""
        return process_facts.read_processes(self.surroundings, self.others.values())

    @property
    def targets(self) -> tuple[str, ...] | None:
        """The egress targets that the probe was given; None where that is not known."""
        known = self.surroundings.get("egress")
        return tuple(map(str, known)) if isinstance(known, Sequence) else None

    @property
    def log(self) -> tuple[str, ...]:
        """The end of the workspace's log."""
        return process_facts.read_log(self.surroundings)

    @property
    def token_is_blank(self) -> bool:
        """The token holds white space alone."""
        return self.seen("token").get("blank") is True

    @property
    def bounding(self) -> int | None:
        """The bounding set of the workspace's capabilities."""
        return process_facts.read_hex(self.seen("capabilities").get("bounding"))

    @property
    def host_bounding(self) -> int | None:
        """The host's."""
        return process_facts.read_hex(self.seen("capabilities").get("host"))

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
        return read_steps(self.observation)

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
        return tuple(reversed(self.steps[: step.number]))

    def inputs(self, step: Step) -> tuple[Step, ...]:
        """Give the steps that a test or a search read from, the nearest first."""
        if not (step.is_test or step.program in READERS):
            return ()
        return fed_by(step, self.steps, self.script)

    def falls_back_to(self, step: Step) -> bool:
        """Tell whether the probe runs a step where what stands before it failed (`A || B`)."""
        start = re.escape(" ".join(step.words[:2]))
        return bool(re.search(rf"\|\|\s*(?:\\\n\s*)?[\"'(]*{start}", self.script))

    def place(self, path: str) -> Place | None:
        """Give what was seen of a path; None where nothing was."""
        return find_place(self.surroundings, path.rstrip("/") or "/")

    def near(self, path: str) -> Place | None:
        """Give what was seen of a path, else of the nearest folder above it."""
        above = (path, *map(str, PurePosixPath(path).parents))
        return next((place for one in above if (place := self.place(one))), None)

    def mentions(self, path: str) -> bool:
        """Tell whether the probe, its trace or its words name a path or a folder above it."""
        return any(one in self._text for one in (path, *_folders(path)))

    @property
    def trace(self) -> str:
        """What the shell traced at the second look; empty where there was none."""
        return self.observation.rerun.stderr if self.observation.rerun else ""

    @cached_property
    def _text(self) -> str:
        said = (line for step in self.steps for line in step.said)
        return "\n".join((self.script, self.trace, *said))

    def runs_as_agent(self, step: Step, program: str) -> bool:
        """Tell whether a program of a step had the agent's rights, and not root's by sudo."""
        return step.program != "sudo" and program not in {"sudo", "su"}


def _folders(path: str) -> Iterator[str]:
    """Yield the folders above a path that are telling: not the root, and none directly below it."""
    for above in PurePosixPath(path).parents:
        if len(above.parts) > 2 or str(above) in {"/host", "/configs", "/workspace", "/agent-home"}:  # noqa: PLR2004
            yield str(above)
