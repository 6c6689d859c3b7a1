"""Answers as the sessions leave them, for tests: values and files that agree with themselves."""

import json
from dataclasses import replace
from typing import Any

from hardgate.cli.gate import find_tier
from hardgate.cli.runtime import make_runtime_plan
from hardgate.model.contract import Contract, Severity
from hardgate.model.observation import Execution, Observation
from hardgate.model.plan import Plan, make_plan
from hardgate.model.run import Host, Image, Run, Source
from hardgate.model.verdict import Outcome, Verdict, VerdictKind, exit_code_of_verdicts
from hardgate.pipeline.check import Check
from hardgate.pipeline.session_result import (
    IMAGE_SESSIONS,
    encode_session_result,
    make_session_result,
)
from hardgate.report.summary_json import summarize_run

DIGEST = "sha256:" + "1" * 64
STARTED_AT = "2026-11-24T12:00:00+00:00"


def plan_of(session: str, contract: Contract) -> Plan:
    """Plan as the session's command does."""
    if session == "runtime":
        return make_runtime_plan(contract.agent_uid, 2)
    return make_plan(contract, find_tier(4))


def gate_run(plan: Plan, *, outcome: Outcome = Outcome.PASS, **changes: Any) -> Run:
    """Make a gate's run: its first capability came to `outcome`, and all else held."""
    verdicts = [
        *(_verdict(guard.name, VerdictKind.GUARD) for guard in plan.guards),
        *(_verdict(one.name, VerdictKind.CAPABILITY, one.severity) for one in plan.capabilities),
    ]
    first = len(plan.guards)
    verdicts[first] = replace(verdicts[first], outcome=outcome, reason="because")
    made = Run(
        id="3f9c2e7a",
        started_at=STARTED_AT,
        seconds=1.0,
        plan=plan,
        image=Image(reference="image", digest=DIGEST),
        host=Host(kind="nested", engine="26.1.5", kernel="6.1"),
        verdicts=tuple(verdicts),
        exit_code=exit_code_of_verdicts(verdicts, partial=plan.is_partial),
    )
    return replace(made, **changes)


def _verdict(name: str, kind: VerdictKind, severity: Severity = Severity.HARD) -> Verdict:
    return Verdict(
        name=name,
        kind=kind,
        severity=severity,
        outcome=Outcome.PASS,
        reason="",
        observation=Observation(name=name, execution=Execution(exit_status=0, seconds=0.1)),
    )


def summary_bytes(run: Run, **changes: Any) -> bytes:
    """Write a gate's summary.json; `changes` are put over it, as somebody's hand would."""
    return json.dumps(summarize_run(run) | changes, default=str).encode()


def answer_bytes(
    session: str,
    /,
    *,
    commit: str,
    contract: str,
    source: Source | None,
    outcome: Outcome = Outcome.PASS,
    **changes: Any,
) -> bytes:
    """Write a session's answer.json of one point; `changes` are put over it."""
    assert session not in IMAGE_SESSIONS
    checks = [Check(name="p", group="g", outcome=outcome)]
    made = make_session_result(
        session,
        checks,
        commit=commit,
        contract=contract,
        started_at=STARTED_AT,
        seconds=1,
        run="3f9c2e7a",
        source=source,
    )
    return json.dumps(json.loads(encode_session_result(made, checks)) | changes).encode()
