"""What each guard sees: gathered on the host's side, judged elsewhere (`hardgate.model.guard`)."""

import functools
import secrets
import shlex
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from hardgate.engine.exec import ENGINE_ERRORS
from hardgate.errors import HardgateError, HostError
from hardgate.host.claims import Claim, JointAnswer, PrepareClaim, run_claim, run_claims_jointly
from hardgate.host.guard_context import GatheredFacts, GuardContext
from hardgate.host.witness import WITNESS_CLAIMS
from hardgate.host.workspace import describe_end, inspect_state
from hardgate.model.guard import HONEST_EXIT_STATUS
from hardgate.model.observation import Execution


def collect_guard_facts(
    name: str, context: GuardContext, joint: "JointClaims | None" = None
) -> GatheredFacts:
    """Gather the facts of one guard. Trouble on the way is the caller's to report."""
    facts = joint.collect_facts(name, context) if joint else None
    return FACT_COLLECTORS[name](context) if facts is None else facts


class JointClaims:
    """What the guards of one task have the agent claim: asked by one exec, before the first."""

    def __init__(self, names: Iterable[str]) -> None:
        """Ask nothing yet; `names` are the task's guards."""
        self._names = tuple(name for name in names if name in CLAIMS)
        self._prepared: Future[dict[str, Claim]] | None = None
        self._asked = False
        self._answer: JointAnswer | None = None

    def begin(self, context: GuardContext) -> None:
        """Prepare the claims beside what the host sees by itself, once.

        The beacon's page alone takes 35 ms.
        """
        if self._prepared is None and self._names and not self._asked:
            pool = ThreadPoolExecutor(max_workers=1)
            with suppress(RuntimeError):  # without memory for a thread it is done when it is needed
                self._prepared = pool.submit(self._prepare_claims, context)
            pool.shutdown(wait=False)

    def collect_facts(self, name: str, context: GuardContext) -> GatheredFacts | None:
        """Give a guard's facts; None where it has to be asked by itself."""
        if name != SHELL_GUARD_NAME and name not in self._names:
            return None
        if not self._asked:
            self._asked = True
            prepared = self._prepared
            claims = prepared.result() if prepared else self._prepare_claims(context)
            self._answer = run_claims_jointly(context, claims)
        if self._answer is None:
            return None
        if name == SHELL_GUARD_NAME:
            return self._answer.shell_facts
        conclude = self._answer.conclusions.get(name)
        return conclude() if conclude else None

    def _prepare_claims(self, context: GuardContext) -> dict[str, Claim]:
        claims = {}
        for name in self._names:
            # What keeps a claim from being prepared is told when its own guard is asked.
            with suppress(HardgateError, *ENGINE_ERRORS):
                claim = CLAIMS[name][0](context)
                if claim is not None:
                    claims[name] = claim
        return claims


@functools.cache
def get_joint_claims(workspace: str, names: tuple[str, ...]) -> JointClaims:
    """Give this process's one for a workspace and a task's guards; it ends with the task."""
    del workspace
    return JointClaims(names)


def collect_settings_facts(context: GuardContext) -> GatheredFacts:
    """See what the engine says that it started."""
    inspect = context.client.inspect_container(context.workspace.id)
    # What the caller gives a workspace is not a setting of its tier, and may be a secret.
    config = {name: value for name, value in inspect["Config"].items() if name != "Env"}
    return {
        "inspect": {**inspect, "Config": config},
        "warnings": list(context.workspace.warnings),
        "cpus": context.client.info()["NCPU"],
        "volumes": list(context.workspace.volumes),
    }


def collect_readiness_facts(context: GuardContext) -> GatheredFacts:
    """Hand on what the wait for the workspace saw."""
    return dict(context.readiness)


def collect_continuity_facts(context: GuardContext) -> GatheredFacts:
    """Compare the container after the probes with the one that was started."""
    return {
        "before": dict(context.workspace.state) or None,
        "after": inspect_state(context.client, context.workspace.id),
        "ended": describe_end(context.client, context.workspace.id),
    }


def collect_workload_facts(context: GuardContext) -> GatheredFacts:
    """See who runs what in the workspace, who listens, and whose the token is, from the host."""
    seen = context.look_around(want=("workload", "token"))
    if "workload" not in seen:
        raise HostError(f"The workspace's processes could not be seen: {seen.get('problem')}")
    token = seen.get("token") or {}
    return {**seen["workload"], "token_uid": token.get("uid")}


def collect_shell_facts(context: GuardContext) -> GatheredFacts:
    """Ask the shell for an exit status of no meaning, and for a word it cannot know."""
    nonce = secrets.token_hex(16)
    execution = context.run_as_agent(f"echo {nonce}; exit {HONEST_EXIT_STATUS}")
    return {
        "exit_status": execution.exit_status,
        "nonce": nonce,
        "answer": execution.stdout.strip(),
    }


def collect_pid_namespace_facts(context: GuardContext) -> GatheredFacts:
    """Read the workspace's namespace and the host's; the lookout is in the latter."""
    namespaces = context.observer.read_pid_namespaces(context.workspace.state["pid"], "self")
    return {
        "workspace": namespaces[0],
        "host": namespaces[1],
    }


def prepare_host_write_claim(context: GuardContext) -> Claim:
    """Have the agent write a file through /host, and look for it on the host itself."""
    nonce = secrets.token_hex(16)
    path = f"/tmp/hardgate-{nonce}"  # noqa: S108 - on the test host, and unique
    inside = shlex.quote(f"/host{path}")
    return Claim(
        script=f"printf %s {nonce} > {inside}",
        conclude=partial(_conclude_host_write, context, nonce, path),
    )


def _conclude_host_write(
    context: GuardContext, nonce: str, path: str, execution: Execution, _seen: None
) -> GatheredFacts:
    found = context.observer.read_and_remove_file(path)
    if execution.problem:
        raise HostError(f"Nobody could ask the workspace to write: {execution.problem}")
    message = (
        execution.stderr or execution.stdout or f"exit status {execution.exit_status}"
    ).strip()
    return {
        "claimed": execution.exit_status == 0,
        "said": message,
        "path": path,
        "nonce": nonce,
        "seen": found,
    }


def _collect_claimed_facts(
    prepare: PrepareClaim, without: GatheredFacts, context: GuardContext
) -> GatheredFacts:
    """Have one thing claimed by an exec of its own; `without` are the facts without a claim."""
    claim = prepare(context)
    return run_claim(context, claim) if claim else dict(without)


SHELL_GUARD_NAME = "workspace_shell_is_honest"
CLAIMS: Mapping[str, tuple[PrepareClaim, GatheredFacts]] = {
    "host_writes_are_real": (prepare_host_write_claim, {}),
    **WITNESS_CLAIMS,
}

FACT_COLLECTORS: Mapping[str, Callable[[GuardContext], GatheredFacts]] = {
    "workspace_settings_match_tier": collect_settings_facts,
    "workspace_became_ready": collect_readiness_facts,
    "workload_runs_as_agent_uid": collect_workload_facts,
    SHELL_GUARD_NAME: collect_shell_facts,
    "pid_namespace_matches_tier": collect_pid_namespace_facts,
    "workspace_kept_running": collect_continuity_facts,
    **{name: partial(_collect_claimed_facts, *claim) for name, claim in CLAIMS.items()},
}
"""One for each name in `hardgate.model.guard.GUARDS`; a test says so."""

LIVE_GUARDS = frozenset(FACT_COLLECTORS) - {
    "workspace_settings_match_tier",
    "workspace_became_ready",
    "workspace_kept_running",
}
"""Guards that can only look at a workspace that runs."""
