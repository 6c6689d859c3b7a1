"""HTTP to a forge: its token, its JSON, and what its statuses mean.

The token goes to the forge's own API and nowhere else: whoever the forge sends us on to is asked
without it.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

from hardgate.errors import HardgateError
from hardgate.forge.token import FORGE_RIGHTS
from hardgate.system.bounded_http import (
    REDIRECT_STATUSES,
    HttpError,
    HttpRequest,
    HttpResponse,
    SlowAnswerError,
    send_request,
)

CONNECT_SECONDS, IDLE_SECONDS = 10.0, 30.0
"""To connect, and between two pieces of an answer."""
MAX_REQUEST_SECONDS = 300.0
MAX_JSON_BYTES = 4 * 1024 * 1024
MAX_DOWNLOAD_REDIRECTS = 3
_EXCERPT_CHARS = 500
"""Characters of an answer that are shown."""


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
        if response.status != HTTPStatus.OK:
            raise make_status_error(url, response)
        return _parse_json(response, url)

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
        return _parse_json(response, url) if response.body.strip() else None

    def download_bytes(self, url: str, limit: int, *, token: bool) -> bytes:
        """Fetch bytes, also from where the forge sends us; the token stays with the forge."""
        for _ in range(MAX_DOWNLOAD_REDIRECTS + 1):
            response = self._send_request("GET", url, limit=limit, token=token)
            if response.status == HTTPStatus.OK:
                return response.body
            if response.status not in REDIRECT_STATUSES:
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
        request = HttpRequest(
            url=url,
            method=method,
            query=query,
            json_body=body,
            headers={"Accept": "application/json"},
            authorization=self._authorization if token else "",
            connect_seconds=CONNECT_SECONDS,
            idle_seconds=IDLE_SECONDS,
            seconds=MAX_REQUEST_SECONDS,
            max_bytes=limit,
            unpacks=True,
        )
        address = strip_query(url)
        try:
            response = send_request(request)
        except SlowAnswerError as error:
            raise UnreachableError(
                f"'{address}' answers too slowly.", "Ask again later."
            ) from error
        except HttpError as error:
            raise UnreachableError(
                f"'{address}' cannot be reached: {strip_query(error.reason)}.",
                "Look at the address, the network and the machine's proxy.",
            ) from error
        if len(response.body) > limit:
            raise ForgeError(
                f"'{address}' answers with more than {limit:,} bytes.",
                "It is not read any further.",
            )
        return response


def _parse_json(response: HttpResponse, url: str) -> Any:
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise ForgeError(
            f"'{url}' answers with something else than JSON.",
            "Is this the address of the forge itself?",
            evidence=_excerpt_body(response),
        ) from error


def _excerpt_body(response: HttpResponse) -> str:
    """Give the start of the body, for people."""
    return response.body[: 4 * _EXCERPT_CHARS].decode(errors="replace")[:_EXCERPT_CHARS].strip()


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
    if status in REDIRECT_STATUSES:
        problem = f"'{address}' has moved to '{strip_query(urljoin(url, response.location))}'."
        return RefusedError(status, problem, "Give the new address; the token stays at home.")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        problem = f"The forge cannot answer now ('{address}': status {status})."
        return UnreachableError(problem, "Ask again later.", evidence=_excerpt_body(response))
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
    return RefusedError(status, problem, remedy, evidence=_excerpt_body(response))


def strip_query(url: str) -> str:
    """Give a URL without its query: an artifact's holds a signature that opens it."""
    return url.partition("?")[0]
