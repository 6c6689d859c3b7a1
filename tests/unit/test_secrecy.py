"""A secret of any input is in no byte that a run prints or leaves, however somebody wrote it."""

import base64
import html
import io
import json
import string
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hardgate.cli.gate import make_gate_parser, read_gate_request
from hardgate.cli.secret_inputs import redactor_of_command_line
from hardgate.errors import UsageError
from hardgate.gate.events import take_token
from hardgate.gate.state import RunState
from hardgate.host.observer import Observer
from hardgate.host.workspace import Workspace
from hardgate.model.verdict import Diagnosis, Verdict
from hardgate.pipeline.policy import read_policy
from hardgate.redaction import Redactor
from hardgate.report.console import Console
from hardgate.report.folder import BUILD_LOG, WORKSPACE_LOG, open_report_folder
from tests.unit import runs

ALPHABET = string.ascii_letters + string.digits + "+/=_-.!@#%&<>'\"~"

SECRETS = st.text(alphabet=ALPHABET, min_size=10, max_size=60).filter(
    lambda text: (
        sum(one.isdigit() for one in text) >= 2
        and sum(one.isalpha() for one in text) >= 3
        and len(set(text)) >= 6
        and text[0].isalnum()
    )
)


def _hex(secret: str) -> str:
    return secret.encode().hex()


WRITTEN: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "json": lambda secret: json.dumps(secret)[1:-1],
    "php_json": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "unicode_escapes": lambda secret: "".join(f"\\u{ord(one):04x}" for one in secret),
    "byte_escapes": lambda secret: "".join(f"\\x{ord(one):02x}" for one in secret),
    "hex": _hex,
    "hex_with_colons": lambda text: text.encode().hex(":"),
    "url": lambda secret: quote(secret, safe=""),
    "url_twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "base32": lambda secret: base64.b32encode(secret.encode()).decode(),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64_inside": lambda secret: base64.b64encode(f"u:{secret}".encode()).decode(),
    "base64_twice": lambda secret: base64.b64encode(base64.b64encode(secret.encode())).decode(),
    "html": html.escape,
    "html_numbers": lambda secret: "".join(f"&#{ord(one)};" for one in secret),
    "zero_width": "\u200b".join,
    "two_lines": lambda secret: f"{secret[:5]}\n{secret[5:]}",
}
COMMAND_LINE_INPUTS = ("env", "env_equals", "build_arg", "env_file", "secret_file", "secret_env")
INPUTS = (*COMMAND_LINE_INPUTS, "contract", "contract_header", "workspace_token")


def _command_line(secret: str, given_by: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    file = folder / "input"
    match given_by:
        case "env":
            return ["gate", "--env", f"DEPLOY_TOKEN={secret}"], {}
        case "env_equals":
            return ["gate", f"--env=DEPLOY_TOKEN={secret}"], {}
        case "build_arg":
            return ["gate", "--build-arg", f"DEPLOY_TOKEN={secret}"], {}
        case "env_file":
            file.write_text(f"# ours\nDEPLOY_TOKEN={secret}\n")
            return ["gate", "--env-file", str(file)], {}
        case "secret_file":
            file.write_text(f"{secret}\n")
            return ["gate", "--secret", f"id=token,src={file}"], {}
        case _:
            return ["gate", "--secret", "id=token,env=MINE"], {"MINE": secret}


class _Host:
    """Has a token's file on its disk."""

    root = ""

    def __init__(self, token: str) -> None:
        self._token = token

    def run_checked(self, *_command: str) -> str:
        return self._token


def _write_contract(secret: str, given_by: str, file: Path) -> Path:
    quoted = secret.replace("'", "'\\''")
    probe = {
        "contract": f"export DEPLOY_TOKEN='{quoted}'; exit 0",
        "contract_header": f"curl -H 'Authorization: Bearer {quoted}' http://127.0.0.1/",
    }[given_by]
    capability = {"name": "one", "description": "d", "severity": "hard", "source": "s"}
    listed = [{**capability, "probe": probe}]
    file.write_text(json.dumps({"version": 1, "agent_uid": 1000, "capabilities": listed}))
    return file


def _know(secret: str, given_by: str, folder: Path) -> Redactor:
    """Give the redactor that a gate has when its workspace has booted, by the gate's own code."""
    if given_by == "workspace_token":
        console = Console(io.StringIO())
        workspace = SimpleNamespace(volumes={"/configs": "/volumes/configs"})
        take_token(
            cast("Observer", _Host(secret)), cast("Workspace", workspace), console, RunState()
        )
        return console.redactor
    if given_by in COMMAND_LINE_INPUTS:
        argv, environ = _command_line(secret, given_by, folder)
        by_printing = redactor_of_command_line(argv, environ)
    else:
        contract = _write_contract(secret, given_by, folder / "contract.yaml")
        argv, environ, by_printing = ["gate", "--contract", str(contract)], {}, Redactor()
    words = [*argv[1:], *(() if "--secret" in argv or "--build-arg" in argv else ("--image", "x"))]
    (folder / "Dockerfile").write_text("FROM scratch\n")
    if "--image" not in words:
        words += ["--context", str(folder)]
    request = read_gate_request(make_gate_parser().parse_argv(words), environ)
    in_reports = Redactor().with_values(request.secrets)
    assert given_by not in COMMAND_LINE_INPUTS or by_printing.values == in_reports.values
    return in_reports


def _planted(text: str) -> tuple[Verdict, ...]:
    """Put a text wherever an image's words get to."""
    miss = runs.failed(
        "list_peers_http_200",
        f"it wrote {text} and failed",
        hint="Look.",
        stdout=f"out {text} out",
        stderr=f"err\n{text}\nerr",
        diagnosis=Diagnosis(trace=f"+ echo {text}\n", exit_status=1),
    )
    guard = runs.red().verdicts[0]
    seen = replace(guard, observation=replace(guard.observation, facts={"said": f"a {text} b"}))
    return tuple(
        {miss.name: miss, seen.name: seen}.get(verdict.name, verdict)
        for verdict in runs.red().verdicts
    )


def _all_that_is_left(secret: str, text: str, given_by: str) -> str:
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        redactor = _know(secret, given_by, base)
        printed = io.StringIO()
        console = Console(printed, verbosity=1, redactor=redactor, environ={})
        folder = open_report_folder(base / "reports", "3f9c2e7a")
        for log in (BUILD_LOG, WORKSPACE_LOG):
            with folder.open_log(log, redactor) as stream:
                stream.write(f"before {text} after\nend\n")
        run = runs.red(
            verdicts=_planted(text), problem=f"It said {text}.", evidence=f"a\n{text}\nb"
        )
        folder.write_reports(run, redactor)
        console.print_notice(f"it said {text}")
        console.print_run(run)
        left = [
            file.read_text(errors="replace") for file in folder.path.rglob("*") if file.is_file()
        ]
    return "\n".join([printed.getvalue(), *left])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(secret=SECRETS, form=st.sampled_from(sorted(WRITTEN)), given_by=st.sampled_from(INPUTS))
@example(secret="0000012ABC", form="base32", given_by="contract")
def test_a_secret_of_any_input_is_nowhere(secret: str, form: str, given_by: str) -> None:
    text = WRITTEN[form](secret)

    left = _all_that_is_left(secret, text, given_by)

    for written in (secret, html.escape(secret), text.rstrip("=")):
        assert written not in left
    assert "[redacted]" in left


@settings(max_examples=25, deadline=None)
@given(secret=SECRETS)
def test_a_policy_that_cannot_be_read_is_told_without_its_values(secret: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "policy.yaml"
        file.write_text(f"deploy_token: {json.dumps(secret)}\n")
        with pytest.raises(UsageError) as raised:
            read_policy(file, owner=file.stat().st_uid)
    told = io.StringIO()
    Console(told).print_notice(f"{raised.value} {raised.value.evidence}")
    assert secret not in told.getvalue()


def test_a_harmless_build_argument_hides_nothing() -> None:
    """Evidence stays readable: what is no secret is masked nowhere."""
    text = "the agent of USERNAME=agent said: user agent, uid 1000, /home/agent"
    plain = Redactor()

    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "Dockerfile").write_text("FROM scratch\n")
        words = ["--context", name, "--build-arg", "USERNAME=agent", "--env", "LANG=C.UTF-8"]
        request = read_gate_request(make_gate_parser().parse_argv(words), {})

    assert request.secrets == ()
    assert redactor_of_command_line(["gate", *words], {}).redact_text(text) == text
    assert plain.with_values(request.secrets).redact_text(text) == text
