"""The rules are data: whole, in order, and in words that can be filled."""

import re
import string
from pathlib import Path

import pytest

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.rules import RULE_FILES, RULES_FOLDER, CauseRule, load_rules
from hardgate.diagnosis.reason import render_reason
from tests.diagnosis.scenario import load_scenarios

RULES = load_rules()
DOCUMENT = Path(__file__).parents[4] / "docs" / "diagnosis.md"


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_every_file_is_read() -> None:
    assert {file.stem for file in RULES_FOLDER.glob("*.yaml")} == set(RULE_FILES)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_its_words_are_whole_sentences(rule: CauseRule) -> None:
    assert rule.because.rstrip("'\"").endswith((".", "}"))
    assert rule.general or re.match(r"[A-Z'{]", rule.remedy)
    assert not rule.about.endswith(".")


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_no_rule_knows_a_capability(rule: CauseRule) -> None:
    names = (
        "agent_uid_1000|agent_home_writable|auth_token_agent_owned|list_peers_http|pid_host_visible"
    )
    assert not re.search(names, f"{rule.because}{rule.remedy}{rule.said}")


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_what_nobody_filled_leaves_no_brace(rule: CauseRule) -> None:
    told = render_reason(Match(cause=rule.id, quotes=("seen",)), rule)
    assert "{" not in told.sentence + told.remedy + told.subject


UNTRIED = set(
    """
    address_wrong certificate_name certificate_time command_failed connection_refused
    docker_engine_gone docker_socket_is_folder git_ownership health_command_missing
    health_fails http_status killed library_missing
    locale_missing memory_lacking mount_read_only network_unreachable no_shell no_systemd
    nothing_listens
    nsenter_target_gone path_empty path_missing probe_compares_no_number processes_lacking
    proxy_refuses read_only runtime_as_other second_look_differs shell_failed sudo_account
    sudo_no_new_privileges sudo_not_in_sudoers sudo_not_setuid sudo_wants_terminal
    not_in_time sudoers_unreadable tls_broken token_missing token_mode token_owner
    """.split()
)
"""Rules that no scenario really has the cause of: tests with made-up evidence tell of these."""


def test_each_rule_has_a_case_that_really_has_the_cause_or_is_known_to_have_none() -> None:
    tried = {case.cause for scenario in load_scenarios() for case in scenario.cases} - {""}
    of_probes = {
        rule.id for rule in RULES.values() if not rule.boot
    }  # finders/test_boot.py has those
    assert tried == of_probes - UNTRIED
    assert RULES.keys() >= UNTRIED


def test_the_document_counts_the_cases_that_there_are() -> None:
    scenarios = load_scenarios()
    causes = [case.cause for scenario in scenarios for case in scenario.cases if case.cause]
    counted = f"- {len(causes)} silent failures, of {len(set(causes))} causes, from 6 images."
    assert len(scenarios) == 6
    assert counted in DOCUMENT.read_text().splitlines()
