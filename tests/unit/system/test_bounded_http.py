"""A request ends: in bytes, in time, and at a redirect."""

import gzip
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hardgate.system.bounded_http import HttpError, HttpRequest, SlowAnswerError, send_request

BODY = b"#" * 1000
PACKED = {"/packed": gzip.compress(BODY), "/bomb": gzip.compress(b"\0" * 20_000_000)}
OVER = threading.Event()


class Pages(BaseHTTPRequestHandler):
    """Answers by its path."""

    def do_GET(self) -> None:
        length = {"/cut": 5000}
        self.send_response({"/away": 302, "/gone": 404}.get(self.path, 200))
        if self.path == "/away":
            self.send_header("Location", "/elsewhere")
        if self.path in PACKED:
            self.send_header("Content-Encoding", "gzip")
        if self.path == "/whoami":
            answer = self.headers.get("Authorization", "nobody").encode()
        else:
            answer = PACKED.get(self.path, BODY)
        if self.path == "/head":
            self.drip(b"X-Drip: 1\r\n")
        self.send_header("Content-Length", str(length.get(self.path, len(answer))))
        self.end_headers()
        if self.path == "/drip":
            self.drip(b"#")
        self.wfile.write(answer)

    def drip(self, piece: bytes) -> None:
        """Send a piece now and then, until the server ends."""
        self.flush_headers()
        try:
            while not OVER.wait(0.02):
                self.wfile.write(piece)
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    OVER.set()
    server.shutdown()
    server.server_close()
    thread.join()


REQUEST = HttpRequest(url="", connect_seconds=60, idle_seconds=60, seconds=60, max_bytes=10_000)


def test_an_answer_comes_whole(site: str) -> None:
    response = send_request(replace(REQUEST, url=f"{site}/"))
    assert (response.status, response.body, response.is_redirect) == (200, BODY, False)


@pytest.mark.parametrize("max_bytes", [0, 1, 999])
def test_one_byte_more_than_the_bound_is_read(site: str, max_bytes: int) -> None:
    response = send_request(replace(REQUEST, url=f"{site}/", max_bytes=max_bytes))
    assert len(response.body) == max_bytes + 1


def test_an_answer_as_long_as_the_bound_is_not_longer(site: str) -> None:
    assert send_request(replace(REQUEST, url=f"{site}/", max_bytes=1000)).body == BODY


@pytest.mark.parametrize("path", ["/drip", "/head"])
def test_an_answer_that_drips_is_given_up(site: str, path: str) -> None:
    with pytest.raises(SlowAnswerError):
        send_request(replace(REQUEST, url=f"{site}{path}", seconds=0.3))


def test_an_answer_that_is_cut_is_none(site: str) -> None:
    with pytest.raises(HttpError):
        send_request(replace(REQUEST, url=f"{site}/cut"))


def test_nobody_at_the_other_end_is_an_error_with_its_innermost_reason() -> None:
    with pytest.raises(HttpError) as caught:
        send_request(replace(REQUEST, url="http://127.0.0.1:9/"))
    assert "refused" in caught.value.reason
    assert caught.value.kind == "ConnectionError"


@pytest.mark.parametrize("url", ["http://[::1/", "file:///etc/passwd", "http://"])
def test_an_address_that_is_none_is_an_error(url: str) -> None:
    with pytest.raises(HttpError):
        send_request(replace(REQUEST, url=url))


def test_a_redirect_is_told_and_not_followed(site: str) -> None:
    response = send_request(replace(REQUEST, url=f"{site}/away"))
    assert (response.status, response.is_redirect) == (302, True)
    assert response.resolve_location(f"{site}/away") == f"{site}/elsewhere"


def test_a_redirect_to_no_address_is_an_error(site: str) -> None:
    response = replace(send_request(replace(REQUEST, url=f"{site}/away")), location="http://[::1/")
    with pytest.raises(HttpError):
        response.resolve_location(site)


def test_any_status_is_an_answer(site: str) -> None:
    assert send_request(replace(REQUEST, url=f"{site}/gone")).phrase == "404 Not Found"


@pytest.mark.parametrize("unpacks", [True, False])
def test_what_came_compressed_is_unpacked_where_that_is_asked(site: str, unpacks: bool) -> None:
    response = send_request(replace(REQUEST, url=f"{site}/packed", unpacks=unpacks))
    assert response.body == (BODY if unpacks else PACKED["/packed"])


def test_the_bound_is_on_what_is_unpacked(site: str) -> None:
    response = send_request(replace(REQUEST, url=f"{site}/bomb", unpacks=True))
    assert len(response.body) == REQUEST.max_bytes + 1


@pytest.mark.parametrize(
    ("authorization", "seen"), [(None, b"Basic"), ("", b"nobody"), ("token x", b"token x")]
)
def test_netrc_is_read_only_where_no_header_is_given(
    site: str,
    authorization: str | None,
    seen: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    response = send_request(replace(REQUEST, url=f"{site}/whoami", authorization=authorization))
    assert response.body.startswith(seen)
