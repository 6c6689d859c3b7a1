"""The checks of `hardgate static`: each rule and each linter is one, with all its findings."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path

from hardgate.errors import ContractError, HardgateError
from hardgate.model.contract import Contract, Severity, load_contract
from hardgate.model.tier import load_tiers
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.session import make_error_check
from hardgate.pipeline.static import linters
from hardgate.pipeline.static.boot import read_boot
from hardgate.pipeline.static.config import read_config
from hardgate.pipeline.static.dockerfile import read_dockerfile
from hardgate.pipeline.static.dockerfile_reader import BadDockerfileError
from hardgate.pipeline.static.dockerfile_rules import find_dockerfile_findings
from hardgate.pipeline.static.entrypoint_rules import find_entrypoint_findings
from hardgate.pipeline.static.image_users import read_users
from hardgate.pipeline.static.policy_rules import RulePolicy
from hardgate.pipeline.static.rules import Finding, rules
from hardgate.pipeline.static.t4_rules import Forge
from hardgate.pipeline.static.workflow import GITHUB, Workflow, read_workflow
from hardgate.pipeline.static.workflow_files import Repository
from hardgate.pipeline.static.workflow_filters import read_default_branches
from hardgate.pipeline.static.workflow_rules import find_gate_files, find_workflow_findings
from hardgate.pipeline.template import Template
from hardgate.schema.document import Refusal

DEFAULT_AGENT_UID = 1000
OTHER_CI_FILES = (
    *(".gitlab-ci.yml", ".woodpecker.yml", ".woodpecker", ".drone.yml", "Jenkinsfile"),
    *(".circleci", "azure-pipelines.yml", ".buildkite", "bitbucket-pipelines.yml"),
)
DECIDING = frozenset({"workflow-schema"})
"""Linters that may find what is hard."""
Find = Callable[[], Iterable[Finding]]


@dataclass(frozen=True, kw_only=True)
class Examination:
    """A template, and the contract that it is to fulfil."""

    template: Template
    contract: Contract | None
    contract_problem: HardgateError | None = None
    policy: RulePolicy | None = None
    """What the machine's owner makes of rules."""

    def iter_checks(self) -> Iterator[Check]:
        """Yield a check for each rule, then one for each linter."""
        yield from self.iter_rule_checks()
        yield from self.iter_linter_checks()

    def iter_rule_checks(self) -> Iterator[Check]:
        """Yield a check for each rule of our own."""
        findings = list(self._weigh(self._find_all()))
        for rule in rules().values():
            yield make_check(rule.id, rule.group, [one for one in findings if one.rule == rule.id])

    def iter_linter_checks(self) -> Iterator[Check]:
        """Yield a check for each linter."""
        gate_files = frozenset(name for forge in self._forges for name in find_gate_files(forge))
        finders: Mapping[str, Find] = {
            "hadolint": lambda: linters.run_hadolint(self.template),
            "shellcheck": lambda: linters.run_shellcheck(self.template),
            "workflow-schema": lambda: linters.run_workflow_schema(self.template, gate_files),
            "zizmor": lambda: linters.run_zizmor(self.template),
        }
        rests = any(name.startswith(f"{GITHUB}/") for name in gate_files)
        for name, find in finders.items():
            severity = Severity.HARD if rests and name in DECIDING else Severity.ADVISORY
            weighed = partial(self._weigh_later, find)
            yield _run_linter(name, weighed, severity)

    def _weigh(self, findings: Iterable[Finding]) -> Iterable[Finding]:
        return findings if self.policy is None else self.policy.apply(findings)

    def _weigh_later(self, find: Find) -> Iterable[Finding]:
        return self._weigh(find())

    def _find_all(self) -> Iterator[Finding]:
        yield from self._find_parts()
        yield from self._find_in_dockerfile()
        yield from self._find_in_config()
        yield from self._find_in_contracts()
        yield from self._find_in_workflows()

    def _find_parts(self) -> Iterator[Finding]:
        template = self.template
        parts = {
            "Dockerfile": template.dockerfile.is_file(),
            "config.yaml": template.config_file is not None,
            "adapter (adapter.py, or a package 'adapter')": template.adapter_file is not None,
        }
        where = template.relative_to_root(template.context)
        for part, there in parts.items():
            if not there:
                yield rules()["template-parts"].broken(where, 0, part=part)

    def _find_in_dockerfile(self) -> Iterator[Finding]:
        path = self.template.dockerfile
        name = self.template.relative_to_root(path)
        if not path.is_file():
            yield from _untold_groups(("dockerfile", "entrypoint"), name, "there is no Dockerfile")
            return
        try:
            file = read_dockerfile(
                path.read_bytes().decode("utf-8", "replace"),
                name=name,
                context=self.template.context,
                agent_uid=(self.contract and self.contract.agent_uid) or DEFAULT_AGENT_UID,
            )
        except BadDockerfileError as error:
            yield rules()["dockerfile-readable"].broken(name, error.line, seen=error.problem)
            why = "the Dockerfile cannot be read"
            yield from _untold_groups(("dockerfile", "entrypoint"), name, why)
            return
        users = read_users(file)
        boot = read_boot(file, users)
        yield from find_dockerfile_findings(file, users, boot)
        yield from find_entrypoint_findings(file, users, boot)

    def _find_in_config(self) -> Iterator[Finding]:
        if self.template.config_file is None:
            yield from _untold_groups(("config",), ".", "there is no config.yaml")
            return
        name = self.template.relative_to_root(self.template.config_file)
        for wrong in read_config(self.template.config_file.read_bytes())[1]:
            yield rules()["config-readable"].broken(
                name, wrong.line, seen=_sentence(wrong.problem), remedy=wrong.remedy
            )

    def _find_in_contracts(self) -> Iterator[Finding]:
        if self.contract_problem is not None:
            wrong = self.contract_problem
            where = self.template.relative_to_root(self.template.context)
            yield rules()["contract-loads"].broken(
                where, 0, seen=wrong.problem, remedy=wrong.remedy
            )
        for file in self.template.contract_files:
            try:
                if file.stem == "tiers":
                    load_tiers(file)
                else:
                    load_contract(str(file), subject=None)
            except ContractError as error:
                yield rules()["contract-loads"].broken(
                    self.template.relative_to_root(file),
                    0,
                    seen=error.problem,
                    remedy=error.remedy,
                )

    def _find_in_workflows(self) -> Iterator[Finding]:
        _, refused = self._workflows
        yield from refused
        if not self.template.workflow_files:
            why = "The repository has no workflow: nothing runs T4 before a merge"
            other = next((n for n in OTHER_CI_FILES if (self.template.root / n).exists()), "")
            if other:
                why = f"What '{other}' runs is not read here, and there is no other workflow"
            yield rules()["t4-required"].broken(".", 0, why=why)
        elif not any(forge.sees_changes for forge in self._forges):
            name = self.template.relative_to_root(self.template.workflow_files[0])
            why = "No workflow that can be read starts on push or pull_request"
            yield rules()["t4-required"].broken(name, 0, why=why)
        for forge in self._forges:
            yield from find_workflow_findings(forge)

    @cached_property
    def _workflows(self) -> tuple[Sequence[Workflow], Sequence[Finding]]:
        """All workflows that can be read, and what is to be said of the others."""
        read: list[Workflow] = []
        refused: list[Finding] = []
        for file in self.template.workflow_files:
            name = self.template.relative_to_root(file)
            data = file.read_bytes()
            try:
                read.append(read_workflow(data, name))
            except Refusal as refusal:
                rule = rules()["workflow-readable"]
                say = rule.broken if _names_gate(data) else rule.advice
                seen = _sentence(refusal.problem)
                refused.append(say(name, refusal.line, seen=seen, remedy=refusal.remedy))
        return read, refused

    @cached_property
    def _forges(self) -> Sequence[Forge]:
        root: Path = self.template.root
        repository, defaults = Repository(root=root), read_default_branches(root)
        return [
            Forge(workflows=tuple(files), repository=repository, defaults=defaults)
            for _, files in groupby(self._workflows[0], lambda workflow: workflow.forge)
        ]


def _names_gate(data: bytes) -> bool:
    return b"nox" in data or b"hardgate" in data


def _untold_groups(groups: Sequence[str], file: str, why: str) -> Iterator[Finding]:
    for rule in rules().values():
        if rule.group in groups:
            yield rule.untold(file, 0, why)


def _sentence(problem: str) -> str:
    return problem[:1].upper() + problem[1:]


def _run_linter(name: str, find: Find, severity: Severity) -> Check:
    """Run one; where it gives no answer, that is as hard as what it finds would be."""
    try:
        return make_check(name, "linters", list(find()))
    except HardgateError as error:
        return replace(make_error_check(name, "linters", error), severity=severity)


def make_check(name: str, group: str, findings: Sequence[Finding]) -> Check:
    """Make a check of a rule's findings: hard ones first, then advice, then the undecided."""
    if not findings:
        return Check(name=name, group=group, outcome=Outcome.PASS)
    ordered = sorted(findings, key=_weight)
    first = ordered[0]
    more = f" (and {len(ordered) - 1} more)" if len(ordered) > 1 else ""
    return Check(
        name=name,
        group=group,
        outcome=Outcome.ERROR if first.untold else Outcome.FAIL,
        severity=first.severity,
        reason=f"{first.place}: {first.reason}{more}",
        remedy=first.remedy,
        evidence="\n".join(map(str, ordered)) if len(ordered) > 1 else "",
    )


def _weight(finding: Finding) -> int:
    if finding.untold:
        return 2
    return 0 if finding.severity is Severity.HARD else 1
