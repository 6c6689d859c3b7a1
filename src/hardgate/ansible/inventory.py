"""Hosts elsewhere, as Ansible names and reaches them."""

from dataclasses import dataclass
from pathlib import Path

from hardgate.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What the caller gives to a play in place of this machine alone."""

    path: Path
    """Whatever Ansible takes for an inventory: a file, a folder, a script."""
    limit: str = ""
    """A pattern that picks some of its hosts, as ansible-playbook's `--limit`."""
    forks: int = 5
    """How many hosts are worked on at once."""

    def __post_init__(self) -> None:
        """Refuse a path that is not there: Ansible would warn, and go on with no host."""
        if self.forks < 1:
            raise UsageError(
                f"'--forks {self.forks}' is not a number of hosts.", "Work on at least one at once."
            )
        if not self.path.exists():
            raise UsageError(
                f"There is no inventory '{self.path}'.",
                "Name a file or a folder that Ansible reads, with '-i'.",
            )
