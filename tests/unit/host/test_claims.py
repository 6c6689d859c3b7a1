"""What guards have the agent claim, by one exec: taken apart as each by itself would have ended.

The scripts are run by this machine's `sh`, and by shells that lie.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from hardgate.host import guard_facts
from hardgate.host.claims import Claim, run_claim, run_claims_jointly
from hardgate.host.guard_context import GatheredFacts, GuardContext
from hardgate.host.guard_facts import SHELL_GUARD_NAME, JointClaims, collect_guard_facts
from hardgate.host.observer import Observer
from hardgate.host.workspace import Workspace
from hardgate.model.guard import HONEST_EXIT_STATUS
from hardgate.model.observation import Execution


class LocalContext(GuardContext):
    """Runs the agent's scripts by a shell of this machine."""

    shell = "sh"
    environment = {"PATH": "/usr/bin:/bin"}  # noqa: RUF012 - replaced in a frozen dataclass
    runs: list[str]

    def run_as_agent(self, script: str) -> Execution:
        self.runs.append(script)
        ended = subprocess.run(
            [self.shell, "-c", script],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=dict(self.environment),
        )
        return Execution(
            exit_status=ended.returncode, stdout=ended.stdout, stderr=ended.stderr, seconds=0.1
        )


def make_context(shell: str = "sh") -> LocalContext:
    context = LocalContext(
        client=cast("docker.APIClient", None),
        observer=cast("Observer", None),
        workspace=Workspace(id="w", volumes={}, warnings=()),
        agent_uid=1000,
        readiness={},
        mark="m",
        environment={"PATH": f"{Path(shell).parent}:/usr/bin:/bin" if "/" in shell else "/bin"},
    )
    object.__setattr__(context, "shell", shell)
    object.__setattr__(context, "runs", [])
    return context


def tell(execution: Execution, seen: Any) -> GatheredFacts:
    """Conclude nothing: give how the script ended."""
    return {
        "exit_status": execution.exit_status,
        "stdout": execution.stdout,
        "stderr": execution.stderr,
        "seen": seen,
    }


SCRIPTS = (
    "true",
    "exit 3",
    "printf 'no newline'",
    "echo out; echo error >&2; exit 77",
    "echo; echo; printf 'a\\n\\n'",
    "printf 'half' >&2; exit 143",
    "exec >&- 2>&-; exit 4",
    "cd /; umask 077; set -eu; false",
    'echo "it\'s" \'$HOME\' "\\\\"',
    "no-such-command",
    "cat",
    "exit 37",
    "trap '' TERM; echo 0 1 2",
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_claim_beside_others_ends_as_by_itself(script: str) -> None:
    claims = {str(n): Claim(script=one, conclude=tell) for n, one in enumerate(SCRIPTS)}
    claims |= {"asked": Claim(script=script, conclude=tell)}
    answer = run_claims_jointly(make_context(), claims)
    assert answer is not None
    expected = run_claim(make_context(), claims["asked"])
    assert answer.conclusions["asked"]() == expected
    assert answer.conclusions[str(SCRIPTS.index(script))]() == expected


def test_what_the_host_sees_meanwhile_goes_to_its_own_claim() -> None:
    claims = {
        "blind": Claim(script="true", conclude=tell),
        "seen": Claim(script="true", conclude=tell, watch=lambda running: running.result() and 7),
    }
    answer = run_claims_jointly(make_context(), claims)
    assert answer is not None
    assert [answer.conclusions[name]()["seen"] for name in claims] == [None, 7]


@pytest.fixture(
    params=[
        "exit 0",
        'sh -c "$2"; exit 0',
        'sh -c "$2" >/dev/null; exit 37',
        'sh -c "$2" 2>/dev/null',
        'sh -c "$2"; exit 1',
        'sh -c "$2" | head -n 3; exit 37',
        'echo noise; echo "$2" | sed "s/echo [0-9a-f]*; exit/echo other; exit/" | sh',
    ]
)
def lying_shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    file = tmp_path / "lying"
    file.write_text(f"#!/bin/sh\n{request.param}\n")
    file.chmod(0o755)
    return iter([str(file)])


def test_a_shell_that_lies_is_asked_for_each_claim_by_itself(lying_shell: Iterator[str]) -> None:
    left: list[int | None] = []

    def conclude(execution: Execution, _seen: Any) -> GatheredFacts:
        left.append(execution.exit_status)
        return {}

    claims = {name: Claim(script="echo said", conclude=conclude) for name in "ab"}
    assert run_claims_jointly(make_context(next(lying_shell)), claims) is None
    # What a script left on the host is taken away all the same, and nothing is claimed.
    assert left == [1, 1]


def test_a_claim_that_ends_the_shell_above_it_leaves_nothing_half_believed() -> None:
    claims = {
        "killer": Claim(script="kill -9 $PPID", conclude=tell),
        "other": Claim(script="true", conclude=tell),
    }
    assert run_claims_jointly(make_context(), claims) is None


@pytest.mark.parametrize(
    "spoiled", [{"truncated": True}, {"timed_out": True}, {"problem": "The engine is gone."}]
)
def test_an_exec_that_was_not_whole_is_not_believed(spoiled: dict[str, Any]) -> None:
    context = make_context()

    class Spoiled(LocalContext):
        def run_as_agent(self, script: str) -> Execution:
            whole = vars(LocalContext.run_as_agent(self, script))
            return Execution(**{**whole, **spoiled})

    object.__setattr__(context, "__class__", Spoiled)
    assert run_claims_jointly(context, {"a": Claim(script="true", conclude=tell)}) is None


def test_all_guards_of_a_task_are_asked_by_one_exec(monkeypatch: pytest.MonkeyPatch) -> None:
    claims: dict[str, Any] = {
        name: (lambda _context, name=name: Claim(script=f"echo {name}", conclude=tell), {})
        for name in ("first", "second")
    }
    monkeypatch.setattr(guard_facts, "CLAIMS", {**claims, "none": (lambda _context: None, {})})
    monkeypatch.setattr(guard_facts, "FACT_COLLECTORS", {"none": lambda _context: {"alone": True}})
    context, joint = make_context(), JointClaims(["first", SHELL_GUARD_NAME, "second", "none"])
    assert collect_guard_facts("first", context, joint)["stdout"] == "first\n"
    assert collect_guard_facts("second", context, joint)["stdout"] == "second\n"
    shell = collect_guard_facts(SHELL_GUARD_NAME, context, joint)
    assert shell["exit_status"] == HONEST_EXIT_STATUS
    assert shell["answer"] == shell["nonce"]
    assert collect_guard_facts("none", context, joint) == {"alone": True}
    assert len(context.runs) == 1


@pytest.mark.parametrize("names", [[SHELL_GUARD_NAME], [SHELL_GUARD_NAME, "none"]])
def test_where_nothing_is_claimed_the_shell_is_asked_by_itself(
    names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in tiers 1 and 2, which have no part of the host to claim."""
    monkeypatch.setattr(guard_facts, "CLAIMS", {"none": (lambda _context: None, {})})
    context = make_context()
    facts = collect_guard_facts(SHELL_GUARD_NAME, context, JointClaims(names))
    assert facts["exit_status"] == HONEST_EXIT_STATUS
    assert facts["answer"] == facts["nonce"]
    assert len(context.runs) == 1
