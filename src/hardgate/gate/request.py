"""What a gate was asked to verify, as a value."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardgate.engine.build_request import BuildRequest
from hardgate.model.plan import Plan
from hardgate.model.run import Source
from hardgate.report.job_summary import PublishSummary, append_job_summary

LIFE_SECONDS = 4 * 3600
"""Seconds after which a test host ends, whatever became of its gate."""
KEEP_SECONDS = 24 * 3600
"""The same for one that '--keep' left."""
RUN_SECONDS = 2 * 3600.0
"""Seconds after which a run ends with what was seen until then."""


@dataclass(frozen=True, kw_only=True)
class FrozenBuild:
    """A build from files that nobody changes meanwhile."""

    build: BuildRequest
    source: Source


@dataclass(frozen=True, kw_only=True)
class GateRequest:
    """What the command line asked for, read and found to make sense."""

    plan: Plan
    build: BuildRequest | None
    """None where `reference` names an image that is there."""
    reference: str
    host: str
    egress: tuple[str, ...]
    """Targets, without the beacon."""
    environment: Mapping[str, str]
    volumes: tuple[str, ...]
    config: str
    ready_seconds: float
    probe_seconds: float
    out: Path | None
    formats: tuple[str, ...] = ()
    """Of the reports; the default ones where it is empty."""
    baseline: Mapping[str, Any] | None = None
    """The summary of an older run that this one is compared with."""
    hold_workspace: bool = False
    """The workspace is left running when all probes have run, until everything is taken down."""
    keep: bool
    base: Path | None
    refresh_base: bool
    platform: bool = False
    """The workspace gets its token by registering: it is given the platform's double."""
    notices: tuple[str, ...] = ()
    """What the caller did that a reader must not miss."""
    secrets: tuple[str, ...] = ()
    """Values that must not be seen anywhere."""
    freeze_build: Callable[[BuildRequest], AbstractContextManager[FrozenBuild]] | None = None
    """Gives a copy that is built from, and what it is a copy of; None where nothing is built."""
    run_seconds: float = RUN_SECONDS
    publish_summary: PublishSummary = append_job_summary
