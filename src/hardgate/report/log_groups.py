"""Folded groups in the log of a forge's job.

GitHub, Gitea and Forgejo read workflow commands, GitLab reads marks between control characters:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#grouping-log-lines
https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections
Nothing that an image wrote can be either: every line of it is disarmed (`text.plain`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from hardgate.text.plain import one_line


class LogDialect(Enum):
    """How a forge's log is told where a group begins and ends."""

    WORKFLOW_COMMANDS = "workflow commands"
    GITLAB_SECTIONS = "GitLab's sections"


def find_log_dialect(environ: Mapping[str, str]) -> LogDialect | None:
    """Find out which forge's job this is; None where no log can be folded."""
    # Gitea's and Forgejo's runners set GITHUB_ACTIONS, too.
    if environ.get("GITHUB_ACTIONS") == "true":
        return LogDialect.WORKFLOW_COMMANDS
    return LogDialect.GITLAB_SECTIONS if environ.get("GITLAB_CI") == "true" else None


@dataclass(frozen=True, kw_only=True)
class LogGroup:
    """One group; its run's id sets it apart from those of other runs in the same log."""

    dialect: LogDialect
    title: str
    run_id: str

    def format_start(self, now: float) -> str:
        """Give what begins it; `now` is in seconds since 1970."""
        title = one_line(self.title)
        match self.dialect:
            case LogDialect.WORKFLOW_COMMANDS:
                return f"::group::{title.replace('%', '%25')}\n"
            case LogDialect.GITLAB_SECTIONS:
                mark = f"section_start:{int(now)}:{self._section}[collapsed=true]"
                return f"\x1b[0K{mark}\r\x1b[0K{title}\n"
            case _:
                assert_never(self.dialect)

    def format_end(self, now: float) -> str:
        """Give what ends it."""
        match self.dialect:
            case LogDialect.WORKFLOW_COMMANDS:
                return "::endgroup::\n"
            case LogDialect.GITLAB_SECTIONS:
                return f"\x1b[0Ksection_end:{int(now)}:{self._section}\r\x1b[0K\n"
            case _:
                assert_never(self.dialect)

    @property
    def _section(self) -> str:
        return "hardgate_" + re.sub(r"[^a-zA-Z0-9]", "_", self.run_id)
