"""Sample fleets for tests: values only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hardgate.errors import HardgateError
from hardgate.model.contract import Contract
from hardgate.model.plan import Plan, make_plan
from hardgate.model.run import Image, Run
from hardgate.model.verdict import Verdict, VerdictKind
from hardgate.remote.fleet.request import FleetImage
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.staleness import find_stale_reasons
from hardgate.remote.fleet.status import ImageStatus
from hardgate.report.gate_summary import ExpectedRun, read_gate_summary
from hardgate.report.summary_json import summarize_run
from tests.unit import runs

WANTED = runs.CONTRACT
PLAN = make_plan(WANTED, runs.TIER)
LOST = HardgateError(
    "Host 'gamma' cannot be reached: no route.", "See 'ansible -m ping gamma'.", evidence="ssh: no"
)


def older() -> Contract:
    """Lack the last capability, and look at the second by another probe."""
    first, second, *others, _ = WANTED.capabilities
    kept = (first, replace(second, probe="exit  0"), *others)
    return replace(WANTED, origin="old.yaml", sha256="0" * 64, capabilities=kept)


def image(reference: str, contract: Contract = WANTED, hosts: Sequence[str] = ()) -> FleetImage:
    return FleetImage(
        reference=reference,
        plan=make_plan(contract, runs.TIER),
        contract_file=Path(contract.origin),
        hosts=tuple(hosts),
        stale_reasons=find_stale_reasons(contract, WANTED),
    )


def planned(plan: Plan, verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Keep the verdicts of what a plan asks for."""
    capabilities = {one.name for one in plan.capabilities}
    guards = {one.name for one in plan.guards}
    return tuple(
        verdict
        for verdict in verdicts
        if verdict.name in (capabilities if verdict.kind is VerdictKind.CAPABILITY else guards)
    )


def told(run: Run, asked: FleetImage) -> dict[str, Any]:
    """Give the summary that a gate of this image would leave."""
    about = Image(reference=asked.reference, digest=runs.IMAGE.digest) if run.image else None
    left_out = {one.name for one in run.plan.contract.capabilities} - {
        one.name for one in run.plan.capabilities
    }
    looked = tuple(one for one in asked.plan.capabilities if one.name not in left_out)
    plan = replace(asked.plan, capabilities=looked)
    whole = replace(run, plan=plan, image=about, verdicts=planned(plan, run.verdicts))
    return dict(json.loads(json.dumps(summarize_run(whole), default=str)))


def asked_of(about: FleetImage) -> ExpectedRun:
    return ExpectedRun(reference=about.reference, plan=about.plan, host_kind="nested")


def standing(about: FleetImage, host: str, run: Run) -> ImageStatus:
    answer = told(run, about)
    return ImageStatus(
        image=about,
        host=host,
        gate_summary=read_gate_summary(answer, answer["exit_code"], asked_of(about)),
        reports=f"{host}/{about.reference}",
    )


def fleet(*standings: ImageStatus, hosts: Sequence[str] = (), **changes: Any) -> FleetRun:
    images: Mapping[str, FleetImage] = {one.image.reference: one.image for one in standings}
    return replace(
        FleetRun(
            id="3f9c2e7a",
            started_at="2025-11-24T09:04:00Z",
            seconds=61.5,
            contract=WANTED,
            host_kind="nested",
            hosts=tuple(hosts or dict.fromkeys(one.host for one in standings)),
            images=tuple(images.values()),
            standings=standings,
        ),
        **changes,
    )


def green() -> FleetRun:
    app = image("app:1", hosts=["alpha", "beta"])
    return fleet(standing(app, "alpha", runs.green()), standing(app, "beta", runs.green()))


def mixed() -> FleetRun:
    """Green, red, stale, partial, lost, and one that ended in an error."""
    app = image("app:1", hosts=["alpha", "beta", "gamma"])
    old = image("team/old:1", older(), hosts=["alpha", "gamma"])
    return fleet(
        standing(app, "alpha", runs.green()),
        standing(app, "beta", runs.red()),
        ImageStatus(image=app, host="gamma", summary_error=LOST),
        standing(old, "alpha", runs.green()),
        ImageStatus(image=old, host="gamma", summary_error=LOST),
        hosts=["alpha", "beta", "gamma", "idle"],
    )


def stale() -> FleetRun:
    return fleet(standing(image("old:1", older(), ["alpha"]), "alpha", runs.green()))


def partial() -> FleetRun:
    return fleet(standing(image("app:1", hosts=["alpha"]), "alpha", runs.partial()))


def lost() -> FleetRun:
    app = image("app:1", hosts=["alpha", "gamma"])
    return fleet(
        standing(app, "alpha", runs.green()),
        ImageStatus(image=app, host="gamma", summary_error=LOST),
    )


def without_image() -> FleetRun:
    return fleet(standing(image("app:1", hosts=["alpha"]), "alpha", runs.build_failed()))


def empty() -> FleetRun:
    return fleet()


def broken_off() -> FleetRun:
    return replace(green(), problem=HardgateError("The play was broken off.", "Look."))


ALL = {
    "green": green,
    "mixed": mixed,
    "stale": stale,
    "partial": partial,
    "lost": lost,
    "without image": without_image,
    "empty": empty,
    "broken off": broken_off,
}
