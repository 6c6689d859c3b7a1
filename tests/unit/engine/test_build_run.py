"""A build by the classic builder ends when it is told to, also while the engine says nothing."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hardgate.engine.build_request import BuildRequest
from hardgate.engine.build_run import BuildLog, build_with_engine
from hardgate.engine.client import EngineClient, connect_engine
from hardgate.errors import BuildError
from hardgate.system.interruption import Interrupted, raise_on_signals
from tests.serving import serve

VERSION = json.dumps({"ApiVersion": "1.41", "MinAPIVersion": "1.12"}).encode()
LINE = json.dumps({"stream": "Step 1"}).encode()
PROMPT_SECONDS = 5
"""More than a hang-up takes, and less than any wait of the SDK's."""


@dataclass
class Builder:
    """What an engine's builder does with a build, and what it heard of who asked for it."""

    answers: bool = True
    breaks_off: bool = False
    """Closes the connection when it has said its line; else it says no more, and keeps it."""
    was_left: threading.Event = field(default_factory=threading.Event)
    test_over: threading.Event = field(default_factory=threading.Event)


class Answer(BaseHTTPRequestHandler):
    """Answers `/version`, and builds as the test says."""

    protocol_version = "HTTP/1.1"
    builder: Builder

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(VERSION)))
        self.end_headers()
        self.wfile.write(VERSION)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = True
        if not self.builder.answers:
            self.builder.test_over.wait(60)
        else:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(LINE), LINE))
        if self.builder.answers and not self.builder.breaks_off:
            self.rfile.read(1)  # until who asked goes away
            self.builder.was_left.set()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Keep the tests' output clean."""


@pytest.fixture
def builder() -> Builder:
    return Builder()


@pytest.fixture
def client(
    builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EngineClient]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = type("OneAnswer", (Answer,), {"builder": builder})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with serve(server), connect_engine(f"tcp://127.0.0.1:{server.server_port}") as reached:
        yield reached
        builder.test_over.set()


@dataclass
class Build:
    """A build that is to be broken off, and when."""

    client: EngineClient
    folder: Path
    seconds: float = 60.0
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, write: Callable[[str], None] = lambda _: None) -> str:
        (self.folder / "Dockerfile").write_text("FROM scratch\n")
        request = BuildRequest(
            context=self.folder,
            dockerfile=self.folder / "Dockerfile",
            tag="one:1",
            seconds=self.seconds,
        )
        return build_with_engine(self.client, request, BuildLog(write), self.over.is_set)


@pytest.fixture
def build(client: EngineClient, tmp_path: Path) -> Iterator[Build]:
    """Give a build, and see that what breaks it off takes no time."""
    begun = time.monotonic()
    yield Build(client=client, folder=tmp_path)
    assert time.monotonic() - begun < PROMPT_SECONDS


def test_a_build_that_says_nothing_ends_when_the_run_does_and_the_engine_hears_of_it(
    build: Build, builder: Builder
) -> None:
    with pytest.raises(BuildError, match="broken off, because the run ended") as caught:
        build.run(write=lambda _: build.over.set())
    assert builder.was_left.wait(PROMPT_SECONDS)
    assert "Step 1" in caught.value.evidence


def test_an_engine_that_never_begins_to_answer_keeps_no_run_from_its_end(
    build: Build, builder: Builder
) -> None:
    builder.answers = False
    threading.Timer(0.2, build.over.set).start()
    with pytest.raises(BuildError, match="broken off, because the run ended"):
        build.run()


def test_a_builds_time_is_over_also_while_it_says_nothing(build: Build, builder: Builder) -> None:
    build.seconds = 0.3
    with pytest.raises(BuildError, match=r"still running after 0\.3 s"):
        build.run()
    assert builder.was_left.wait(PROMPT_SECONDS)


def test_a_signal_ends_a_build_that_says_nothing(build: Build, builder: Builder) -> None:
    with raise_on_signals(), pytest.raises(Interrupted):
        build.run(write=lambda _: signal.raise_signal(signal.SIGTERM))
    assert builder.was_left.wait(PROMPT_SECONDS)


def test_an_engine_that_goes_away_in_a_build_is_told_as_that(
    build: Build, builder: Builder
) -> None:
    builder.breaks_off = True
    with pytest.raises(BuildError, match="could not go on") as caught:
        build.run()
    assert "Step 1" in caught.value.evidence
