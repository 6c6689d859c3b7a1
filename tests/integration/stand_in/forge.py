"""A strict stand-in for a forge: Gitea, Forgejo and GitHub Enterprise, as far as runners ask them.

It knows the documented paths only, takes every token once, and writes down what it saw. The
runners' side of Gitea and Forgejo is Connect's JSON; a job is a script, and its result comes back.
"""

import json
import re
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.serving import serve

JOB_SECONDS = 60.0
WAIT_STEP = 0.02
RUNNERS = r"/api/v[13]/(?:admin|user|orgs/[^/]+|repos/[^/]+/[^/]+)/actions/runners"
PING = "/api/actions/ping.v1.PingService/Ping"
SERVICE = "/api/actions/runner.v1.RunnerService"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked."""

    method: str
    path: str
    parts: tuple[str, ...]
    """What the route's groups matched."""
    headers: Mapping[str, str]
    """By lower-case name."""
    body: Any


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is answered: JSON, or nothing."""

    status: int = HTTPStatus.OK
    body: Any = None


Handler = Callable[[Request], Answer]


@dataclass(kw_only=True)
class Runner:
    """A runner that registered, and what it has done since."""

    id: int
    uuid: str
    token: str
    name: str
    labels: tuple[str, ...]
    """The names that jobs ask for."""
    ephemeral: bool
    version: str
    command: tuple[str, ...]
    """How the program that registered was called: what anybody could see in the process list."""
    polls: int = 0
    seen: float = 0.0
    """When it polled last, on the monotonic clock."""


@dataclass(kw_only=True)
class Job:
    """A script that waits for a runner with a label, and its result."""

    id: int
    script: str
    label: str
    runner: Runner | None = None
    output: str = ""
    result: str = ""
    """SUCCESS, FAILURE or CANCELLED, once it has ended."""
    exit_code: int | None = None

    def wait(self, seconds: float = JOB_SECONDS) -> "Job":
        """Wait until it has ended."""
        _wait(lambda: bool(self.result), seconds, f"job {self.id} to end")
        return self

    def wait_until_taken(self, seconds: float = JOB_SECONDS) -> "Job":
        """Wait until a runner has it and it has said something."""
        _wait(lambda: bool(self.output or self.result), seconds, f"job {self.id} to say something")
        return self


@dataclass(kw_only=True)
class Forge:
    """The forge, to its tests; what runners and callers see of it are its routes."""

    url: str = ""
    api_token: str = field(default_factory=lambda: secrets.token_hex(20))
    """What its API is asked with."""
    clock_offset: float = 0.0
    """Seconds by which its Date header is ahead."""
    runners: dict[int, Runner] = field(default_factory=dict)
    """Those that are registered now."""
    deleted: list[Runner] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    """Method, path and status of everything that was asked."""
    registered: int = 0
    """How many ever did."""

    def __post_init__(self) -> None:
        """Set up the documented routes."""
        self._lock = threading.RLock()
        self._tokens: dict[str, str] = {}
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._secrets: set[str] = set()
        for method, pattern, handler in (
            ("GET", "/", lambda _: Answer(body={})),
            ("GET", "/api/healthz", lambda _: Answer(body={"status": "pass"})),
            ("GET", "/api/v1/version", lambda _: Answer(body={"version": "1.24.0"})),
            (
                "POST",
                "/api/actions/ping.v1.PingService/Ping",
                lambda asked: Answer(body=asked.body),
            ),
            ("POST", f"{SERVICE}/Register", self._register),
            ("POST", f"{SERVICE}/Declare", self._declare),
            ("POST", f"{SERVICE}/FetchTask", self._fetch),
            ("POST", f"{SERVICE}/UpdateLog", self._update_log),
            ("POST", f"{SERVICE}/UpdateTask", self._update_task),
            ("POST", "/api/v3/actions/runner-registration", self._exchange),
            ("POST", "/_apis/distributedtask/pools/1/agents", self._add_agent),
            ("DELETE", r"/_apis/distributedtask/pools/1/agents/(\d+)", self._remove_agent),
            ("GET", RUNNERS, self._list),
            ("DELETE", rf"{RUNNERS}/(\d+)", self._delete),
            ("(?:GET|POST)", rf"{RUNNERS}/(registration|remove)-token", self._give_token),
        ):
            self.add_route(method, pattern, handler)

    # For tests

    def add_route(self, method: str, pattern: str, handler: Handler) -> None:
        """Answer one more path; the last added is asked first."""
        self._routes.insert(0, (method, re.compile(pattern), handler))

    def issue_token(self, event: str = "registration") -> str:
        """Give a token that registers one runner, or (`remove`) removes one of GitHub's."""
        token = secrets.token_urlsafe(30)
        with self._lock:
            self._tokens[token] = event
        return token

    def issue_secret(self, name: str = "offline") -> str:
        """Register a runner from the forge's side, as forgejo-cli does; give its shared secret."""
        secret = secrets.token_hex(20)
        with self._lock:
            runner = self._new_runner({"name": name}, command=())
            runner.uuid, runner.token = str(uuid.UUID(bytes=secret[:16].encode())), secret
        return secret

    def queue(self, script: str, label: str = "docker-host") -> Job:
        """Let a job wait for a runner."""
        with self._lock:
            job = Job(id=len(self.jobs) + 1, script=script, label=label)
            self.jobs.append(job)
        return job

    def runner(self, name: str) -> Runner:
        """Find a registered runner by its name."""
        return next(runner for runner in self.runners.values() if runner.name == name)

    def wait_for_polls(self, name: str, more: int = 1, seconds: float = JOB_SECONDS) -> None:
        """Wait until a runner has polled, from now on."""
        before = self.runner(name).polls
        _wait(lambda: self.runner(name).polls >= before + more, seconds, f"'{name}' to poll")

    def remove(self, name: str) -> None:
        """Remove a runner, as a user of the forge does by hand."""
        with self._lock:
            self.deleted.append(self.runners.pop(self.runner(name).id))

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Answer:
        """Answer a request, and write it down."""
        plain = path.partition("?")[0]
        answer = Answer(status=HTTPStatus.NOT_FOUND, body={"message": "not found"})
        for allowed, pattern, handler in self._routes:
            found = pattern.fullmatch(plain)
            if found and re.fullmatch(allowed, method):
                request = Request(
                    method=method, path=path, parts=found.groups(), headers=headers, body=body
                )
                with self._lock:
                    answer = handler(request)
                break
        self.requests.append((method, plain, answer.status))
        return answer

    # What runners ask

    def _register(self, asked: Request) -> Answer:
        if self._tokens.pop(asked.body.get("token", ""), None) != "registration":
            told = {"code": "not_found", "message": "runner registration token not found"}
            return Answer(status=HTTPStatus.NOT_FOUND, body=told)
        return Answer(body={"runner": _described(self._new_runner(asked.body, _command(asked)))})

    def _new_runner(self, told: Mapping[str, Any], command: tuple[str, ...]) -> Runner:
        self.registered += 1
        runner = Runner(
            id=self.registered,
            uuid=str(uuid.uuid4()),
            token=secrets.token_hex(20),
            name=str(told["name"]),
            labels=tuple(told.get("labels") or ()),
            ephemeral=bool(told.get("ephemeral")),
            version=str(told.get("version", "")),
            command=command,
        )
        self.runners[runner.id] = runner
        return runner

    def _asking(self, asked: Request) -> Runner | None:
        pair = asked.headers.get("x-runner-uuid"), asked.headers.get("x-runner-token")
        return next((one for one in self.runners.values() if (one.uuid, one.token) == pair), None)

    def _declare(self, asked: Request) -> Answer:
        runner = self._asking(asked)
        if runner is None:
            return _unregistered()
        runner.labels = tuple(asked.body.get("labels") or ())
        runner.version = str(asked.body.get("version", ""))
        return Answer(body={"runner": _described(runner)})

    def _fetch(self, asked: Request) -> Answer:
        runner = self._asking(asked)
        if runner is None:
            return _unregistered()
        runner.polls += 1
        runner.seen = time.monotonic()
        busy = any(job.runner is runner for job in self.jobs)
        for job in self.jobs:
            if (
                job.runner is None
                and job.label in runner.labels
                and not (runner.ephemeral and busy)
            ):
                job.runner = runner
                return Answer(body={"task": {"id": job.id, "script": job.script}})
        return Answer(body={})

    def _job_of(self, asked: Request, number: Any) -> Job | None:
        runner = self._asking(asked)
        known = {job.id: job for job in self.jobs if runner and job.runner is runner}
        return known.get(int(number))

    def _update_log(self, asked: Request) -> Answer:
        job = self._job_of(asked, asked.body["taskId"])
        if job is None:
            return _unregistered()
        job.output += "".join(f"{row['content']}\n" for row in asked.body["rows"])
        return Answer(body={})

    def _update_task(self, asked: Request) -> Answer:
        state = asked.body["state"]
        job = self._job_of(asked, state["id"])
        if job is None or job.runner is None:
            return _unregistered()
        if job.runner.ephemeral and job.runner.id in self.runners:
            self.deleted.append(self.runners.pop(job.runner.id))
        code = asked.body.get("outputs", {}).get("exit_code")
        job.exit_code = None if code is None else int(code)
        job.result = str(state["result"]).removeprefix("RESULT_")
        return Answer(body={"state": state})

    # What GitHub's runner asks

    def _exchange(self, asked: Request) -> Answer:
        """Give a tenant's token for one of the user's."""
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        wanted = {"register": "registration", "remove": "remove"}.get(asked.body["runner_event"])
        if kind != "RemoteAuth" or self._tokens.pop(token, None) != wanted:
            return Answer(status=HTTPStatus.NOT_FOUND, body={"message": "Not Found"})
        tenant = secrets.token_hex(20)
        self._tokens[tenant] = f"tenant {wanted}"
        return Answer(body={"url": self.url, "token_schema": "OAuthAccessToken", "token": tenant})

    def _has_tenant(self, asked: Request, wanted: str) -> bool:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        return self._tokens.pop(token, "") == f"tenant {wanted}"

    def _add_agent(self, asked: Request) -> Answer:
        if not self._has_tenant(asked, "registration"):
            return Answer(status=HTTPStatus.UNAUTHORIZED, body={"message": "Bad credentials"})
        same = [one for one in self.runners.values() if one.name == asked.body["name"]]
        if same and not asked.body["replace"]:
            name = asked.body["name"]
            told = {"message": f"A runner exists with the same name {name}."}
            return Answer(status=HTTPStatus.CONFLICT, body=told)
        for one in same:
            self.deleted.append(self.runners.pop(one.id))
        return Answer(body=_described(self._new_runner(asked.body, _command(asked))))

    def _remove_agent(self, asked: Request) -> Answer:
        if not self._has_tenant(asked, "remove"):
            return Answer(status=HTTPStatus.UNAUTHORIZED, body={"message": "Bad credentials"})
        return self._dropped(int(asked.parts[0]))

    # What users ask

    def _allowed(self, asked: Request) -> bool:
        return asked.headers.get("authorization", "").partition(" ")[2] == self.api_token

    def _list(self, asked: Request) -> Answer:
        if not self._allowed(asked):
            return Answer(status=HTTPStatus.UNAUTHORIZED, body={"message": "token is required"})
        listed = [
            {
                "id": one.id,
                "name": one.name,
                "status": "online" if one.polls else "offline",
                "busy": any(job.runner is one and not job.result for job in self.jobs),
                "ephemeral": one.ephemeral,
                "labels": [{"name": label, "type": "custom"} for label in one.labels],
            }
            for one in self.runners.values()
        ]
        return Answer(body={"runners": listed, "total_count": len(listed)})

    def _delete(self, asked: Request) -> Answer:
        if not self._allowed(asked):
            return Answer(status=HTTPStatus.UNAUTHORIZED, body={"message": "token is required"})
        return self._dropped(int(asked.parts[-1]))

    def _dropped(self, number: int) -> Answer:
        if number not in self.runners:
            return Answer(status=HTTPStatus.NOT_FOUND, body={"message": "runner not found"})
        self.deleted.append(self.runners.pop(number))
        return Answer(status=HTTPStatus.NO_CONTENT)

    def _give_token(self, asked: Request) -> Answer:
        if not self._allowed(asked):
            return Answer(status=HTTPStatus.UNAUTHORIZED, body={"message": "token is required"})
        status = HTTPStatus.CREATED if asked.path.startswith("/api/v3") else HTTPStatus.OK
        return Answer(status=status, body={"token": self.issue_token(asked.parts[-1])})


@contextmanager
def forge_at(address: str) -> Iterator[Forge]:
    """Open a forge at an address of this machine, at any port."""
    forge = Forge()
    server = ThreadingHTTPServer((address, 0), partial(_Asked, forge))
    server.daemon_threads = True
    forge.url = f"http://{address}:{server.server_address[1]}"
    with serve(server):
        yield forge


class _Asked(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def __init__(self, forge: Forge, *arguments: Any) -> None:
        self._forge = forge
        super().__init__(*arguments)

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self._forge.answer(self.command, self.path, headers, body)
        content = b"" if answer.body is None else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = _serve  # noqa: N815 - its names

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Say what the forge takes the time to be."""
        now = time.time() if timestamp is None else timestamp
        return super().date_time_string(now + self._forge.clock_offset)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name
        """Say nothing: all is written down."""


def _described(runner: Runner) -> dict[str, Any]:
    return {
        "id": runner.id,
        "uuid": runner.uuid,
        "token": runner.token,
        "name": runner.name,
        "version": runner.version,
        "labels": list(runner.labels),
        "ephemeral": runner.ephemeral,
    }


def _command(asked: Request) -> tuple[str, ...]:
    return tuple(json.loads(asked.headers.get("x-stand-in-command", "[]")))


def _unregistered() -> Answer:
    told = {"code": "unauthenticated", "message": "unregistered runner"}
    return Answer(status=HTTPStatus.UNAUTHORIZED, body=told)


def _wait(done: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"Waited {seconds} s for {what}."
        time.sleep(WAIT_STEP)
