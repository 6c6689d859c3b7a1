"""Sends a contract's probes to the host, and brings back what was seen. Thin: the package judges.

Runs in hardgate's own interpreter, on the machine of the play. "The probe said no" is data in an ok
result; a failed task means that nobody could look, and an unreachable host that nobody is there.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from hardgate.ansible.task_result import answer_task
from hardgate.errors import ExitCode, HardgateError
from hardgate.model.contract import Subject, load_contract
from hardgate.model.plan import make_host_plan
from hardgate.model.verdict import exit_code_of_verdicts, judge_plan
from hardgate.redaction import Redactor
from hardgate.remote.host_probes import make_host_probes, pick_probe_variables, read_observations
from hardgate.remote.task_answers import HostContractAnswer

ContractTaskArguments = Mapping[str, Any]
RunModule = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Runs a module on the host, given its name and its arguments."""


def verify_host_contract(values: ContractTaskArguments, run_module: RunModule) -> dict[str, Any]:
    """Run the probes, and say what was seen and whether the contract held."""
    contract = load_contract(values["contract"], subject=Subject.HOST)
    plan = make_host_plan(contract)
    response = run_module(
        "host_probes",
        {
            "variables": pick_probe_variables(plan, values["variables"]),
            "probes": make_host_probes(
                plan,
                run=secrets.token_hex(4),
                runner=values["runner"],
                seconds=float(values["seconds"]),
            ),
        },
    )
    if "observations" not in response:
        outputs = [
            str(response.get(key) or "").strip() for key in ("module_stderr", "module_stdout")
        ]
        raise HardgateError(
            f"The probes could not be run: "
            f"{str(response.get('msg') or 'no reason is known').strip()}",
            "They take root on the host, and Python 3.9 or newer.",
            evidence="\n".join(part for part in outputs if part),
        )
    observations = tuple(read_observations(response["observations"], Redactor()))
    code = exit_code_of_verdicts(judge_plan(plan, observations))
    return HostContractAnswer(
        contract=values["contract"],
        sha256=contract.sha256,
        engine=response["engine"],
        kernel=response["kernel"],
        observations=observations,
        held=code is ExitCode.HELD,
        missed=code is ExitCode.BROKEN,
    ).to_json()


class ActionModule(ActionBase):  # type: ignore[misc]
    """One contract, one module on the host."""

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Answer with what was seen, as data."""
        super().run(tmp, task_vars)

        def run_module(module: str, arguments: dict[str, Any]) -> dict[str, Any]:
            return dict(self._execute_module(module, arguments, task_vars=task_vars))

        return answer_task(lambda: verify_host_contract(self._task.args, run_module))
