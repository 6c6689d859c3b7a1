"""One miss as the rules read it: its probe, the probe's steps, and what was seen around them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from hardgate.diagnosis.analysis import process_facts
from hardgate.diagnosis.analysis.correlate import correlate_steps
from hardgate.diagnosis.analysis.data_flow import find_input_steps
from hardgate.diagnosis.analysis.path_facts import PathFacts, find_path_facts
from hardgate.diagnosis.analysis.step import FILTER_PROGRAMS, ProbeStep
from hardgate.model.observation import HttpExchange, Observation


@dataclass(frozen=True, kw_only=True)
class FailedProbe:
    """What a rule may rest on."""

    observation: Observation
    script: str = ""
    """The probe, as the contract has it; empty for a guard."""
    uid: int = 1000
    """The agent's."""
    other_observations: Mapping[str, Observation] = field(default_factory=dict)
    """All that was seen of the same run, by name."""

    @property
    def surroundings(self) -> Mapping[str, Any]:
        """What was seen from outside."""
        return self.observation.surroundings

    def get_facts(self, key: str) -> Mapping[str, Any]:
        """Give one of the surroundings that is a table; an empty one where it was not looked at."""
        value = self.surroundings.get(key)
        return value if isinstance(value, Mapping) else {}

    @property
    def groups(self) -> frozenset[int] | None:
        """The agent's groups, by number; None where they were not looked at."""
        known = self.get_facts("agent").get("groups")
        return None if known is None else frozenset(map(int, known))

    @property
    def agent_name(self) -> str:
        """The agent's name, as the image has it; empty where it has none or nobody looked."""
        names = (
            agent.get("name")
            for observation in (self.observation, *self.other_observations.values())
            if isinstance(agent := observation.surroundings.get("agent"), Mapping)
            and agent.get("uid", self.uid) == self.uid
        )
        return str(next(filter(None, names), ""))

    @property
    def is_agent_unnamed(self) -> bool:
        """The image has no user of the agent's number; False where nobody looked."""
        agents = (
            observation.surroundings.get("agent")
            for observation in (self.observation, *self.other_observations.values())
        )
        return any(
            isinstance(agent, Mapping) and agent.get("uid") == self.uid and agent.get("name") == ""
            for agent in agents
        )

    @property
    def foreign_workload(self) -> process_facts.WorkspaceProcess | None:
        """What the image left running as somebody else than the agent; None where all is well."""
        wrong = (
            process for process in self.processes if process.is_workload and process.uid != self.uid
        )
        return next(wrong, None)

    @property
    def home(self) -> str:
        """The agent's home, as the image's passwd has it; empty where that is not known."""
        return str(self.get_facts("passwd").get("home") or "")

    @cached_property
    def listening_sockets(self) -> tuple[process_facts.ListeningSocket, ...]:
        """Who listens where: seen beside this probe, else beside the first one where it was."""
        others = (observation.surroundings for observation in self.other_observations.values())
        looks = (seen for seen in (self.surroundings, *others) if "listening" in seen)
        return process_facts.parse_listening_sockets(next(looks, {}))

    @cached_property
    def processes(self) -> tuple[process_facts.WorkspaceProcess, ...]:
        """The workspace's processes."""
        return process_facts.parse_processes(self.surroundings, self.other_observations.values())

    @property
    def egress_targets(self) -> tuple[str, ...] | None:
        """The egress targets that the probe was given; None where that is not known."""
        known = self.surroundings.get("egress")
        return tuple(map(str, known)) if isinstance(known, Sequence) else None

    @property
    def log_tail(self) -> tuple[str, ...]:
        """The end of the workspace's log."""
        return process_facts.parse_log_tail(self.surroundings)

    @property
    def is_token_blank(self) -> bool:
        """The token holds white space alone."""
        return self.get_facts("token").get("blank") is True

    @property
    def bounding_set(self) -> int | None:
        """The bounding set of the workspace's capabilities."""
        return process_facts.parse_capability_mask(self.get_facts("capabilities").get("bounding"))

    @property
    def host_bounding_set(self) -> int | None:
        """The host's."""
        return process_facts.parse_capability_mask(self.get_facts("capabilities").get("host"))

    @property
    def pid_namespaces(self) -> tuple[str, str]:
        """The workspace's PID namespace and the host's; empty where they were not seen."""
        spaces = self.get_facts("namespaces")
        own, host = spaces.get("workspace") or {}, spaces.get("host") or {}
        return str(own.get("pid") or ""), str(host.get("pid") or "")

    @property
    def exit_status(self) -> int | None:
        """How the probe ended when it was looked at twice, else the first time."""
        run = self.observation.rerun or self.observation.execution
        return run.exit_status if run else None

    @property
    def exchanges(self) -> tuple[HttpExchange, ...]:
        """Requests over HTTP, and their answers."""
        return self.observation.exchanges

    @cached_property
    def steps(self) -> tuple[ProbeStep, ...]:
        """The probe's commands; one step of no text where it was not looked at twice."""
        return correlate_steps(self.observation, self.script)

    @cached_property
    def suspect_steps(self) -> tuple[ProbeStep, ...]:
        """Steps that may have decided, the nearest to the end first."""
        return tuple(
            step
            for step in reversed(self.steps)
            if step.has_failed or (step.program in {"curl", "wget"} and not step.status)
        )

    def steps_before(self, step: ProbeStep) -> tuple[ProbeStep, ...]:
        """Give the steps before one, the nearest first."""
        return tuple(reversed(self.steps[: step.number]))

    def input_steps(self, step: ProbeStep) -> tuple[ProbeStep, ...]:
        """Give the steps that a test or a search read from, the nearest first."""
        if not (step.is_test or step.program in FILTER_PROGRAMS):
            return ()
        return find_input_steps(step, self.steps, self.script)

    def falls_back_to(self, step: ProbeStep) -> bool:
        """Tell whether the probe runs a step where what stands before it failed (`A || B`)."""
        start = re.escape(" ".join(step.argv[:2]))
        return bool(re.search(rf"\|\|\s*(?:\\\n\s*)?[\"'(]*{start}", self.script))

    def path_facts(self, path: str) -> PathFacts | None:
        """Give what was seen of a path; None where nothing was."""
        return find_path_facts(self.surroundings, path.rstrip("/") or "/")

    def nearest_path_facts(self, path: str) -> PathFacts | None:
        """Give what was seen of a path, else of the nearest folder above it."""
        candidates = (path, *map(str, PurePosixPath(path).parents))
        return next(
            (facts for candidate in candidates if (facts := self.path_facts(candidate))), None
        )

    def mentions_path(self, path: str) -> bool:
        """Tell whether the probe, its trace or its words name a path or a folder above it."""
        return any(
            candidate in self._searched_text for candidate in (path, *_specific_parents(path))
        )

    @property
    def shell_trace(self) -> str:
        """What the shell traced at the second look; empty where there was none."""
        return self.observation.rerun.stderr if self.observation.rerun else ""

    @cached_property
    def _searched_text(self) -> str:
        output = (line for step in self.steps for line in step.output)
        return "\n".join((self.script, self.shell_trace, *output))

    def runs_as_agent(self, step: ProbeStep, program: str) -> bool:
        """Tell whether a program of a step had the agent's rights, and not root's by sudo."""
        return step.program != "sudo" and program not in {"sudo", "su"}


def _specific_parents(path: str) -> Iterator[str]:
    """Yield the folders above a path that are telling: not the root, and none directly below it."""
    for above in PurePosixPath(path).parents:
        if len(above.parts) > 2 or str(above) in {"/host", "/configs", "/workspace", "/agent-home"}:  # noqa: PLR2004
            yield str(above)
