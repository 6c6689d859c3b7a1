"""The contracts of hosts: their scripts can be read, and say what was seen."""

import ast
import contextlib
import hashlib
import http.server
import json
import os
import pwd
import re
import socketserver
import subprocess
import sys
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest

from hardgate.model.contract import Capability, Subject, load_contract
from hardgate.model.contract_fields import ProbeUser
from hardgate.model.plan import make_host_plan
from hardgate.remote.host_probes import pick_probe_variables
from hardgate.resources import CONTRACTS
from hardgate.system.ownership import Owner
from tests.serving import serve

LOADED = {
    name: load_contract(str(CONTRACTS / f"{name}.yaml"), subject=Subject.HOST)
    for name in ("runner-host", "runner")
}
ALL = {
    f"{name}:{capability.name}": capability
    for name, contract in LOADED.items()
    for capability in contract.capabilities
}
each = pytest.mark.parametrize("capability", ALL.values(), ids=ALL)


def python_of(capability: Capability) -> str:
    """Give the Python that a probe hands to python3; empty where it hands none."""
    _, _, rest = capability.probe.partition("<<'PYTHON'\n")
    return rest.partition("\nPYTHON\n")[0]


@each
def test_a_probe_is_shell(capability: Capability) -> None:
    ran = subprocess.run(
        ["sh", "-n"], input=capability.probe, text=True, capture_output=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


@each
def test_its_python_is_what_the_oldest_hosts_have(capability: Capability) -> None:
    ast.parse(python_of(capability), feature_version=(3, 9))


@each
def test_it_throws_nothing_away_that_it_does_not_put_into_words(capability: Capability) -> None:
    assert capability.hint
    for line in capability.probe.splitlines():
        if "/dev/null" in line:
            assert re.search(r"command -v|sudo -n|attr/current|PIDFILE|/cmdline", line), line


@pytest.mark.parametrize("name", LOADED)
def test_every_variable_that_a_contract_names_is_used(name: str) -> None:
    contract = LOADED[name]
    text = "".join(capability.probe for capability in contract.capabilities)
    assert all(variable in text for variable in contract.variables)
    given = dict.fromkeys(contract.variables, "")
    assert list(pick_probe_variables(make_host_plan(contract), given)) == list(contract.variables)


def test_what_the_runners_user_promises_is_looked_at_as_that_user() -> None:
    of_runner = {name for name, one in ALL.items() if one.user is ProbeUser.RUNNER}
    assert of_runner == {
        "runner-host:engine_reachable_by_runner",
        "runner-host:docker_command_present",
        "runner-host:clock_matches_forge",
        "runner-host:forge_reachable",
        "runner-host:workflow_commands_present",
        "runner-host:runner_user_unprivileged",
    }


def test_names_are_unique_over_both_for_one_report_holds_them() -> None:
    names = [capability.name for capability in ALL.values()]
    assert len(names) == len(set(names))


SELF = pwd.getpwuid(os.getuid()).pw_name
FACTS = "/etc/hardgate/runner-facts.json"


def ask(name: str, script: str = "", **variables: str) -> tuple[int, str]:
    """Run a probe of ours on this machine, as whoever runs the tests; its last words are a word."""
    ran = subprocess.run(
        ["sh", "-c", script or ALL[name].probe],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables},
        text=True,
        capture_output=True,
        timeout=30,
        check=False,
    )
    last = (ran.stderr.strip().splitlines() or [""])[-1]
    assert ran.returncode == 0 or last.endswith("."), ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.returncode, last


@pytest.mark.parametrize(
    ("mode", "folder_mode", "content", "why"),
    [
        (0o600, 0o700, "{}", ""),
        (0o400, 0o750, "{}", ""),
        (0o640, 0o700, "{}", "is not the runner's alone: its mode is 640."),
        (0o604, 0o700, "{}", "is not the runner's alone: its mode is 604."),
        (0o600, 0o755, "{}", "is open to others than the runner: its mode is 755."),
        (0o600, 0o770, "{}", ""),  # its own group alone
        (0o600, 0o700, "", "is empty: the runner is not registered."),
        (None, 0o700, "{}", "is not there: the runner is not registered."),
    ],
)
def test_a_registration_is_its_runners_alone(
    mode: int | None, folder_mode: int, content: str, why: str, tmp_path: Path
) -> None:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    folder.chmod(folder_mode)
    file = folder / ".runner"
    if mode is not None:
        file.write_text(content)
        file.chmod(mode)
    status, last = ask(
        "runner:registration_private",
        HARDGATE_RUNNER_REGISTRATION=str(file),
        HARDGATE_RUNNER_USER=SELF,
    )
    assert (status, why in last) == (int(bool(why)), True)


def test_a_registration_of_somebody_elses_and_none_at_all_are_misses(tmp_path: Path) -> None:
    file = tmp_path / ".runner"
    file.write_text("{}")
    name, path = "runner:registration_private", str(file)
    told = ask(name, HARDGATE_RUNNER_REGISTRATION=path, HARDGATE_RUNNER_USER="somebody")
    assert told == (1, f"'{path}' belongs to '{SELF}', not to 'somebody'.")
    told = ask(name, HARDGATE_RUNNER_REGISTRATION="", HARDGATE_RUNNER_USER=SELF)
    assert told == (1, "No file of a registration was named.")


LISTED = """\
log: {{level: info}}
runner:
  capacity: 2
  {labels}
  timeout: 3h
"""


@pytest.mark.parametrize(
    ("facts", "config", "registration", "why"),
    [
        (["docker-host"], "", "{}", ""),
        (["docker-host", "big"], "labels: [docker-host, 'big:host']", "{}", ""),
        (["big", "docker-host"], 'labels:\n    - "docker-host:host"\n    - big', "{}", ""),
        (
            ["docker-host", "big"],
            "labels:\n  # none\n  - docker-host:docker://x\n  - big",
            "{}",
            "",
        ),
        (["docker-host"], "labels: []", '{"labels": ["docker-host:host"]}', ""),
        (["docker-host"], "", '{"labels": ["docker-host", "gpu"]}', "registration' has other.*gpu"),
        (
            ["docker-host"],
            "labels: [a]",
            "{}",
            "config' has other .* more: a; missing: docker-host",
        ),
        (["a", "docker-host"], "", "{}", "facts' has other labels .* more: a"),
        ([], "", "{}", "facts' has other labels than were asked for; missing: docker-host"),
        (["docker-host"] * 2, "", "{}", "; one is there twice"),
        (None, "", "{}", "facts' is not there"),
        ("docker-host", "", "{}", "facts' has other labels"),
        (7, "", "{}", "facts' tells no labels"),
        (["docker-host"], "", "no JSON", ""),
    ],
)
def test_labels_are_exact_wherever_they_are_written(
    facts: object, config: str, registration: str, why: str, tmp_path: Path
) -> None:
    if facts is not None:
        (tmp_path / "facts").write_text(json.dumps({"labels": facts}))
    (tmp_path / "config").write_text(LISTED.format(labels=config))
    (tmp_path / "registration").write_text(registration)
    asked = ["docker-host", *(["big"] if "big" in str(facts) else [])]
    status, last = ask(
        "",
        ALL["runner:labels_exact"].probe.replace(FACTS, str(tmp_path / "facts")),
        HARDGATE_RUNNER_LABELS=",".join(asked),
        HARDGATE_RUNNER_CONFIG=str(tmp_path / "config"),
        HARDGATE_RUNNER_REGISTRATION=str(tmp_path / "registration"),
    )
    assert status == int(bool(why)), last
    assert re.search(why, last)


@pytest.mark.parametrize(
    ("room", "inodes", "why"),
    [
        ("1", "1", ("", "")),
        ("999999999", "1", (r"MiB free, and 999999999 MiB were asked for\.", "")),
        ("1", "999999999999", ("", r"inodes free, and 999999999999 were asked for\.")),
    ],
)
def test_room_is_as_much_as_was_asked_for(
    room: str, inodes: str, why: tuple[str, str], tmp_path: Path
) -> None:
    for name, expected in zip(("disk_free", "inodes_free"), why, strict=True):
        status, last = ask(
            "",
            ALL[f"runner-host:{name}"].probe.replace("/var/lib/docker", str(tmp_path)),
            HARDGATE_RUNNER_HOME=str(tmp_path),
            HARDGATE_DISK_MIB=room,
            HARDGATE_INODES=inodes,
        )
        assert status == int(bool(expected)), last
        assert re.search(expected, last)


def test_a_program_that_is_not_there_or_not_the_pinned_one_is_a_miss(tmp_path: Path) -> None:
    program = tmp_path / "runner"
    name, path = "runner-host:runner_program_pinned", str(program)
    told = ask(name, HARDGATE_RUNNER_PROGRAM=path, HARDGATE_RUNNER_SHA256="ab")
    assert told == (1, f"'{path}' is not there.")
    program.write_bytes(b"x")
    told = ask(name, HARDGATE_RUNNER_PROGRAM=path, HARDGATE_RUNNER_SHA256="ab")
    assert told == (1, f"'{path}' cannot be executed.")
    program.chmod(0o755)
    digest = hashlib.sha256(b"x").hexdigest()
    told = ask(name, HARDGATE_RUNNER_PROGRAM=path, HARDGATE_RUNNER_SHA256="ab")
    assert told == (1, f"'{path}' has the sha256 {digest}, and ab is pinned.")
    program.chmod(0o775)
    if os.getuid() == 0:
        told = ask(name, HARDGATE_RUNNER_PROGRAM=path, HARDGATE_RUNNER_SHA256=digest)
        assert told == (1, f"'{path}' can be written by others than root: its mode is 775.")
    told = ask(name, HARDGATE_RUNNER_PROGRAM=path, HARDGATE_RUNNER_SHA256="")
    assert told == (1, f"No sha256 is pinned for '{path}'.")


@pytest.fixture
def forge() -> Iterator[http.server.ThreadingHTTPServer]:
    """Give a forge that answers as the test says."""

    class Handler(http.server.BaseHTTPRequestHandler):
        status = 200
        date = ""

        def do_GET(self) -> None:
            self.send_response_only(type(self).status)
            if type(self).date:
                self.send_header("Date", type(self).date)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - the base class asks for this name

    with serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield server


@pytest.mark.parametrize(
    ("shift", "why"),
    [
        (0, ""),
        (-3, ""),
        (4, ""),
        (-90, r"The clock is [789]\d\.\d s ahead of the forge's; 5 s are allowed\."),
        (90, r"The clock is [789]\d\.\d s behind the forge's; 5 s are allowed\."),
        (None, r"The clock cannot be compared: .* answers without a Date header\."),
    ],
)
def test_the_clock_is_the_forges(
    shift: int | None, why: str, forge: http.server.ThreadingHTTPServer
) -> None:
    handler = forge.RequestHandlerClass
    handler.date = "" if shift is None else formatdate(time() + shift, usegmt=True)  # type: ignore[attr-defined]
    url = f"http://127.0.0.1:{forge.server_port}/"
    status, last = ask(
        "runner-host:clock_matches_forge", HARDGATE_FORGE_URL=url, HARDGATE_CLOCK_SECONDS="5"
    )
    assert status == int(bool(why)), last
    assert re.search(why, last)


@pytest.mark.parametrize(("answer", "why"), [(200, ""), (302, ""), (404, ""), (503, "answers 503")])
def test_the_forge_answers(answer: int, why: str, forge: http.server.ThreadingHTTPServer) -> None:
    forge.RequestHandlerClass.status = answer  # type: ignore[attr-defined]
    url = f"http://127.0.0.1:{forge.server_port}"
    status, last = ask("runner-host:forge_reachable", HARDGATE_FORGE_URL=url)
    assert (status, why in last) == (int(bool(why)), True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "ftp://forge/", "forge", ""])
def test_a_forge_that_does_not_answer_is_told(url: str) -> None:
    status, last = ask("runner-host:forge_reachable", HARDGATE_FORGE_URL=url)
    assert status == 1
    assert "does not answer" in last or "is no http or https URL" in last


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Path]:
    """Give the supervisor of a machine without systemd; it only waits."""
    program = tmp_path / "supervise"
    program.write_text("import time\ntime.sleep(60)\n")
    process = subprocess.Popen([sys.executable, str(program), "stay"])
    (tmp_path / "pid").write_text(f"{process.pid}\n")
    yield program
    process.kill()
    process.wait()


def of_supervisor(name: str, program: Path, script: str = "") -> tuple[int, str]:
    return ask(
        name,
        script,
        HARDGATE_RUNNER_SERVICE="",
        HARDGATE_RUNNER_TIMER="",
        HARDGATE_RUNNER_PIDFILE=str(program.with_name("pid")),
    )


def test_without_systemd_something_has_to_start_the_supervisor(supervisor: Path) -> None:
    name = "runner:service_enabled"
    script = ALL[name].probe.replace("/etc/rc.local", str(supervisor.with_name("rc.local")))
    status, last = of_supervisor(name, supervisor, script)
    assert (status, last.endswith(f"nothing runs '{supervisor} start' when it boots.")) == (1, True)
    supervisor.with_name("rc.local").write_text(f"{supervisor} start\n")
    assert of_supervisor(name, supervisor, script)[0] == 0


@pytest.mark.parametrize(
    ("seconds", "why"), [(900, ""), ("900", ""), (0, "says of no time when debris is removed.")]
)
def test_without_systemd_the_supervisor_reaps(seconds: object, why: str, supervisor: Path) -> None:
    supervisor.with_name("supervise.json").write_text(json.dumps({"reap_seconds": seconds}))
    status, last = of_supervisor("runner:reaper_scheduled", supervisor)
    assert (status, why in last) == (int(bool(why)), True)


@pytest.mark.parametrize(
    ("reaper", "why"),
    [
        ("# never prune\nLABELS = 'hardgate.run', 'hardgate.deadline'\n", ""),
        ("docker system prune --force --filter label=hardgate.run # hardgate.deadline", "prunes:"),
        ("docker rm --force $(docker ps -aq)", "does not go by hardgate's labels and their age."),
    ],
)
def test_a_reaper_goes_by_labels_and_age(reaper: str, why: str, supervisor: Path) -> None:
    program = supervisor.with_name("reap")
    program.write_text(reaper)
    settings = {"reap": [str(program), "/var/lib/x", "7"], "reap_seconds": 900}
    supervisor.with_name("supervise.json").write_text(json.dumps(settings))
    status, last = of_supervisor("runner:reaper_scoped", supervisor)
    why = why if os.getuid() == 0 else "can be changed by others."
    assert (status, why in last) == (int(bool(why)), True)


@pytest.mark.parametrize(
    "name", ["service_enabled", "reaper_scheduled", "reaper_scoped", "service_runs_pinned_program"]
)
def test_where_neither_systemd_nor_a_supervisor_runs_it_is_a_miss(
    name: str, tmp_path: Path
) -> None:
    status, _ = ask(
        f"runner:{name}",
        HARDGATE_RUNNER_SERVICE="",
        HARDGATE_RUNNER_TIMER="",
        HARDGATE_RUNNER_PIDFILE=str(tmp_path / "none"),
        HARDGATE_RUNNER_PROGRAM="/bin/true",
        HARDGATE_RUNNER_SHA256="ab",
        HARDGATE_RUNNER_USER=SELF,
        HARDGATE_RUNNER_CONFIG="",
    )
    assert status == 1


class EngineSockets(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A socket that answers a line of HTTP as an engine's API does, or as its metrics do."""

    def __init__(self, path: Path, answer: bytes) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.rfile.readline()
                self.wfile.write(answer)

        super().__init__(str(path), Handler)


API = b"HTTP/1.0 200 OK\r\nApi-Version: 1.41\r\n\r\nOK"
METRICS = b"HTTP/1.0 404 Not Found\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "status"), [(None, 0), (METRICS, 0), (API, 1)], ids=["alone", "metrics", "second"]
)
def test_a_second_socket_of_the_engine_is_a_miss(
    answer: bytes | None, status: int, tmp_path: Path
) -> None:
    main, second = tmp_path / "docker.sock", tmp_path / "x.sock"
    script = ALL["runner-host:engine_only_on_socket"].probe
    script = script.replace("/var/run/docker.sock", str(main))
    script = script.replace("/etc/docker/daemon.json", str(tmp_path / "none"))
    script = script.replace('== "dockerd"', f'!= "" and process.name == "{os.getpid()}"')
    script = script.replace("seen.st_uid != 0", "False")
    with contextlib.ExitStack() as opened:
        opened.enter_context(serve(EngineSockets(main, API)))
        main.chmod(0o660)
        if answer is not None:
            opened.enter_context(serve(EngineSockets(second, answer)))
        told, last = ask("runner-host:engine_only_on_socket", script)
    assert told == status, last
    assert not status or f"listens at '{second}', too." in last


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (["unix:///var/run/docker.sock"], 0),
        (["fd://"], 0),
        (["unix:///x.sock"], 1),
        (["tcp://127.0.0.1:2375"], 1),
    ],
)
def test_settings_that_open_a_second_way_to_the_engine_are_a_miss(
    hosts: list[str], status: int, tmp_path: Path
) -> None:
    config, main = tmp_path / "daemon.json", tmp_path / "docker.sock"
    config.write_text(json.dumps({"hosts": hosts}))
    script = ALL["runner-host:engine_only_on_socket"].probe
    script = script.replace('"/var/run/docker.sock"', f"'{main}'")
    script = script.replace("/etc/docker/daemon.json", str(config))
    script = script.replace('== "dockerd"', f'!= "" and process.name == "{os.getpid()}"')
    script = script.replace("seen.st_uid != 0", "False")
    script = script.replace('"unix://" + path', '"unix:///var/run/docker.sock"')
    with EngineSockets(main, API):
        main.chmod(0o660)
        told, last = ask("runner-host:engine_only_on_socket", script)
    assert told == status, last


def test_a_killed_canary_is_debris_that_the_reaper_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["-", "mark"])
    text = python_of(ALL["runner:container_logs_bounded"])
    made: dict[str, object] = {}
    exec(text[: text.index("def ask")], made)  # noqa: S102 - the contract's own, up to its labels
    owner = Owner.from_labels(made["canary_labels"]("mark"))  # type: ignore[operator]
    assert owner
    assert (owner.run, owner.process.pid, owner.is_dead()) == ("canary-mark", os.getpid(), False)
    assert owner.is_dead(now=time() + 3600) or owner.uptime_deadline
