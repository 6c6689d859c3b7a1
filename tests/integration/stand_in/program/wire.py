"""What the stand-in says to the forge."""

import json
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from .refusal import Refusal

SECONDS = 10


class Unregistered(Refusal):
    """The forge does not know the runner (any more)."""


class Unreachable(Refusal):
    """The forge does not answer."""


@dataclass(frozen=True)
class Wire:
    """A forge, and as whom it is spoken to."""

    url: str
    uuid: str = ""
    token: str = ""

    def call(self, procedure: str, told: Any) -> Any:
        """Call a procedure of the runners' service."""
        service = "ping.v1.PingService" if procedure == "Ping" else "runner.v1.RunnerService"
        headers = {"x-runner-uuid": self.uuid, "x-runner-token": self.token}
        return ask(f"{self.url.rstrip('/')}/api/actions/{service}/{procedure}", told, headers)


def ask(url: str, told: Any, headers: dict[str, str], method: str = "POST") -> Any:
    """Ask by JSON; tell the forge how this program was called, for its tests to look at."""
    sent = {
        "Content-Type": "application/json",
        "X-Stand-In-Command": json.dumps(sys.orig_argv),
        **headers,
    }
    request = Request(url, data=json.dumps(told).encode(), headers=sent, method=method)  # noqa: S310
    try:
        with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - the configured forge
            return json.loads(answer.read() or b"{}")
    except HTTPError as error:
        message = json.loads(error.read() or b"{}").get("message", error.reason)
        if error.code == HTTPStatus.UNAUTHORIZED:
            raise Unregistered(message) from error
        raise Refusal(message) from error
    except (URLError, OSError) as error:
        raise Unreachable(str(error)) from error
