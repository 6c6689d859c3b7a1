"""What the machine's owner makes of rules: some are raised, and a repository is excused from some.

Only the policy that root owns has a say, and only for the repository that this runner was
registered for: what a job, a change or a variable says of itself counts for nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from hardgate.errors import UsageError
from hardgate.model.contract import Severity
from hardgate.pipeline.policy import POLICY_FILE, Excuse, Policy
from hardgate.pipeline.static.rules import Finding, linters, rules
from hardgate.text.typo import suggest_choice


@dataclass(frozen=True, kw_only=True)
class RulePolicy:
    """The policy's word on rules, on one day."""

    policy: Policy
    today: date

    def check_names(self) -> None:
        """Refuse a policy that names what is not a rule: it would do nothing."""
        known = {*rules(), *linters()}
        named = [*self.policy.static_raises, *(one.rule for one in self.policy.static_excuses)]
        for name in named:
            if name not in known and name.partition("/")[0] not in linters():
                raise UsageError(
                    f"Policy '{POLICY_FILE}' names '{name}', which is not a rule of 'static'.",
                    suggest_choice(name, known) or "'hardgate static' lists them in its report.",
                )

    def apply(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield findings as the policy weighs them, each with what it says."""
        for finding in findings:
            yield self._excuse(self._raise(finding))

    def _raise(self, finding: Finding) -> Finding:
        names = {finding.rule, finding.rule.partition("/")[0]}
        if finding.untold or not names & set(self.policy.static_raises):
            return finding
        return replace(finding, severity=Severity.HARD)

    def _excuse(self, finding: Finding) -> Finding:
        if finding.untold or finding.severity is not Severity.HARD:
            return finding
        given = [one for one in self.policy.static_excuses if one.rule == finding.rule]
        own = [one for one in given if one.repository == self.policy.registered_for]
        current = next((one for one in own if self.today <= one.until), None)
        if current is not None:
            note = f"Excused until {current.until}: {current.reason.rstrip('.')}."
            return replace(finding, severity=Severity.ADVISORY, reason=f"{finding.reason} {note}")
        return replace(finding, reason=finding.reason + self._tell_of(own or given))

    def _tell_of(self, excuses: list[Excuse]) -> str:
        """Say why an excuse does not count; empty where there is none."""
        if not excuses:
            return ""
        last = max(excuses, key=lambda one: one.until)
        if last.repository == self.policy.registered_for:
            return f" An excuse from this ended on {last.until}, and counts no more."
        whom = self.policy.registered_for or "no repository"
        return (
            f" An excuse for '{last.repository}' does not count: "
            f"this machine is registered for '{whom}'."
        )
