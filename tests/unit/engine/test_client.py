"""Which engines are refused and how that is told; who may speak to one; TLS."""

import json
import ssl
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme

from hardgate.engine.client import (
    Engine,
    connect_engine,
    describe_cause,
    find_engine,
    refuse_unfit_engine,
)
from hardgate.errors import EngineError, ExitCode
from tests.serving import serve

RECORDED = json.loads((Path(__file__).parents[1] / "recorded" / "engines.json").read_text())
FIT = RECORDED["debian_13"]


def engine(info: dict[str, object], version: dict[str, object]) -> Engine:
    return Engine(
        url="unix:///e", found_by="DOCKER_HOST", info=info, version=version, environment={}
    )


@pytest.mark.parametrize("name", ["debian_12", "debian_13"])
def test_debians_engines_are_fit_and_would_not_be_if_they_were_rootless(name: str) -> None:
    fit = engine(**RECORDED[name])
    refuse_unfit_engine(fit)
    options = [*fit.info["SecurityOptions"], "name=rootless"]
    with pytest.raises(EngineError, match="is rootless"):
        refuse_unfit_engine(replace(fit, info={**fit.info, "SecurityOptions": options}))


@pytest.mark.parametrize(
    ("name", "problem", "remedy"),
    [
        ("rootless", "is rootless", "rootful"),
        ("userns_remap", "remaps users", "without 'userns-remap'"),
        ("podman", "is Podman", "nox -s engine"),
    ],
)
def test_an_engine_that_says_it_is_unfit_is_refused_with_a_remedy(
    name: str, problem: str, remedy: str
) -> None:
    with pytest.raises(EngineError, match=problem) as caught:
        refuse_unfit_engine(engine(**RECORDED[name]))
    assert remedy in caught.value.remedy
    assert caught.value.problem.startswith("The engine at 'unix:///e' (DOCKER_HOST) ")
    assert caught.value.exit_code is ExitCode.UNKNOWN


@pytest.mark.parametrize(
    ("info", "version", "problem"),
    [
        ({"OSType": "windows"}, {}, "runs windows containers"),
        ({}, {"ApiVersion": "1.40"}, "speaks API 1.40, which is too old"),
        ({}, {"ApiVersion": None}, "too old"),
    ],
)
def test_what_differs_from_a_fit_engine_is_named(
    info: dict[str, object], version: dict[str, object], problem: str
) -> None:
    with pytest.raises(EngineError, match=problem):
        refuse_unfit_engine(engine({**FIT["info"], **info}, {**FIT["version"], **version}))


def test_an_engine_that_was_named_and_is_dead_is_told_by_its_address(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/dead.sock"
    with pytest.raises(EngineError, match="No engine answers at") as caught:
        find_engine({"HOME": str(tmp_path), "DOCKER_HOST": url})
    assert f"'{url}' (DOCKER_HOST)" in caught.value.problem
    assert "without DOCKER_HOST" in caught.value.remedy


def test_an_engine_over_ssh_is_refused_with_a_way_round(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="over SSH") as caught:
        find_engine({"HOME": str(tmp_path), "DOCKER_HOST": "ssh://me@there"})
    assert "ssh -NL" in caught.value.remedy


class Answer(BaseHTTPRequestHandler):
    """Answers `/version`, and keeps silent over a pull."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps(FIT["version"]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(1)  # until who asked goes away

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Keep the tests' output clean."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    """Listen on this machine, until the test is over."""
    with HTTPServer(("127.0.0.1", 0), Answer) as listening:
        yield listening


def url_of(server: HTTPServer) -> str:
    return f"tcp://127.0.0.1:{server.server_port}"


def test_an_engines_own_authority_counts_whatever_else_the_machine_trusts(
    server: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, others = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.issue_cert("127.0.0.1").configure_cert(context)
    ours.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
    ours.cert_pem.write_to_path(tmp_path / "ca.pem")
    others.cert_pem.write_to_path(tmp_path / "others.pem")
    client = ours.issue_cert("client.test")
    client.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    client.private_key_pem.write_to_path(tmp_path / "key.pem")
    url = url_of(server)
    monkeypatch.setenv("DOCKER_HOST", url)
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "others.pem"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve(server), connect_engine(url) as reached:
        assert reached.api_version == FIT["version"]["ApiVersion"]


def test_certificates_that_are_not_there_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    with pytest.raises(EngineError, match="No engine answers") as caught:
        connect_engine("tcp://127.0.0.1:1")
    assert "CA certificate" in caught.value.problem


def test_a_silence_is_bounded_even_where_the_sdk_would_wait_for_ever(
    server: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve(server), connect_engine(url_of(server)) as client:
        client.silence_seconds = 0.3
        with pytest.raises(OSError, match="timed out"):
            client.pull("debian", "trixie-slim")


def test_a_refused_connection_is_told_in_words_and_not_as_an_exception() -> None:
    error = ConnectionError(
        f"HTTPConnectionPool: {ConnectionRefusedError(111, 'Connection refused')!r}"
    )
    error.__context__ = ConnectionRefusedError(111, "Connection refused")
    assert describe_cause(error) == "Connection refused"
    assert describe_cause(ValueError("no\n  port.")) == "no port"


class PingedAnswer(Answer):
    """Says its API's version in the answer to a ping, and has no other one to give."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/_ping" else 500)
        self.send_header("Api-Version", "1.44")
        self.send_header("Content-Length", "0")
        self.end_headers()


def test_a_ping_tells_the_apis_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), PingedAnswer) as listening, serve(listening):
        assert connect_engine(url_of(listening)).api_version == "1.44"
