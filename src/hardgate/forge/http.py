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
from hardgate.forge.token import RIGHTS

SECONDS = (10.0, 30.0)
"""To connect, and between two pieces of an answer."""
WHOLE_SECONDS = 300.0
JSON_LIMIT = 4 * 1024 * 1024
HOPS = 3
_CHUNK = 64 * 1024
_MOVED = frozenset({301, 302, 303, 307, 308})
_SAID = 500
"""Characters of an answer that are shown."""
_TOO_MANY, _BROKEN = 429, 500


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
class Answer:
    """What came back."""

    status: int
    body: bytes
    location: str = ""

    def json(self, url: str) -> Any:
        """Read it as JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ForgeError(
                f"'{url}' answers with something else than JSON.",
                "Is this the address of the forge itself?",
                evidence=self.said,
            ) from error

    @property
    def said(self) -> str:
        """Give the start of the body, for people."""
        return self.body[: 4 * _SAID].decode(errors="replace")[:_SAID].strip()


class _Header(AuthBase):
    """A header; that it is given keeps requests from looking for passwords in '.netrc'."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._value:
            request.headers["Authorization"] = self._value
        return request


class Wire:
    """A way to one forge's API."""

    def __init__(self, api: str, authorization: str) -> None:
        """Take the API's address, without a slash at its end, and the header that opens it."""
        self.api = api
        self._authorization = authorization

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Ask for JSON; raises RefusedError for any other status than 200."""
        url = f"{self.api}{path}"
        answer = self._ask("GET", url, query=query)
        if answer.status != requests.codes.ok:
            raise refused(url, answer)
        return answer.json(url)

    def post(
        self, path: str, body: Mapping[str, Any], query: Mapping[str, str] | None = None
    ) -> Any:
        """Ask for something to be done; give what it says, or None where it says nothing."""
        url = f"{self.api}{path}"
        answer = self._ask("POST", url, query=query, body=body)
        if answer.status not in {200, 201, 202, 204}:
            raise refused(url, answer)
        return answer.json(url) if answer.body.strip() else None

    def download(self, url: str, limit: int, *, token: bool) -> bytes:
        """Fetch bytes, also from where the forge sends us; the token stays with the forge."""
        for _ in range(HOPS + 1):
            answer = self._ask("GET", url, limit=limit, token=token)
            if answer.status == requests.codes.ok:
                return answer.body
            if answer.status not in _MOVED:
                raise refused(url, answer)
            url, token = _onward(url, answer.location), False
        raise ForgeError(
            f"The forge sends on from place to place, more than {HOPS} times.",
            "Look at its settings for storage.",
        )

    def _ask(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        limit: int = JSON_LIMIT,
        token: bool = True,
    ) -> Answer:
        deadline = time.monotonic() + WHOLE_SECONDS
        try:
            with requests.request(
                method,
                url,
                params=query,
                json=body,
                auth=_Header(self._authorization if token else ""),
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                timeout=SECONDS,
                allow_redirects=False,
                stream=True,
            ) as response:
                return Answer(
                    status=response.status_code,
                    body=_read(response, url, limit, deadline),
                    location=response.headers.get("Location", ""),
                )
        except (requests.RequestException, OSError) as error:
            raise UnreachableError(
                f"'{shown(url)}' cannot be reached: {_reason(error)}.",
                "Look at the address, the network and the machine's proxy.",
            ) from error


def _read(response: requests.Response, url: str, limit: int, deadline: float) -> bytes:
    pieces, size = [], 0
    for piece in response.iter_content(_CHUNK):
        size += len(piece)
        if size > limit:
            raise ForgeError(
                f"'{shown(url)}' answers with more than {limit:,} bytes.",
                "It is not read any further.",
            )
        if time.monotonic() > deadline:
            raise UnreachableError(f"'{shown(url)}' answers too slowly.", "Ask again later.")
        pieces.append(piece)
    return b"".join(pieces)


def _onward(url: str, location: str) -> str:
    """Say where an answer sends us; never from https to http."""
    there = urljoin(url, location)
    allowed = {"https"} if url.startswith("https://") else {"http", "https"}
    if not location or urlsplit(there).scheme not in allowed:
        raise ForgeError(
            f"'{shown(url)}' sends to a place that is not gone to: '{shown(there)}'.",
            "Look at the forge's settings for storage.",
        )
    return there


def refused(url: str, answer: Answer) -> ForgeError:
    """Put a status into words."""
    status, where = answer.status, shown(url)
    if status in _MOVED:
        problem = f"'{where}' has moved to '{shown(urljoin(url, answer.location))}'."
        return RefusedError(status, problem, "Give the new address; the token stays at home.")
    if status >= _BROKEN or status == _TOO_MANY:
        problem = f"The forge cannot answer now ('{where}': status {status})."
        return UnreachableError(problem, "Ask again later.", evidence=answer.said)
    told = {
        401: (f"The forge does not accept the token ('{where}').", f"Make a new one. {RIGHTS}."),
        403: (f"The token is not allowed to do that ('{where}').", f"{RIGHTS}."),
        404: (
            f"The forge knows no '{where}'.",
            f"Look at the address, and at the token. {RIGHTS}.",
        ),
    }
    problem, remedy = told.get(
        status, (f"The forge says no ('{where}': status {status}).", "Read what it says.")
    )
    return RefusedError(status, problem, remedy, evidence=answer.said)


def shown(url: str) -> str:
    """Give a URL without its query: an artifact's holds a signature that opens it."""
    return url.partition("?")[0]


def _reason(error: Exception) -> str:
    """Find the innermost reason, which is the one that says something."""
    while inner := (error.__cause__ or error.__context__):
        if not isinstance(inner, Exception):
            break
        error = inner
    return shown(str(error)) or type(error).__name__
