"""What `hardgate runner` was asked for, read and found to make sense."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hardgate.ansible.inventory import Inventory
from hardgate.model.plan import Plan
from hardgate.report.job_summary import PublishSummary, append_job_summary


@dataclass(frozen=True, kw_only=True)
class RunnerRequest:
    """Which hosts, and by what they are judged."""

    inventory: Inventory
    hosts: tuple[str, ...]
    plans: tuple[Plan, ...]
    """The contracts of a host, in the order in which it is held to them."""
    gate_plan: Plan
    """What is owed by the image that is verified on each host at the end."""
    reference: str
    """That image, where it is not hardgate's own, which is built there."""
    gate_arguments: tuple[str, ...]
    """For its gate."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The role's variables that nobody may see, by name: `runner_token` and its like."""
    out: Path | None = None
    formats: tuple[str, ...] = ()
    """Of each host's reports; the default ones where it is empty."""
    publish_summary: PublishSummary = append_job_summary
