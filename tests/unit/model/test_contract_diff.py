"""What a contract will demand is told before it is rolled out, and nothing else is."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from hardgate.cli.main import main
from hardgate.model.contract import Capability, Contract, Severity
from hardgate.model.contract_diff import (
    ContractChange,
    Effect,
    diff_contracts,
    diff_probes,
    pick_demands,
)
from hardgate.model.contract_fields import ProbeUser, Subject
from hardgate.report.contract_diff import diff_exit_code, diff_to_json, format_diff
from hardgate.resources import CONTRACTS
from tests.unit import runs

A = runs.CONTRACT
NAME = runs.NAMES[1]
ADVISORY = runs.NAMES[-1]


def changed(which: str, /, **changes: Any) -> Contract:
    """Change one capability of A."""
    return replace(
        A,
        sha256="b" * 64,
        capabilities=tuple(
            replace(one, **changes) if one.name == which else one for one in A.capabilities
        ),
    )


def without(name: str) -> Contract:
    kept = tuple(one for one in A.capabilities if one.name != name)
    return replace(A, sha256="b" * 64, capabilities=kept)


def told_of(before: Contract, after: Contract) -> list[tuple[str, str, Effect]]:
    return [(one.capability, one.field, one.effect) for one in diff_contracts(before, after)]


TIMED = changed(NAME, timeout=30.0)


@pytest.mark.parametrize(
    ("before", "after", "field", "effect"),
    [
        (A, changed(NAME, probe="exit  0"), "probe", Effect.RED),
        (A, changed(ADVISORY, probe="exit  0"), "probe", Effect.TOLD),
        (A, changed(ADVISORY, severity=Severity.HARD), "severity", Effect.RED),
        (A, changed(NAME, severity=Severity.ADVISORY), "severity", Effect.LESS),
        (A, changed(NAME, required_egress=("https://a",)), "required_egress", Effect.RED),
        (changed(NAME, required_egress=("https://a",)), A, "required_egress", Effect.RED),
        (A, TIMED, "timeout", Effect.RED),
        (TIMED, A, "timeout", Effect.RED),
        (TIMED, changed(NAME, timeout=5.0), "timeout", Effect.RED),
        (TIMED, changed(NAME, timeout=60.0), "timeout", Effect.LESS),
        (A, changed(NAME, description="Otherwise."), "description", Effect.WORDS),
        (A, changed(NAME, source="Somebody else."), "source", Effect.WORDS),
        (A, changed(NAME, hint="Do it."), "hint", Effect.WORDS),
        (A, changed(NAME, secret=True), "secret", Effect.WORDS),
        (A, changed(NAME, rerun=False), "rerun", Effect.WORDS),
        (without(NAME), A, "capability", Effect.RED),
        (without(ADVISORY), A, "capability", Effect.TOLD),
        (A, without(NAME), "capability", Effect.LESS),
        (A, replace(A, agent_uid=1001), "agent_uid", Effect.RED),
        (replace(A, agent_uid=1001), A, "agent_uid", Effect.RED),
        (A, changed(NAME, user=ProbeUser.ROOT), "user", Effect.RED),
        (A, changed(ADVISORY, user=ProbeUser.ROOT), "user", Effect.TOLD),
        (A, replace(A, subject=Subject.HOST), "subject", Effect.RED),
        (A, replace(A, variables=("HARDGATE_INODES",)), "variables", Effect.RED),
        (replace(A, variables=("HARDGATE_INODES",)), A, "variables", Effect.RED),
        (A, replace(A, version=2), "version", Effect.RED),
        (replace(A, version=2), A, "version", Effect.LESS),
    ],
)
def test_each_difference_says_what_it_does_to_a_green_image(
    before: Contract, after: Contract, field: str, effect: Effect
) -> None:
    assert [(one, kind) for _, one, kind in told_of(before, after)] == [(field, effect)]
    assert bool(diff_exit_code(diff_contracts(before, after))) is (
        effect in {Effect.RED, Effect.TOLD}
    )


def test_a_contract_does_not_differ_from_itself() -> None:
    assert diff_contracts(A, A) == ()


def test_no_field_of_a_capability_is_overlooked() -> None:
    other = {
        "name": "another",
        "description": "d",
        "severity": Severity.ADVISORY,
        "source": "s",
        "probe": "p",
        "required_egress": ("https://a",),
        "hint": "h",
        "timeout": 1.0,
        "secret": True,
        "rerun": False,
        "user": ProbeUser.ROOT,
    }
    decided = {field.name for field in fields(Capability)} - {"line"}
    assert other.keys() == decided
    for name, value in other.items():
        assert diff_contracts(A, changed(NAME, **{name: value})), name


def test_no_field_of_a_contract_is_overlooked() -> None:
    identity = {"origin", "sha256", "warnings", "capabilities"}
    other: dict[str, Any] = {
        "version": 2,
        "agent_uid": 1001,
        "subject": Subject.HOST,
        "variables": ("HARDGATE_INODES",),
    }
    assert other.keys() == {field.name for field in fields(Contract)} - identity
    for name, value in other.items():
        assert diff_contracts(A, replace(A, **{name: value})), name


def test_order_and_place_are_no_difference() -> None:
    moved = tuple(replace(one, line=one.line + 7) for one in reversed(A.capabilities))
    assert diff_contracts(A, replace(A, origin="elsewhere", capabilities=moved)) == ()
    one, other = (replace(A, variables=names) for names in (("a", "b"), ("b", "a")))
    assert diff_contracts(one, other) == ()


def test_what_may_turn_an_image_red_is_told_first() -> None:
    after = changed(NAME, hint="Do it.", probe="exit 1")
    after = replace(after, capabilities=after.capabilities[:-1])
    effects = [effect for _, _, effect in told_of(A, after)]
    assert effects == [Effect.RED, Effect.LESS, Effect.WORDS]


def test_one_capability_may_be_both_lighter_and_heavier() -> None:
    after = changed(NAME, severity=Severity.ADVISORY, probe="exit 1")
    assert told_of(A, after) == [(NAME, "probe", Effect.TOLD), (NAME, "severity", Effect.LESS)]


def patch(before: str, after: str) -> list[str]:
    return diff_probes(before, after, "x").splitlines()


def test_a_probe_is_laid_beside_its_former_self() -> None:
    assert patch("a\nb\nc\n", "a\nB\nc\n") == [
        "--- A x",
        "+++ B x",
        "@@ -1,3 +1,3 @@",
        " a",
        "-b",
        "+B",
        " c",
    ]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("a\n", "a", "+a  (no line end)"),
        ("a\n", "a\r\n", "+a\\r"),
        ("a\n", "a\u200b\n", "+a\\u200b"),
        ("a\n", "a\x1b[2K\n", "+a\\x1b[2K"),
        ("a\n", "a\u2028b\n", "+a\\u2028b"),
        ("a b\n", "a\tb\n", "+a\tb"),
    ],
)
def test_no_difference_hides_in_what_does_not_show(before: str, after: str, line: str) -> None:
    assert line in patch(before, after)


def test_a_new_probe_is_shown_whole_and_a_gone_one_not_at_all() -> None:
    (new,) = diff_contracts(without(NAME), A)
    (gone,) = diff_contracts(A, without(NAME))
    assert "+exit 0" in new.patch
    assert gone.patch == ""


def text(before: Contract, after: Contract) -> str:
    return "\n".join(format_diff(before, after, diff_contracts(before, after)))


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (A, "B is A, byte for byte (exit 0)"),
        (replace(A, sha256="b" * 64), "the files differ in what nobody is asked for (exit 0)"),
        (changed(NAME, hint="Do it."), "B demands nothing that A did not (exit 0)"),
        (without(NAME), "B demands nothing that A did not (exit 0)"),
        (changed(NAME, probe="no"), "B demands more: 1 demand, 1 of which may turn an image red"),
    ],
)
def test_the_last_line_says_what_it_comes_to(after: Contract, words: str) -> None:
    assert words in text(A, after).splitlines()[-1]


def test_each_change_is_a_line_under_what_it_does() -> None:
    said = text(A, changed(NAME, severity=Severity.ADVISORY, required_egress=("https://a",)))
    assert f"  ~ {NAME}: It is advisory, and was hard." in said
    assert f"  ~ {NAME}: Its targets are https://a; they were nothing." in said
    assert "  - gone" not in said
    assert f"  - {NAME} (hard): It is gone." in text(A, without(NAME))
    assert f"  + {NAME} (hard): It is new: What {NAME} promises." in text(without(NAME), A)
    assert "  ~ the contract: The agent's uid is 5, and was 1000." in text(
        A, replace(A, agent_uid=5)
    )


def test_programs_are_told_the_same() -> None:
    after = changed(NAME, probe="no", severity=Severity.ADVISORY)
    answer = json.loads(json.dumps(diff_to_json(A, after, diff_contracts(A, after))))
    assert (answer["demands_more"], answer["exit_code"]) == (True, 1)
    assert [one["field"] for one in answer["changes"]] == ["probe", "severity"]
    assert answer["changes"][0]["patch"].startswith("--- A")
    assert answer["changes"][1]["after"] == "advisory"


def test_demands_are_what_is_asked_for_beyond() -> None:
    changes: tuple[ContractChange, ...] = diff_contracts(A, changed(NAME, hint="x", probe="no"))
    assert [one.field for one in pick_demands(changes)] == ["probe"]


T4 = CONTRACTS / "t4.yaml"
HOST = CONTRACTS / "runner-host.yaml"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["contract", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def softer(tmp_path: Path) -> str:
    """Write t4.yaml with one capability less, and one advisory that was hard."""
    head, _, rest = T4.read_text().partition("  - name: host_root_reach_via_nsenter")
    path = tmp_path / "softer.yaml"
    path.write_text(head.replace("severity: hard", "severity: advisory", 1))
    assert rest
    return str(path)


def test_a_stricter_contract_is_exit_1(softer: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = run(capsys, "diff", softer, str(T4))
    assert code == 1
    assert "An image that is green under A may go red for:" in said
    assert "  + docker_socket_reachable (hard): It is new: " in said
    assert said.splitlines()[-1].endswith("(exit 1)")


def test_a_softer_contract_is_exit_0(softer: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = run(capsys, "diff", str(T4), softer, "--json")
    assert code == 0
    assert {one["effect"] for one in json.loads(said)["changes"]} == {"less"}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((), "Use 'hardgate contract check FILE' or 'diff A B'."),
        (("dif",), "Did you mean 'diff'?"),
        (("diff", str(T4)), "The command is wrong"),
        (("diff", str(T4), "/no/such.yaml"), "'/no/such.yaml' does not exist"),
        (("diff", str(T4), "https://u:p@example.org/c"), "Pin it by --b-sha256 HEX"),
        (("diff", str(T4), str(T4), "--a-sha256", "00"), "'00' is not a sha256"),
        (("diff", str(T4), str(T4), "--a-sha256", ""), "sha256"),
        (("diff", str(T4), str(T4), "--b-sha256", "0" * 64), "was asked for"),
    ],
)
def test_a_mistake_is_exit_2_with_its_remedy(
    words: tuple[str, ...], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, error = run(capsys, *words)
    assert code == 2
    assert wanted in error
    assert "u:p@" not in error


def test_contracts_of_hosts_are_compared_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "diff", str(HOST), str(HOST))[0] == 0
    code, said, _ = run(capsys, "diff", str(T4), str(HOST))
    assert code == 1
    assert "~ the contract: It is about a host, and was about a workspace." in said
    assert "~ the contract: The agent's uid is nobody's, and was 1000." in said


def test_a_secret_in_a_probe_is_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "leaky.yaml"
    secret = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    path.write_text(T4.read_text().replace("probe: |\n", f"probe: |\n      : {secret}\n", 1))
    for words in ((), ("--json",)):
        code, said, _ = run(capsys, "diff", str(T4), str(path), *words)
        assert code == 1
        assert secret not in said


def test_a_contracts_warnings_are_repeated() -> None:
    warned = replace(A, warnings=("Line 3: 'timout' is not known.",))
    lines = list(format_diff(A, warned, diff_contracts(A, warned)))
    assert "Notice: B: Line 3: 'timout' is not known." in lines
    assert diff_to_json(A, warned, [])["b"]["warnings"] == ["Line 3: 'timout' is not known."]
