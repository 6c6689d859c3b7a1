"""HTTP to a forge: the one module that knows requests.

Nothing is read without a bound, neither in bytes nor in time. The token goes to the forge's own
API and nowhere else: whoever the forge sends us on to is asked without it.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase

from hardgate.errors import HardgateError
from hardgate.forge.token import FORGE_RIGHTS

TIMEOUTS_SECONDS = (10.0, 30.0)
"""To connect, and between two pieces of an answer."""
MAX_REQUEST_SECONDS = 300.0
MAX_JSON_BYTES = 4 * 1024 * 1024
MAX_DOWNLOAD_REDIRECTS = 3
_CHUNK_BYTES = 64 * 1024
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_EXCERPT_CHARS = 500
"""Characters of an answer that are shown."""
_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500


class ForgeError(HardgateError):
    """A forge cannot be asked, or does not say what is needed."""


class UnreachableError(ForgeError):
    """Nobody answers, or not now: asking again may help."""


class RefusedError(ForgeError):
    """The forge answers, and says no."""

    def __init__(self, status: int, problem: str, remedy: str = "", *, evidence: str = "") -> None:
        """Take the status beside the sentences."""
        super().__init__(problem, remedy, evidence=evidence)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class HttpResponse:
    """What came back."""

    status: int
    body: bytes
    location: str = ""

    def parse_json(self, url: str) -> Any:
        """Read it as JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ForgeError(
                f"'{url}' answers with something else than JSON.",
                "Is this the address of the forge itself?",
                evidence=self.excerpt,
            ) from error

    @property
    def excerpt(self) -> str:
        """Give the start of the body, for people."""
        return self.body[: 4 * _EXCERPT_CHARS].decode(errors="replace")[:_EXCERPT_CHARS].strip()


class _AuthorizationHeader(AuthBase):
    """A header; that it is given keeps requests from looking for passwords in '.netrc'."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._value:
            request.headers["Authorization"] = self._value
        return request


class ApiClient:
    """A way to one forge's API."""

    def __init__(self, api: str, authorization: str) -> None:
        """Take the API's address, without a slash at its end, and the header that opens it."""
        self.api = api
        self._authorization = authorization

    def get_json(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Ask for JSON; raises RefusedError for any other status than 200."""
        url = f"{self.api}{path}"
        response = self._send_request("GET", url, query=query)
        if response.status != requests.codes.ok:
            raise make_status_error(url, response)
        return response.parse_json(url)

    def post_json(
        self, path: str, body: Mapping[str, Any], query: Mapping[str, str] | None = None
    ) -> Any:
        """Ask for something to be done; give what it says, or None where it says nothing."""
        return self._send_json("POST", path, body, query)

    def patch_json(self, path: str, body: Mapping[str, Any]) -> Any:
        """Ask for something to be changed; give what it is then."""
        return self._send_json("PATCH", path, body)

    def _send_json(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any],
        query: Mapping[str, str] | None = None,
    ) -> Any:
        url = f"{self.api}{path}"
        response = self._send_request(method, url, query=query, body=body)
        if response.status not in {200, 201, 202, 204}:
            raise make_status_error(url, response)
        return response.parse_json(url) if response.body.strip() else None

    def download_bytes(self, url: str, limit: int, *, token: bool) -> bytes:
        """Fetch bytes, also from where the forge sends us; the token stays with the forge."""
        for _ in range(MAX_DOWNLOAD_REDIRECTS + 1):
            response = self._send_request("GET", url, limit=limit, token=token)
            if response.status == requests.codes.ok:
                return response.body
            if response.status not in _REDIRECT_STATUSES:
                raise make_status_error(url, response)
            url, token = _resolve_redirect(url, response.location), False
        raise ForgeError(
            f"The forge sends on from place to place, more than {MAX_DOWNLOAD_REDIRECTS} times.",
            "Look at its settings for storage.",
        )

    def _send_request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        limit: int = MAX_JSON_BYTES,
        token: bool = True,
    ) -> HttpResponse:
        deadline = time.monotonic() + MAX_REQUEST_SECONDS
        try:
            with requests.request(
                method,
                url,
                params=query,
                json=body,
                auth=_AuthorizationHeader(self._authorization if token else ""),
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                timeout=TIMEOUTS_SECONDS,
                allow_redirects=False,
                stream=True,
            ) as response:
                return HttpResponse(
                    status=response.status_code,
                    body=_read_body(response, url, limit, deadline),
                    location=response.headers.get("Location", ""),
                )
        except (requests.RequestException, OSError) as error:
            raise UnreachableError(
                f"'{strip_query(url)}' cannot be reached: {_find_root_reason(error)}.",
                "Look at the address, the network and the machine's proxy.",
            ) from error


def _read_body(response: requests.Response, url: str, limit: int, deadline: float) -> bytes:
    pieces, size = [], 0
    for piece in response.iter_content(_CHUNK_BYTES):
        size += len(piece)
        if size > limit:
            raise ForgeError(
                f"'{strip_query(url)}' answers with more than {limit:,} bytes.",
                "It is not read any further.",
            )
        if time.monotonic() > deadline:
            raise UnreachableError(f"'{strip_query(url)}' answers too slowly.", "Ask again later.")
        pieces.append(piece)
    return b"".join(pieces)


def _resolve_redirect(url: str, location: str) -> str:
    """Say where an answer sends us; never from https to http."""
    target = urljoin(url, location)
    allowed = {"https"} if url.startswith("https://") else {"http", "https"}
    if not location or urlsplit(target).scheme not in allowed:
        raise ForgeError(
            f"'{strip_query(url)}' sends to a place that is not gone to: '{strip_query(target)}'.",
            "Look at the forge's settings for storage.",
        )
    return target


def make_status_error(url: str, response: HttpResponse) -> ForgeError:
    """Put a status into words."""
    status, address = response.status, strip_query(url)
    if status in _REDIRECT_STATUSES:
        problem = f"'{address}' has moved to '{strip_query(urljoin(url, response.location))}'."
        return RefusedError(status, problem, "Give the new address; the token stays at home.")
    if status >= _SERVER_ERROR or status == _TOO_MANY_REQUESTS:
        problem = f"The forge cannot answer now ('{address}': status {status})."
        return UnreachableError(problem, "Ask again later.", evidence=response.excerpt)
    explanations = {
        401: (
            f"The forge does not accept the token ('{address}').",
            f"Make a new one. {FORGE_RIGHTS}.",
        ),
        403: (f"The token is not allowed to do that ('{address}').", f"{FORGE_RIGHTS}."),
        404: (
            f"The forge knows no '{address}'.",
            f"Look at the address, and at the token. {FORGE_RIGHTS}.",
        ),
    }
    problem, remedy = explanations.get(
        status, (f"The forge says no ('{address}': status {status}).", "Read what it says.")
    )
    return RefusedError(status, problem, remedy, evidence=response.excerpt)


def strip_query(url: str) -> str:
    """Give a URL without its query: an artifact's holds a signature that opens it."""
    return url.partition("?")[0]


def _find_root_reason(error: Exception) -> str:
    """Find the innermost reason, which is the one that says something."""
    while inner := (error.__cause__ or error.__context__):
        if not isinstance(inner, Exception):
            break
        error = inner
    return strip_query(str(error)) or type(error).__name__
