"""A run's notices tell what happened in it, and count what stood at its start."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from hardgate.gate.conclusion import list_notices
from hardgate.gate.request import GateRequest
from hardgate.host.egress_beacon import BEACON_NOTICE
from hardgate.model.contract import Capability
from hardgate.model.observation import Execution, Observation
from tests.unit import runs

EGRESS = "network_egress_https"
PROBED = Observation(name=EGRESS, execution=Execution(exit_status=0))


def request(capabilities: Iterable[Capability], **contract: Any) -> GateRequest:
    planned = tuple(capabilities)
    changed = replace(runs.CONTRACT, capabilities=planned, **contract)
    return GateRequest(
        plan=replace(runs.PLAN, contract=changed, capabilities=planned, beacon=True),
        build=None, reference="image", host="nested", egress=(), environment={}, volumes=(),
        config="", ready_seconds=60, probe_seconds=60, out=None, keep=False, base=None,
        refresh_base=False,
    )  # fmt: skip


ASKS = runs.capability(EGRESS, required_egress=("https://example.org",))


@pytest.mark.parametrize(
    ("capability", "observations", "expected"),
    [
        (ASKS, [PROBED], (BEACON_NOTICE,)),
        (ASKS, [], ()),
        (ASKS, [replace(PROBED, execution=None, problem="gone")], ()),
        (runs.capability(EGRESS), [PROBED], ()),
    ],
)
def test_the_beacon_is_told_only_where_egress_was_probed(
    capability: Capability, observations: list[Observation], expected: tuple[str, ...]
) -> None:
    assert list_notices(request([capability]), observations) == expected


def test_a_warning_of_the_contract_is_a_notice_of_the_run() -> None:
    warned = request([ASKS], warnings=("Line 3: 'timout' is not known.",))
    assert list_notices(warned, []) == ("Line 3: 'timout' is not known.",)
