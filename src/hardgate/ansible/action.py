"""The class that Ansible looks for in an action plugin's file.

For plugins alone: it imports Ansible, which takes longer than all else that a gate imports.
"""

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from hardgate.ansible.task_result import TaskArguments, answer_task


class Action(ActionBase):  # type: ignore[misc]
    """Answers a task on the machine of the gate. A plugin's `ActionModule` says what it does."""

    _requires_connection = False

    def perform_task(self, values: TaskArguments) -> Mapping[str, Any]:
        """Do what one task asks for, and give what is to be registered."""
        raise NotImplementedError

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Answer Ansible."""
        super().run(tmp, task_vars)
        return answer_task(lambda: self.perform_task(self._task.args))
