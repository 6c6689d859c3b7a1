"""What root's policy makes of rules, and what nobody else can."""

from datetime import date
from pathlib import Path

import pytest

from hardgate.errors import UsageError
from hardgate.model.contract import Severity
from hardgate.pipeline.policy import Excuse, Policy, read_policy
from hardgate.pipeline.static.checks import Examination
from hardgate.pipeline.static.policy_rules import RulePolicy
from hardgate.pipeline.static.rules import rules
from hardgate.pipeline.template import Template
from tests.unit.pipeline.static.templates import (
    GATE,
    change_file,
    load_t4,
    make_template,
    write_file,
)

TODAY = date(2026, 11, 28)
REASON = "Its base brings docker, ticket 7."
EXCUSE = Excuse(repository="own/it", rule="command-docker", reason=REASON, until=TODAY)


def ask_rule(policy: Policy, rule: str, template: Template, today: date = TODAY) -> str:
    weighed = RulePolicy(policy=policy, today=today)
    examination = Examination(template=template, contract=load_t4(), policy=weighed)
    check = next(one for one in examination.iter_rule_checks() if one.name == rule)
    kind = "hard" if check.severity is Severity.HARD else "advice"
    return f"{kind}: {check.reason}"


def make_without_docker(folder: Path) -> Template:
    template = make_template(folder)
    change_file(template, "Dockerfile", " docker-cli", "")
    return template


def test_an_excuse_counts_until_its_day_and_is_told(tmp_path: Path) -> None:
    template = make_without_docker(tmp_path)
    policy = Policy(registered_for="own/it", static_excuses=(EXCUSE,), exists=True)
    answer = ask_rule(policy, "command-docker", template)
    assert answer.startswith("advice: ")
    assert answer.endswith("Excused until 2026-11-28: Its base brings docker, ticket 7.")


def test_an_excuse_that_ended_counts_no_more_and_is_told(tmp_path: Path) -> None:
    template = make_without_docker(tmp_path)
    policy = Policy(registered_for="own/it", static_excuses=(EXCUSE,), exists=True)
    answer = ask_rule(policy, "command-docker", template, today=date(2026, 11, 29))
    assert answer.startswith("hard: ")
    assert answer.endswith("An excuse from this ended on 2026-11-28, and counts no more.")


@pytest.mark.parametrize("registered_for", ["", "own", "else/it"])
def test_an_excuse_counts_for_the_repository_of_the_runner_alone(
    tmp_path: Path, registered_for: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "own/it")
    policy = Policy(registered_for=registered_for, static_excuses=(EXCUSE,), exists=True)
    answer = ask_rule(policy, "command-docker", make_without_docker(tmp_path))
    assert answer.startswith("hard: ")
    assert "An excuse for 'own/it' does not count" in answer


def test_an_excuse_from_one_rule_is_none_from_another(tmp_path: Path) -> None:
    template = make_without_docker(tmp_path)
    change_file(template, "entrypoint.sh", "exec gosu agent", "exec")
    policy = Policy(registered_for="own/it", static_excuses=(EXCUSE,), exists=True)
    assert ask_rule(policy, "drops-privileges", template).startswith("hard: ")


def test_advice_is_raised(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    change_file(template, GATE, "@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "@v4")
    assert ask_rule(Policy(), "pinned-action", template).startswith("advice: ")
    raised = Policy(static_raises=("pinned-action",), exists=True)
    assert ask_rule(raised, "pinned-action", template).startswith("hard: ")


def test_what_cannot_be_told_is_neither_raised_nor_excused() -> None:
    policy = Policy(static_raises=("command-docker",), static_excuses=(EXCUSE,), exists=True)
    untold = rules()["command-docker"].untold("Dockerfile", 1, "it is open")
    assert list(RulePolicy(policy=policy, today=TODAY).apply([untold])) == [untold]


def test_a_policy_that_names_no_rule_is_refused() -> None:
    policy = Policy(static_raises=("pined-action",), exists=True)
    with pytest.raises(UsageError, match="not a rule of 'static'"):
        RulePolicy(policy=policy, today=TODAY).check_names()
    known = Policy(static_raises=("hadolint/DL3003", "zizmor", "pinned-action"), exists=True)
    RulePolicy(policy=known, today=TODAY).check_names()


def test_a_repository_has_no_say(tmp_path: Path) -> None:
    template = make_without_docker(tmp_path)
    text = "static_excuses:\n  - {repository: own/it, rule: command-docker, reason: x, until: 2099-01-01}\n"  # noqa: E501
    for name in ("policy.yaml", ".hardgate/policy.yaml", "etc/hardgate/policy.yaml"):
        write_file(template.context / name, text)
    assert ask_rule(Policy(registered_for="own/it"), "command-docker", template)[:4] == "hard"


def write_policy(folder: Path, text: str) -> Policy:
    file = folder / "policy.yaml"
    file.write_text(text)
    file.chmod(0o600)
    folder.chmod(0o700)
    return read_policy(file, owner=file.stat().st_uid)


def test_the_policy_is_read_with_its_excuses(tmp_path: Path) -> None:
    policy = write_policy(
        tmp_path,
        "registered_for: own/it\nstatic_raises: [pinned-action]\nstatic_excuses:\n"
        "  - repository: own/it\n    rule: command-docker\n"
        f"    reason: {REASON}\n    until: 2026-11-28\n",
    )
    assert policy.static_raises == ("pinned-action",)
    assert policy.static_excuses == (EXCUSE,)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("until: some day", "not a date"),
        ("until: 2026-13-01", "not a date"),
        ("reason: ''", "is empty"),
        ("forever: true", "not known"),
    ],
)
def test_an_excuse_without_reason_or_end_is_refused(tmp_path: Path, line: str, said: str) -> None:
    fields = {"repository": "own/it", "rule": "x", "reason": "y", "until": "2026-11-28"}
    key, _, value = line.partition(": ")
    body = "\n".join(f"    {name}: {text}" for name, text in {**fields, key: value}.items())
    with pytest.raises(UsageError, match=said):
        write_policy(tmp_path, f"static_excuses:\n  -\n{body}\n")
