"""One run of the gate, as the reports tell it: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hardgate.errors import ExitCode
from hardgate.model.plan import Plan
from hardgate.model.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Image:
    """The image under test."""

    reference: str
    """What it was asked for as: a tag, or the folder that it was built from."""
    digest: str
    """Its config digest (`sha256:…`): the identity from build to report."""
    source_commit: str = ""
    """The commit of its context, with `-dirty` where it has changes; empty outside git."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """The machine that the workspace believed it was on, or that is itself the subject."""

    kind: str
    """`nested` or `direct`; `subject` where the host itself was looked at."""
    engine: str = ""
    """Version of the engine that ran the workspace."""
    kernel: str = ""
    name: str = ""
    """As the inventory has it, where the host is the subject."""
    adaptations: tuple[str, ...] = ()
    """Sentences on what this machine could not give, and what was done instead."""


@dataclass(frozen=True, kw_only=True)
class StepSpan:
    """One step of a run; steps may overlap."""

    name: str
    began: float
    """Seconds after the run's start."""
    seconds: float
    held: bool
    """False where an error ended it."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Which content was looked at: two answers with equal sources are about the same files."""

    repository: str
    """Its name at the forge, or its folder's; for the reader, and compared with nothing."""
    context: str
    """The build context's path in the repository, `.` for its top."""
    dockerfile: str
    """Its path in the repository; absolute where it lies outside."""
    content: str
    """`sha256:…` of all files that are tracked, new, or let into the build, as they lie there."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything a report may say."""

    id: str
    started_at: str
    """ISO 8601, UTC, to the second."""
    seconds: float
    plan: Plan
    image: Image | None
    """None where there never was one."""
    host: Host | None
    verdicts: tuple[Verdict, ...]
    exit_code: ExitCode
    problem: str = ""
    """Why nothing, or not everything, could be looked at; empty where it could."""
    remedy: str = ""
    evidence: str = ""
    """What was seen of the problem, such as the end of a build's log."""
    notices: tuple[str, ...] = ()
    """Sentences that the reader must not miss, such as a beacon in place of the internet."""
    steps: Mapping[str, float] = field(default_factory=dict)
    """Seconds that each step took, in order."""
    timeline: tuple[StepSpan, ...] = ()
    """The same steps with their start, in the order of their start."""
    baseline: Mapping[str, Any] | None = None
    """What changed since an older run (`report.run_diff`); None where none was named."""
    kept: tuple[str, ...] = ()
    """With --keep: how to enter, repeat and remove; a line each."""
    source: Source | None = None
    """None where the image was there already, and nothing was built."""
