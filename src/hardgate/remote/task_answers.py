"""What the roles that act on other hosts answer: each answer is one value, read in one place.

See D65 in ARCHITECTURE.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hardgate.model.observation import Observation
from hardgate.redaction import Redactor
from hardgate.remote.host_probes import read_observations
from hardgate.report.gate_summary import ExpectedRun, GateSummary, SummaryError, read_gate_summary

HOST_CONTRACT_KEY = "host_contract"
"""The key of what the role host_contract's plugin answers."""
GATE_RESULT_KEY = "remote_gate"
"""The fact that the role remote_gate sets, or the key of its message."""


@dataclass(frozen=True, kw_only=True)
class HostContractAnswer:
    """What a contract's probes saw of a host. Written by the plugin, read by the command."""

    contract: str
    """The contract's file, on the machine of the play."""
    sha256: str
    engine: str
    """The version of the host's engine; empty where none answered."""
    kernel: str
    observations: Sequence[Observation]
    held: bool
    """Every hard capability passed."""
    missed: bool
    """One was missed, seen and not guessed."""

    def to_json(self) -> dict[str, Any]:
        """Write the keys of the task's answer."""
        return {HOST_CONTRACT_KEY: asdict(self)}

    @classmethod
    def find(cls, result: Mapping[str, Any], redactor: Redactor) -> "HostContractAnswer | None":
        """Read a task's answer, without its secrets; None where it is another task's."""
        if HOST_CONTRACT_KEY not in result:
            return None
        data = dict(result[HOST_CONTRACT_KEY])
        seen = tuple(read_observations(data["observations"], redactor))
        return cls(**{**data, "observations": seen})


@dataclass(frozen=True, kw_only=True)
class GateAnswer:
    """What a gate on another host left: nothing of it is believed before it was read."""

    exit_code: object
    summary: object
    """summary.json as it was fetched, or None."""
    output: str
    """The last lines that the gate's process printed."""

    @classmethod
    def find(cls, result: Mapping[str, Any], redactor: Redactor) -> "GateAnswer | None":
        """Read a task's answer, without its secrets; None where it is another task's."""
        for mapping in list_result_mappings(result):
            if isinstance(mapping.get(GATE_RESULT_KEY), Mapping):
                answer = redactor.redact_value(dict(mapping[GATE_RESULT_KEY]))
                lines: Iterable[object] = answer.get("said") or ()
                return cls(
                    exit_code=answer.get("exit_code"),
                    summary=answer.get("summary"),
                    output="\n".join(map(str, lines)).strip(),
                )
        return None

    def read_summary(self, expected: ExpectedRun) -> GateSummary:
        """Read the summary with distrust; raises SummaryError with the gate's last lines."""
        try:
            return read_gate_summary(self.summary, self.exit_code, expected)
        except SummaryError as error:
            raise SummaryError(error.problem, evidence=self.output) from error


def list_result_mappings(result: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """List where a task's answer may stand: at its top, in a message, or as a fact."""
    inner = (result.get(key) for key in ("msg", "ansible_facts"))
    return [result, *(mapping for mapping in inner if isinstance(mapping, Mapping))]
