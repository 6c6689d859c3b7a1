"""HTTP with a bound on bytes and on time: the one module that imports requests for a URL.

A socket's timeout bounds the wait for the next byte, and a server that sends one byte now and then
is never late by it. So each request runs in a thread, and is given up when its time is over.
https://requests.readthedocs.io/en/latest/user/quickstart/#timeouts
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3
from requests.auth import AuthBase

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_CHUNK_BYTES = 64 * 1024


class HttpError(Exception):
    """No answer came that can be used."""

    def __init__(self, kind: str, reason: str, evidence: str = "") -> None:
        """Take the name of the library's error, the innermost reason, and the whole text.

        A URL's query may be in both texts.
        """
        super().__init__(reason)
        self.kind, self.reason, self.evidence = kind, reason, evidence or reason


class SlowAnswerError(Exception):
    """The answer was not there in time."""


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """One request; redirects are never followed, for where they lead is the caller's to judge."""

    url: str
    method: str = "GET"
    query: Mapping[str, str] | None = None
    json_body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    authorization: str | None = None
    """The header of that name; None: what `~/.netrc` has for the host; empty: none at all."""
    connect_seconds: float
    idle_seconds: float
    """Between two pieces of the answer."""
    seconds: float
    """For the whole answer, however it comes."""
    max_bytes: int
    unpacks: bool = False
    """Whether an answer that came compressed all the same is unpacked; `max_bytes` bounds that."""


@dataclass(frozen=True, kw_only=True)
class HttpResponse:
    """What came back."""

    status: int
    body: bytes
    """At most one byte more than was asked for: then it is longer."""
    location: str = ""

    @property
    def is_redirect(self) -> bool:
        """Tell whether it leads elsewhere, and says where."""
        return self.status in REDIRECT_STATUSES and bool(self.location)

    def resolve_location(self, url: str) -> str:
        """Give the address that it leads to from `url`; raises HttpError where it is none."""
        try:
            return urljoin(url, self.location)
        except ValueError as error:
            raise HttpError(type(error).__name__, str(error)) from error

    @property
    def phrase(self) -> str:
        """Give the status with its name."""
        known = {status.value: status.phrase for status in HTTPStatus}
        return f"{self.status} {known.get(self.status, '')}".rstrip()


class _AuthorizationHeader(AuthBase):
    """A header; that it is given keeps requests from looking for passwords in '.netrc'."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._value:
            request.headers["Authorization"] = self._value
        return request


def send_request(request: HttpRequest) -> HttpResponse:
    """Send a request, and give its answer; raises HttpError and SlowAnswerError."""
    outcome: list[HttpResponse | Exception] = []
    thread = threading.Thread(target=_send_in_thread, args=(request, outcome), daemon=True)
    thread.start()
    thread.join(request.seconds)
    if not outcome:
        raise SlowAnswerError
    if isinstance(outcome[0], Exception):
        reason = str(_find_root_cause(outcome[0]))
        kind = type(outcome[0]).__name__
        raise HttpError(kind, reason or kind, str(outcome[0])) from outcome[0]
    return outcome[0]


def _send_in_thread(request: HttpRequest, outcome: list[HttpResponse | Exception]) -> None:
    try:
        outcome.append(_exchange(request))
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        outcome.append(error)


def _exchange(request: HttpRequest) -> HttpResponse:
    authorization = request.authorization
    with requests.request(
        request.method,
        request.url,
        params=request.query,
        json=request.json_body,
        auth=None if authorization is None else _AuthorizationHeader(authorization),
        # No compression: what is read is what is bounded.
        headers={**(request.headers or {}), "Accept-Encoding": "identity"},
        timeout=(request.connect_seconds, request.idle_seconds),
        allow_redirects=False,
        stream=True,
    ) as response:
        return HttpResponse(
            status=response.status_code,
            body=_read_body(response.raw, request.max_bytes + 1, unpacks=request.unpacks),
            location=response.headers.get("Location", ""),
        )


def _read_body(raw: Any, max_bytes: int, *, unpacks: bool) -> bytes:
    """Read until the end or the bound; a body shorter than its length is an error of urllib3."""
    body = bytearray()
    while len(body) < max_bytes:
        piece = raw.read(min(_CHUNK_BYTES, max_bytes - len(body)), decode_content=unpacks)
        if not piece:
            break
        body += piece
    return bytes(body)


def _find_root_cause(error: Exception) -> Exception:
    """Find the innermost reason, which is the one that says something."""
    while inner := (error.__cause__ or error.__context__):
        if not isinstance(inner, Exception):
            break
        error = inner
    return error
