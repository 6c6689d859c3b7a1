"""What the workspace is asked to do, for the host to see whether it was done: one exec for all.

An exec costs 60 ms of CPU, whatever it runs. Each claim is a script of its own for the image's
`sh`, as in an exec of its own, between two marks; the image's shell gives its exit status either
way. The joint exec counts only where all of it is as it has to be. Else each is asked by itself.
See D83 in ARCHITECTURE.md.
"""

import secrets
import shlex
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hardgate.engine.exec import ENGINE_ERRORS
from hardgate.errors import HardgateError
from hardgate.host.guard_context import GatheredFacts, GuardContext
from hardgate.model.guard import HONEST_EXIT_STATUS
from hardgate.model.observation import Execution


def _see_nothing(_running: Future[Execution]) -> None:
    """Look only when the script has ended."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A script for the agent's shell, and what the host makes of it."""

    script: str
    conclude: Callable[[Execution, Any], GatheredFacts]
    """Gives a guard's facts from how the script ended and from what `watch` gave."""
    watch: Callable[[Future[Execution]], Any] = _see_nothing
    """Looks on the host's side while the script runs."""


PrepareClaim = Callable[[GuardContext], Claim | None]
"""None where there is nothing to claim."""


def run_claim(context: GuardContext, claim: Claim) -> GatheredFacts:
    """Run one claim's script by an exec of its own."""
    execution, (seen,) = _run_watched(context, claim.script, (claim,))
    return claim.conclude(execution, seen)


def _run_watched(
    context: GuardContext, script: str, claims: tuple[Claim, ...]
) -> tuple[Execution, tuple[Any, ...]]:
    with ThreadPoolExecutor(max_workers=1) as pool:
        running = pool.submit(context.run_as_agent, script)
        seen = tuple(claim.watch(running) for claim in claims)
        return running.result(), seen


@dataclass(frozen=True, kw_only=True)
class JointAnswer:
    """What came of several claims in one exec."""

    conclusions: Mapping[str, Callable[[], GatheredFacts]]
    """Gives the facts of each, by its name; the host looks when it is called."""
    shell_facts: GatheredFacts
    """`exit_status`, `nonce` and `answer` of the exec as a whole, for the guard of the shell."""


def run_claims_jointly(context: GuardContext, claims: Mapping[str, Claim]) -> JointAnswer | None:
    """Run all claims' scripts by one exec; None where anything of it is not as it has to be.

    None as well where there is nothing to claim, as in the tiers without the host's disk.
    """
    if not claims:
        return None
    mark, nonce = secrets.token_hex(16), secrets.token_hex(16)
    script = build_joint_script(mark, nonce, [claim.script for claim in claims.values()])
    execution, seen = _run_watched(context, script, tuple(claims.values()))
    executions = split_joint_execution(execution, mark, nonce, len(claims))
    if executions is None:
        _take_away_traces(claims.values(), seen)
        return None
    return JointAnswer(
        conclusions={
            name: _bind_conclusion(claim, one, saw)
            for (name, claim), one, saw in zip(claims.items(), executions, seen, strict=True)
        },
        shell_facts={"exit_status": execution.exit_status, "nonce": nonce, "answer": nonce},
    )


def _take_away_traces(claims: Iterable[Claim], seen: Iterable[Any]) -> None:
    """Have each conclusion remove what its script left on the host, and forget the facts."""
    for claim, saw in zip(claims, seen, strict=True):
        with suppress(HardgateError, *ENGINE_ERRORS):
            claim.conclude(Execution(exit_status=1), saw)


def _bind_conclusion(claim: Claim, execution: Execution, seen: Any) -> Callable[[], GatheredFacts]:
    return lambda: claim.conclude(execution, seen)


def build_joint_script(mark: str, nonce: str, scripts: list[str]) -> str:
    """Write the script that runs the others, each between marks on both outputs."""
    lines = []
    for script in scripts:
        lines += [
            f"echo; echo {mark}; {{ echo; echo {mark}; }} >&2",
            f"sh -c {shlex.quote(script)}",
            f"status=$?; echo; echo {mark} $status; {{ echo; echo {mark}; }} >&2",
        ]
    return "\n".join([*lines, f"echo {nonce}; exit {HONEST_EXIT_STATUS}"])


def split_joint_execution(
    execution: Execution, mark: str, nonce: str, count: int
) -> tuple[Execution, ...] | None:
    """Take one exec's outputs apart at the marks; None where it was not run whole and honestly."""
    outputs = execution.stdout.split(f"\n{mark}")
    errors = execution.stderr.split(f"\n{mark}")
    if (
        execution.problem
        or execution.timed_out
        or execution.truncated
        or execution.exit_status != HONEST_EXIT_STATUS
        or len(outputs) != 2 * count + 1
        or len(errors) != 2 * count + 1
    ):
        return None
    # What follows a script's last mark is its exit status, and after the last one the nonce.
    *statuses, (last, answer) = (text.partition("\n")[::2] for text in outputs[2::2])
    words = [*(status for status, _ in statuses), last]
    if answer.strip() != nonce or not all(word.strip().isdigit() for word in words):
        return None
    return tuple(
        Execution(
            exit_status=int(word),
            stdout=output.removeprefix("\n"),
            stderr=error.removeprefix("\n"),
            seconds=execution.seconds,
        )
        for word, output, error in zip(words, outputs[1::2], errors[1::2], strict=True)
    )
