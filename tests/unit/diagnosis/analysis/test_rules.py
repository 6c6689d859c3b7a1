"""The rules are data: whole, in order, and in words that can be filled."""

import re
import string

import pytest

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.rules import FILES, FOLDER, Rule, load_rules
from hardgate.diagnosis.reason import tell
from tests.diagnosis.scenario import load_scenarios

RULES = load_rules()


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_every_file_is_read() -> None:
    assert {file.stem for file in FOLDER.glob("*.yaml")} == set(FILES)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_its_words_are_whole_sentences(rule: Rule) -> None:
    assert rule.because.rstrip("'\"").endswith((".", "}"))
    assert rule.general or re.match(r"[A-Z'{]", rule.remedy)
    assert not rule.about.endswith(".")


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_no_rule_knows_a_capability(rule: Rule) -> None:
    names = (
        "agent_uid_1000|agent_home_writable|auth_token_agent_owned|list_peers_http|pid_host_visible"
    )
    assert not re.search(names, f"{rule.because}{rule.remedy}{rule.said}")


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_what_nobody_filled_leaves_no_brace(rule: Rule) -> None:
    told = tell(Clue(cause=rule.id, quotes=("seen",)), rule)
    assert "{" not in told.sentence + told.remedy + told.subject


def test_most_rules_have_a_case_that_really_has_the_cause() -> None:
    tried = {case.cause for scenario in load_scenarios() for case in scenario.cases}
    assert tried - {""} <= RULES.keys()
    assert len(tried - {""}) >= 50
