"""The class that Ansible looks for in an action plugin's file.

For plugins alone: it imports Ansible, which takes longer than all else that a gate imports.
"""

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from hardgate.ansible.task_result import TaskArguments, answer_task

_contexts: dict[tuple[str, str], TaskArguments] = {}
"""By the task and the variable."""


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
        arguments = {**self._read_context(task_vars or {}), **self._task.args}
        return answer_task(lambda: self.perform_task(arguments))

    def _read_context(self, variables: Mapping[str, Any]) -> TaskArguments:
        """Give what the variable holds that a task names as its `context_variable`.

        Ansible templates a task's arguments for each item of its loop anew, which takes 20 ms of
        CPU where they are nested. A worker process is for one task: this is read once in it.
        """
        name = self._task.args.get("context_variable")
        if name is None:
            return {}
        key = (self._task._uuid, name)
        if key not in _contexts:
            _contexts[key] = dict(self._templar.template(variables[name]))
        return _contexts[key]
