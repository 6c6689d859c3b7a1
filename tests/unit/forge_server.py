"""A server on loopback that answers as a forge documents it, and refuses what it does not know.

The shapes are written by hand after the documentation and the source of Gitea 1.26, Forgejo 16 and
GitHub's REST API of 2026. What a test changes is one thing in a run that is otherwise green.
"""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hardgate.cli.gate import find_tier
from hardgate.model.contract import load_contract
from hardgate.model.plan import make_plan
from hardgate.model.run import Image, Source
from hardgate.model.verdict import Outcome
from hardgate.pipeline.session_result import IMAGE_SESSIONS, SESSIONS
from hardgate.resources import CONTRACTS
from tests.serving import serve
from tests.unit.answers import DIGEST, answer_bytes, gate_run, plan_of, summary_bytes

COMMIT = "5f0c1d9e8b7a6958473625140f0e0d0c0b0a0908"
TOKEN = "tok-3n-of-a-test-0123456789"
WORKFLOW = "gate.yml"
JOBS = ("static", "adapter", "secrets", "t4", "validate")
UPLOADS = {session: (session,) for session in SESSIONS}
"""Which answer each artifact holds."""
SOURCE = Source(repository="r", context=".", dockerfile="Dockerfile", content="sha256:" + "0" * 64)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    authorization: str
    body: Any


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer as it goes out."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def told(value: Any, status: int = 200) -> Said:
    """Answer in JSON."""
    return Said(status=status, body=json.dumps(value).encode())


@dataclass(kw_only=True)
class Scene:
    """What a forge knows, and what went wrong there; each forge writes it in its own way."""

    kind: str
    states: list[str] = field(default_factory=lambda: ["waiting", "running", "success"])
    """Of the run, a word for each time that it is looked at; the last one stays."""
    jobs: dict[str, str] = field(default_factory=lambda: dict.fromkeys(JOBS, "success"))
    answers: dict[str, dict[str, Any]] = field(default_factory=lambda: {s: {} for s in SESSIONS})
    """What differs in each session's answer; a session that is not here left none."""
    commit: str = COMMIT
    """Of the run."""
    names_the_run: bool = True
    new_runs: int = 1
    artifacts_told: bool = True
    public: bool = True
    dispatch: Said | None = None
    overrides: dict[str, Said] = field(default_factory=dict)
    """By path."""
    elsewhere: str = ""
    """Another host, which the artifacts' addresses lead to."""
    zips: dict[str, bytes] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    dispatched: bool = False
    looks: int = 0
    login: str = "tester"
    """The token's own user."""
    login_told: bool = True
    """A job's own token is not told whose it is."""
    may_comment: bool = True
    comments: list[dict[str, Any]] = field(default_factory=list)
    """On pull request 5, in the order in which they were written."""

    @property
    def state(self) -> str:
        """Give the run's word now."""
        return self.states[min(self.looks, len(self.states) - 1)]


def answer_file(
    session: str,
    *,
    outcome: Outcome = Outcome.PASS,
    digest: str = DIGEST,
    only: Sequence[str] = (),
    commit: str = COMMIT,
) -> tuple[str, bytes]:
    """Write an answer as its session leaves it; give its file's name and its bytes."""
    if session not in IMAGE_SESSIONS:
        made = answer_bytes(
            session, commit=commit, contract="c" * 64, source=SOURCE, outcome=outcome
        )
        return "answer.json", made
    contract = load_contract(str(CONTRACTS / "t4.yaml"))
    plan = plan_of(session, contract) if not only else make_plan(contract, find_tier(4), only)
    image = Image(reference="image", digest=digest, source_commit=commit)
    return "summary.json", summary_bytes(
        gate_run(plan, outcome=outcome, image=image, source=SOURCE)
    )


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Pack files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def zip_of(scene: Scene, job: str) -> bytes:
    """Pack what is uploaded of a session: its folder below 'reports', without its own name."""
    files = {}
    for session in UPLOADS[job]:
        if session in scene.answers:
            name, content = answer_file(session, **scene.answers[session])
            files[f"1/{name}"] = content
            files["1/junit.xml"] = b"<testsuites/>"
            files["1/build.log"] = b"not fetched\n"
    return scene.zips.get(job) or zipped(files)


ACTIONS = {
    "waiting": ("queued", ""),
    "running": ("in_progress", ""),
    **{word: ("completed", word) for word in ("success", "failure", "cancelled", "skipped")},
}
"""Status and conclusion on GitHub and Gitea."""


def run_of(scene: Scene, number: int, base: str) -> dict[str, Any]:
    """Write a run."""
    url = f"{base}/o/r/actions/runs/{number}"
    if scene.kind == "forgejo":
        names = {"commit_sha": scene.commit, "workflow_id": WORKFLOW, "prettyref": "main"}
        return {"id": number, "status": scene.state, "html_url": url} | names | EVENT
    status, conclusion = ACTIONS.get(scene.state, (scene.state, ""))
    paths = {"gitea": f"{WORKFLOW}@refs/heads/main", "github": f".github/workflows/{WORKFLOW}"}
    names = {"head_sha": scene.commit, "path": paths[scene.kind], "head_branch": "main"}
    word = {"status": status} | ({"conclusion": conclusion} if conclusion else {})
    return {"id": number, "html_url": url} | names | word | EVENT


EVENT = {"event": "workflow_dispatch"}


def jobs_of(scene: Scene) -> Any:
    """Write a run's jobs."""
    if scene.kind == "forgejo":
        return [{"id": n, "name": k, "status": s} for n, (k, s) in enumerate(scene.jobs.items())]
    listed = []
    for number, (name, state) in enumerate(scene.jobs.items()):
        status, conclusion = ACTIONS[state]
        listed.append({"id": number, "name": name, "status": status, "conclusion": conclusion})
    return {"total_count": len(listed), "jobs": listed}


def artifacts_of(scene: Scene, page: str) -> Any:
    """Write a run's artifacts."""
    listed = [
        {"id": number, "name": f"answers-{job}", "size_in_bytes": 1, "expired": False}
        for number, job in enumerate(UPLOADS, start=1)
        if scene.artifacts_told
    ]
    if scene.kind == "forgejo":
        return listed if page == "1" else []
    return {"total_count": len(listed), "artifacts": listed}


def reply(scene: Scene, asked: Asked, base: str) -> Said:
    """Answer as that forge does."""
    api = "/api/v3" if scene.kind == "github" else "/api/v1"
    if asked.path in scene.overrides:
        return scene.overrides[asked.path]
    versions = {
        "github": {"/api/v3/meta": {"installed_version": "3.20.0"}},
        "gitea": {"/api/v1/version": {"version": "1.26.0"}},
        "forgejo": {
            "/api/forgejo/v1/version": {"version": "16.0.0+gitea-1.22.0"},
            "/api/v1/version": {"version": "16.0.0+gitea-1.22.0"},
        },
    }
    if asked.path in versions[scene.kind]:
        return told(versions[scene.kind][asked.path])
    if asked.path.startswith("/blob/"):
        return Said(body=zip_of(scene, asked.path.rpartition("/")[2]))
    if asked.path.startswith("/o/r/actions/runs/7/artifacts/"):
        job = asked.path.rpartition("-")[2]
        old = scene.kind == "gitea" and scene.public and not scene.artifacts_told
        return Said(body=zip_of(scene, job)) if old else Said(status=404, body=b"<html>")
    word = "Bearer" if scene.kind == "github" else "token"
    if asked.authorization != f"{word} {TOKEN}":
        return told({"message": "token is required"}, 401)
    path = asked.path.removeprefix(f"{api}/repos/o/r").removeprefix(api)
    part = of_comments if path.startswith(("/issues/", "/user")) else of_repository
    return part(scene, asked, base, path)


def comment_of(scene: Scene, number: int, body: str, author: str = "") -> dict[str, Any]:
    """Write a comment on pull request 5."""
    url = f"https://forge.example/o/r/pull/5#issuecomment-{number}"
    return {"id": number, "html_url": url, "user": {"login": author or scene.login}, "body": body}


def of_comments(scene: Scene, asked: Asked, _base: str, path: str) -> Said:
    """List, create and change comments: GitHub gives pages, the others all at once."""
    if path == "/user":
        user = {"id": 11, "login": scene.login}
        return told(user) if scene.login_told else told({"message": "not accessible"}, 403)
    if asked.method == "GET" and path == "/issues/5/comments":
        size, page = int(asked.query.get("per_page", "30")), int(asked.query.get("page", "1"))
        assert 1 <= size <= 100
        paged = scene.comments[(page - 1) * size : page * size]
        return told(paged if scene.kind == "github" else scene.comments)
    if asked.method != "GET" and not scene.may_comment:
        return told({"message": f"Resource not accessible by {TOKEN}"}, 403)
    if asked.method != "GET":
        assert set(asked.body) == {"body"}
        assert 0 < len(asked.body["body"]) <= 65_536
    if asked.method == "POST" and path == "/issues/5/comments":
        scene.comments.append(comment_of(scene, 1000 + len(scene.comments), asked.body["body"]))
        return told(scene.comments[-1], 201)
    for comment in scene.comments:
        if asked.method == "PATCH" and path == f"/issues/comments/{comment['id']}":
            comment["body"] = asked.body["body"]
            return told(comment)
    return told({"message": "Not Found"}, 404)


def of_repository(scene: Scene, asked: Asked, base: str, path: str) -> Said:
    """Answer what needs the token."""
    sha = "sha" if scene.kind == "github" else "id"
    if path == f"/actions/workflows/{WORKFLOW}/dispatches" and asked.method == "POST":
        return dispatch(scene, asked)
    if path == "/actions/runs":
        numbers = [3, *range(7, 7 + scene.new_runs)] if scene.dispatched else [3]
        runs = [run_of(scene, number, base) for number in reversed(numbers)]
        return told({"total_count": len(runs), "workflow_runs": runs})
    if path == "/actions/runs/7":
        said = told(run_of(scene, 7, base))
        scene.looks += 1
        return said
    if path.startswith("/actions/artifacts/"):
        number = int(path.split("/")[3])
        place = f"{scene.elsewhere or base}/blob/{[*UPLOADS][number - 1]}?sig=signature"
        return Said(status=302, headers={"Location": place})
    plain: dict[str, Any] = {
        "": {"default_branch": "main", "full_name": "o/r"},
        "/branches/main": {"name": "main", "commit": {sha: COMMIT}},
        "/actions/runs/7/jobs": jobs_of(scene),
        "/actions/runs/7/artifacts": artifacts_of(scene, asked.query.get("page", "")),
    }
    return told(plain[path]) if path in plain else told({"message": "Not Found"}, 404)


def dispatch(scene: Scene, asked: Asked) -> Said:
    """Start a run, and name it where that is asked for in this forge's way."""
    assert asked.body["ref"] == "main"
    if scene.dispatch:
        return scene.dispatch
    scene.dispatched = True
    names = {
        "github": (asked.body.get("return_run_details"), 200, {"workflow_run_id": 7}),
        "gitea": (asked.query.get("return_run_details"), 200, {"workflow_run_id": 7}),
        "forgejo": (asked.body.get("return_run_info"), 201, {"id": 7, "run_number": 7}),
    }
    wanted, status, body = names[scene.kind]
    return told(body, status) if wanted and scene.names_the_run else Said(status=204)


@contextmanager
def serve_scene(scene: Scene) -> Iterator[str]:
    """Serve on loopback, and give the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def do_PATCH(self) -> None:
            self.answer()

        def answer(self) -> None:
            parts = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            asked = Asked(
                method=self.command,
                path=parts.path,
                query={name: values[0] for name, values in parse_qs(parts.query).items()},
                authorization=self.headers.get("Authorization", ""),
                body=json.loads(body) if body else None,
            )
            scene.asked.append(asked)
            said = reply(scene, asked, f"http://{self.headers['Host']}")
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with serve(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"http://127.0.0.1:{server.server_address[1]}"
