"""What a reader says of probes without an engine: each rule by what it names and what it leaves."""

import json
from pathlib import Path
from typing import Any

import pytest

from hardgate.cli import contract as command
from hardgate.contract_check.check import check_contract, check_exit_code, format_weaknesses
from hardgate.contract_check.probe_text import blank_quoted, read_script_lines
from hardgate.contract_check.rules import CONTRACT_RULES
from hardgate.errors import ExitCode, UsageError
from hardgate.model.contract import Contract, load_contract, parse_contract
from hardgate.resources import CONTRACTS

OWN = ("t4", "runtime", "runner-host", "runner")


def write(probe: str, **fields: Any) -> Contract:
    usual = {"name": "x", "description": "d", "severity": "hard", "source": "s", "probe": probe}
    document = {"version": 1, "agent_uid": 1000, "capabilities": [usual | fields]}
    return parse_contract(json.dumps(document).encode(), "x.yaml")


def names(probe: str, **fields: Any) -> set[str]:
    return {weakness.rule.name for weakness in check_contract(write(probe, **fields))}


SPEAKS = " || { echo no >&2; exit 1; }"
WEAK: dict[str, tuple[str, ...]] = {
    "own-uid": (
        '[ "$(id -u)" = 1000 ]' + SPEAKS,
        "test `id -u` -eq 1000" + SPEAKS,
        'uid=$(id -u)\n[ "$uid" = 1000 ]' + SPEAKS,
        "whoami | grep -q agent" + SPEAKS,
        '[ "$USER" = agent ]' + SPEAKS,
        "case $(id -u) in 1000) ;; *) echo no >&2; exit 1 ;; esac",
    ),
    "certain-pass": ("exit 0", "false || true", "thing; :", "false; exit 0", "ls /x; echo done"),
    "silent-failure": (
        "[ -e /x ]",
        "curl -m 5 http://x >/dev/null 2>&1",
        "ls /x 2>/dev/null",
        "[[ -e /x ]]",
        "timeout 5 docker info | grep -q x",
    ),
    "bashism": (
        "[[ -e /x ]]" + SPEAKS,
        '[ "$a" == b ]' + SPEAKS,
        "ls &>/tmp/x$$" + SPEAKS,
        "grep x <<<y" + SPEAKS,
        "diff <(ls) /x" + SPEAKS,
        "set -o pipefail\nls /x",
        "echo ${a/b/c}" + SPEAKS,
        "a=(1 2)\nls /x",
        "source /x",
        "x=$'a'\nls /x",
        "((1 > 2))" + SPEAKS,
        "for i in {1..3}; do ls /x; done",
    ),
    "random-in-dash": ("touch /agent-home/$RANDOM" + SPEAKS, "f=x${RANDOM}\nls $f"),
    "shared-marker": (
        "echo x >/agent-home/marker" + SPEAKS,
        "touch /tmp/marker" + SPEAKS,
        "f=/agent-home/x\necho y >$f" + SPEAKS,
        "mkdir -p /workspace/a/b" + SPEAKS,
        "echo y | tee /tmp/x" + SPEAKS,
    ),
    "secret-in-arguments": (
        'curl -m 5 -H "Authorization: Bearer $TOKEN" http://x' + SPEAKS,
        'curl -m 5 -H "Authorization: Bearer $(cat /configs/.auth_token)" http://x' + SPEAKS,
        'curl -m 5 --header "PRIVATE-TOKEN: $t" http://x' + SPEAKS,
    ),
    "unmarked-secret": (
        "t=$(cat /configs/.auth_token)" + SPEAKS,
        "read -r t </configs/.auth_token" + SPEAKS,
    ),
    "no-timeout": (
        "curl -sf http://x" + SPEAKS,
        "x=$(docker ps)" + SPEAKS,
        "wget -q -O - http://x" + SPEAKS,
        "ssh host true" + SPEAKS,
    ),
    "lost-status": ("timeout 5 docker ps | tail -1", "curl -m 5 http://x | tee /dev/stderr"),
    "prepared-promise": (
        "chown 1000 /configs/.auth_token" + SPEAKS,
        "mkdir -p /agent-home" + SPEAKS,
        "echo x >/configs/.auth_token" + SPEAKS,
    ),
    "folder-not-mount": ("f=/host/tmp/$MOLECULE_T4_PROBE_ID\necho x >$f" + SPEAKS,),
    "own-pid-1": (
        "sudo -n nsenter --target 1 --mount --pid -- true" + SPEAKS,
        "sudo nsenter -t 1 -m -p id" + SPEAKS,
    ),
}
SOUND = (
    "[ -e /x ]" + SPEAKS,
    'uid=$(sed -n "s/^Uid:.//p" /proc/7/status)\n[ "$(id -u)" = "$uid" ]' + SPEAKS,
    'sudo -n sh -c "test $(id -u) = 0"' + SPEAKS,
    "f=/agent-home/.x-$MOLECULE_T4_PROBE_ID\necho x >$f" + SPEAKS,
    "# [[ this is a comment ]] $RANDOM\n[ -e /x ]" + SPEAKS,
    "echo '[[ quoted ]] $RANDOM' | grep -q quoted" + SPEAKS,
    "curl --max-time 5 http://x" + SPEAKS,
    "x=$((1 << (2 + 1)))\n[ $x = 8 ]" + SPEAKS,
    "grep -q '^/.*/x$' /etc/passwd" + SPEAKS,
    "exec python3 - <<'END'\nx = [[1]]\nsource = 1\nEND",
    "timeout 15 docker ps --quiet" + SPEAKS,
    "command -v docker" + SPEAKS,
    'echo "don\'t [ a = b ]" >&2\nexit 1',
)


@pytest.mark.parametrize(
    ("rule", "probe"), [(rule, probe) for rule, probes in WEAK.items() for probe in probes]
)
def test_a_weak_probe_is_named_by_its_rule(rule: str, probe: str) -> None:
    assert rule in names(probe)


@pytest.mark.parametrize("probe", SOUND)
def test_a_sound_probe_is_left_alone(probe: str) -> None:
    assert names(probe) == set()


def test_every_rule_is_shown_and_has_a_better_probe() -> None:
    assert {rule.name for rule in CONTRACT_RULES} == set(WEAK)
    for rule in CONTRACT_RULES:
        assert rule.weakness.endswith(".")
        assert rule.better


@pytest.mark.parametrize("name", OWN)
def test_our_own_contracts_have_no_known_weakness(name: str) -> None:
    contract = load_contract(str(CONTRACTS / f"{name}.yaml"), subject=None)
    assert check_contract(contract) == ()


def test_a_contract_written_elsewhere_is_told_where_it_is_weak() -> None:
    file = Path(__file__).parents[2] / "integration" / "images" / "second" / "contract.yaml"
    found = check_contract(load_contract(str(file)))
    assert ("agent_uid_1000", "own-uid") in {(one.capability, one.rule.name) for one in found}
    assert {one.rule.name for one in found} >= {
        "silent-failure", "secret-in-arguments", "folder-not-mount", "own-pid-1", "no-timeout"
    }  # fmt: skip


def test_a_timeout_of_the_capabilitys_own_is_one() -> None:
    assert "no-timeout" not in names("curl -sf http://x" + SPEAKS, timeout=10)


def test_a_secret_that_is_marked_may_be_read() -> None:
    assert "unmarked-secret" not in names("cat /configs/.auth_token" + SPEAKS, secret=True)


def test_the_line_of_a_weakness_is_the_probes_own() -> None:
    (found,) = check_contract(write("ls \\\n  /x\n[[ -e /x ]]" + SPEAKS))
    assert (found.rule.name, found.probe_lines) == ("bashism", (3,))


@pytest.mark.parametrize(
    ("text", "blank"),
    [
        ("a 'b' c", "a '' c"),
        ("\"don't\" 'x'", "\"don't\" ''"),
        ("x=$'a'", "x=$''"),
        ("\\' 'b'", "\\' ''"),
        ("'open", "'"),
    ],
)
def test_what_a_shell_takes_as_it_is_is_blanked(text: str, blank: str) -> None:
    assert blank_quoted(text) == blank


def test_a_here_documents_lines_are_no_shell() -> None:
    lines = read_script_lines("cat <<-END\n\t$RANDOM\n\tEND\nls # x\n")
    assert [(line.number, line.text) for line in lines] == [(1, "cat <<-END"), (4, "ls")]


def test_the_sum_says_what_it_is_worth() -> None:
    contract = write("exit 0")
    found = check_contract(contract)
    assert check_exit_code(found) is ExitCode.BROKEN
    last = list(format_weaknesses(contract, found))[-1]
    assert last == "HARDGATE CONTRACT RED: 0 of 1 probes have no known weakness (exit 1)"


def test_of_several_files_each_has_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "one.yaml", tmp_path / "two.yaml"]
    for file in files:
        file.write_text((CONTRACTS / "t4.yaml").read_text())
    assert command.main(["check", *map(str, files)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith(":")] == [f"{file}:" for file in files]


def test_the_command_prints_and_exits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.yaml"
    file.write_text((CONTRACTS / "t4.yaml").read_text())
    assert command.main(["check", str(file)]) == 0
    assert "HARDGATE CONTRACT GREEN: 10 of 10" in capsys.readouterr().out
    assert command.main(["check", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weaknesses"] == []
    assert command.main(["check", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema == json.loads((CONTRACTS / "contract.schema.json").read_text())
    with pytest.raises(UsageError, match="No contract was named"):
        command.main(["check"])
    with pytest.raises(UsageError, match="does not know 'chekc'"):
        command.main(["chekc"])
