"""`hardgate static`: what can be told of a template without running any of its code."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from hardgate.cli.options import add_template_options, load_requested_contract, make_session
from hardgate.cli.parser import CommandParser
from hardgate.errors import ContractError
from hardgate.model.tier import load_tiers
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.policy import read_policy
from hardgate.pipeline.session import Session
from hardgate.pipeline.session_result import SessionResult
from hardgate.pipeline.snapshot import Snapshot
from hardgate.pipeline.static.checks import Examination
from hardgate.pipeline.static.policy_rules import RulePolicy
from hardgate.pipeline.static.rules import rules
from hardgate.pipeline.template import Template
from hardgate.report.console import Console
from hardgate.report.folder import ReportFolder
from hardgate.resources import CONTRACTS


def main(argv: Sequence[str]) -> int:
    """Look, and leave an answer."""
    return run_static_session(argv).exit_code


def run_static_session(
    argv: Sequence[str], console: Console | None = None, snapshot: Snapshot | None = None
) -> SessionResult:
    """Look, leave an answer, and give it."""
    parser = CommandParser("static", "Check a template's files without running any of its code.")
    add_template_options(parser)
    values = parser.parse_argv(argv)
    template = Template.from_folder(values.context, values.dockerfile)
    contract, problem = None, None
    try:
        contract = load_requested_contract(values)
        load_tiers(CONTRACTS / "tiers.yaml")
    except ContractError as error:
        problem = error
    policy = RulePolicy(policy=read_policy(), today=datetime.now(tz=UTC).date())
    policy.check_names()
    applied = contract.sha256 if contract else ""
    inquiry = make_session(values, "static", template, applied, console, snapshot)

    def find_checks(session: Session, _folder: ReportFolder) -> Iterable[Check]:
        examination = Examination(
            template=session.template,
            contract=contract,
            contract_problem=problem,
            policy=policy,
        )
        undecided = []
        for check in examination.iter_checks():
            yield check
            if check.outcome is Outcome.ERROR and check.name in rules():
                undecided.append(f"'{check.name}' (seen live by: {rules()[check.name].seen_by})")
        if undecided:
            session.add_notice(f"It cannot be told from the text alone: {', '.join(undecided)}.")

    where = template.relative_to_root(template.context)
    return inquiry.run_checks(f"template {where}, no code of it is run", find_checks)
