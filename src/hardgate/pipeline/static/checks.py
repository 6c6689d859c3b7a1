"""The points of `hardgate static`: each rule and each linter is one, with all its findings."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from hardgate.errors import ContractError, HardgateError
from hardgate.model.contract import Contract, Severity, load_contract
from hardgate.model.tier import load_tiers
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.session import make_error_check
from hardgate.pipeline.static import dockerfile_rules, entrypoint_rules, linters, workflow_rules
from hardgate.pipeline.static.config import read_config
from hardgate.pipeline.static.dockerfile import Dockerfile, read_stage
from hardgate.pipeline.static.dockerfile_rules import agent_names
from hardgate.pipeline.static.entrypoint_rules import Entrypoint
from hardgate.pipeline.static.entrypoint_script import entrypoint_script
from hardgate.pipeline.static.finding import Finding
from hardgate.pipeline.static.rule import rules
from hardgate.pipeline.static.workflow import Workflow, read_workflow
from hardgate.pipeline.template import Template, is_shell_script
from hardgate.schema.document import Refusal

Look = Callable[[], Iterable[Finding]]


@dataclass(kw_only=True)
class Examination:
    """A template, and the contract that it is to fulfil."""

    template: Template
    contract: Contract | None
    contract_problem: HardgateError | None = None
    untold: dict[str, str] = field(default_factory=dict)
    """Groups whose file is not there, or cannot be read, and why."""

    def points(self) -> Iterator[Check]:
        """Yield a point for each rule, then one for each linter."""
        yield from self.rule_points()
        yield from self.linter_points()

    def rule_points(self) -> Iterator[Check]:
        """Yield a point for each rule of our own."""
        findings = list(self._own())
        for rule in rules().values():
            broken = [one for one in findings if one.rule == rule.id]
            if not broken and rule.group in self.untold:
                yield Check(
                    name=rule.id,
                    group=rule.group,
                    outcome=Outcome.ERROR,
                    reason=self.untold[rule.group],
                    remedy=rule.remedy if "{" not in rule.remedy else "",
                )
            else:
                yield point_of(rule.id, rule.group, broken)

    def linter_points(self) -> Iterator[Check]:
        """Yield a point for each linter, and one more where it has advice."""
        for name, look in (
            ("hadolint", linters.hadolint),
            ("shellcheck", linters.shellcheck),
            ("workflow-schema", linters.workflow_schema),
            ("zizmor", linters.zizmor),
        ):
            yield from _linted(name, lambda look=look: look(self.template))  # type: ignore[misc]

    def _own(self) -> Iterator[Finding]:
        yield from self._parts()
        yield from self._dockerfile()
        yield from self._config()
        yield from self._contract()
        yield from self._workflows()

    def _parts(self) -> Iterator[Finding]:
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

    def _dockerfile(self) -> Iterator[Finding]:
        template = self.template
        if not template.dockerfile.is_file():
            self.untold |= dict.fromkeys(("dockerfile", "entrypoint"), "There is no Dockerfile.")
            return
        stage = read_stage(template.dockerfile.read_text(errors="replace"))
        if stage is None:
            why = "The Dockerfile has no FROM."
            self.untold |= dict.fromkeys(("dockerfile", "entrypoint"), why)
            return
        file = Dockerfile(
            name=template.relative_to_root(template.dockerfile),
            context=template.context,
            stage=stage,
            agent_uid=(self.contract and self.contract.agent_uid) or 1000,
        )
        yield from dockerfile_rules.look(file)
        yield from self._entrypoint(file)

    def _entrypoint(self, file: Dockerfile) -> Iterator[Finding]:
        script = entrypoint_script(file)
        if script is None:
            self.untold["entrypoint"] = "The entrypoint is no script of the template."
        elif not is_shell_script(script):
            self.untold["entrypoint"] = (
                f"'{script.name}' is no shell script, and only those are read."
            )
        else:
            yield from entrypoint_rules.look(
                Entrypoint(
                    name=self.template.relative_to_root(script),
                    text=script.read_text(errors="replace"),
                    agent=agent_names(file),
                )
            )

    def _config(self) -> Iterator[Finding]:
        if self.template.config_file is None:
            self.untold["config"] = "There is no config.yaml."
            return
        name = self.template.relative_to_root(self.template.config_file)
        for wrong in read_config(self.template.config_file.read_bytes())[1]:
            yield rules()["config-readable"].broken(
                name, wrong.line, seen=_sentence(wrong.problem), remedy=wrong.remedy
            )

    def _contract(self) -> Iterator[Finding]:
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
            except ContractError as wrong:
                yield rules()["contract-loads"].broken(
                    self.template.relative_to_root(file), 0, seen=wrong.problem, remedy=wrong.remedy
                )

    def _workflows(self) -> Iterator[Finding]:
        files = self.template.workflow_files
        read: list[Workflow] = []
        for file in files:
            name = self.template.relative_to_root(file)
            try:
                read.append(read_workflow(file.read_bytes(), name))
            except Refusal as refusal:
                yield rules()["workflow-readable"].broken(
                    name, refusal.line, seen=_sentence(refusal.problem), remedy=refusal.remedy
                )
        if not files:
            why = "The repository has no workflow: nothing runs T4 before a merge"
            yield rules()["t4-required"].broken(".", 0, why=why)
        yield from workflow_rules.look(read)


def _sentence(problem: str) -> str:
    return problem[:1].upper() + problem[1:]


def _linted(name: str, look: Look) -> Iterator[Check]:
    """Tell a linter's hard findings and its advice apart."""
    try:
        findings = list(look())
    except HardgateError as error:
        yield make_error_check(name, "linters", error)
        return
    hard = [one for one in findings if one.severity is Severity.HARD]
    yield point_of(name, "linters", hard)
    advice = [one for one in findings if one.severity is Severity.ADVISORY]
    if advice:
        yield point_of(f"{name}-advice", "linters", advice)


def point_of(name: str, group: str, findings: Sequence[Finding]) -> Check:
    """Make a point of a rule's findings; none is a pass."""
    if not findings:
        return Check(name=name, group=group, outcome=Outcome.PASS)
    first = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return Check(
        name=name,
        group=group,
        outcome=Outcome.FAIL,
        severity=first.severity,
        reason=f"{first.place}: {first.reason}{more}",
        remedy=first.remedy,
        evidence="\n".join(map(str, findings)) if len(findings) > 1 else "",
    )
