"""What a step asked over HTTP, and what it was told: what other finders rest on."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.step import ProbeStep

HTTP_CLIENTS = frozenset({"curl", "wget"})
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1", "0.0.0.0"})  # noqa: S104 - to be recognised

_URL = re.compile(r"https?://[^\s'\"|<>]+", re.IGNORECASE)
_ERROR_STATUS = re.compile(
    r"The requested URL returned error: (\d{3})|ERROR (\d{3}): |HTTP/[\d.]+ (\d{3})"
    r"|HTTP Error (\d{3}): |\banswers (\d{3})\b"
)
_STATUS = re.compile(r"\s*([1-5]\d\d)\s*")
_SUCCESS_PREFIXES = ("1", "2", "3")


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """One request of one step."""

    url: str
    """Its path alone, where it is known from the wire and not from the command."""
    status: str
    """Three digits; empty where no answer was seen."""
    evidence: str
    """The line that tells the status, else the command."""
    is_local: bool
    """It goes to the workspace itself."""

    @property
    def port(self) -> str:
        """The port; empty where it is not known."""
        parts = urlsplit(self.url)
        known = {"http": 80, "https": 443}.get(parts.scheme.lower(), "")
        return str(parts.port or known)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{urlsplit(self.url).hostname}:{self.port}"

    @property
    def is_success(self) -> bool:
        """It was answered, and not with an error."""
        return self.status.startswith(_SUCCESS_PREFIXES)


def find_http_requests(probe: FailedProbe, step: ProbeStep) -> Iterator[HttpRequest]:
    """Yield what a step asked; a client that another command started counts as well."""
    if not step.text:
        yield from _requests_from_message(step)
    elif HTTP_CLIENTS & step.programs:
        command = " ".join(step.argv)
        urls = [url for text in (command, *step.started_commands) for url in _URL.findall(text)]
        for url in dict.fromkeys(urls):
            request = _find_response(probe, step, url)
            # The address of what goes to a socket in the file system is a mere name.
            yield replace(request, is_local=False) if "unix-socket" in step.text else request
    else:
        yield from _requests_from_exchanges(probe, step)


def _requests_from_message(step: ProbeStep) -> Iterator[HttpRequest]:
    """Read a probe's own words: a URL, and the status that it answered."""
    for line in step.output[-1:]:
        url, error = _URL.search(line), _ERROR_STATUS.search(line)
        if url and error:
            yield _make_request(url[0], next(filter(None, error.groups())), line)


def _requests_from_exchanges(probe: FailedProbe, step: ProbeStep) -> Iterator[HttpRequest]:
    local = any(host in probe.script for host in LOCAL_HOSTS)
    for exchange in probe.exchanges:
        request_parts, answer_parts = exchange.request.split(), exchange.answer.split()
        if exchange.program in step.programs and len(request_parts) > 1 and len(answer_parts) > 1:
            evidence = f"{exchange.request}: {exchange.answer}"
            yield HttpRequest(
                url=request_parts[1], status=answer_parts[1], evidence=evidence, is_local=local
            )


def _find_response(probe: FailedProbe, step: ProbeStep, url: str) -> HttpRequest:
    for line in step.output:
        found = _ERROR_STATUS.search(line)
        if found:
            return _make_request(url, next(filter(None, found.groups())), line)
    path = urlsplit(url).path or "/"
    for exchange in reversed(probe.exchanges):
        request_parts, answer_parts = exchange.request.split(), exchange.answer.split()
        if (
            len(request_parts) > 1
            and urlsplit(request_parts[1]).path == path
            and len(answer_parts) > 1
        ):
            return _make_request(url, answer_parts[1], f"{exchange.request}: {exchange.answer}")
    for line in step.output:
        found = _STATUS.fullmatch(line)
        if found:
            return _make_request(url, found[1], f"{step.program} wrote: {line}")
    return _response_from_comparison(probe, step, url)


def _response_from_comparison(probe: FailedProbe, step: ProbeStep, url: str) -> HttpRequest:
    """Take the status from what one of the next steps compares."""
    for after in probe.steps[step.number + 1 : step.number + 3]:
        sides = (after.comparison.left, after.comparison.right) if after.comparison else ()
        for side in sides:
            if _STATUS.fullmatch(side) and side not in probe.script:
                return _make_request(url, side, after.text)
    return _make_request(url, "", step.text)


def _make_request(url: str, status: str, evidence: str) -> HttpRequest:
    local = (urlsplit(url).hostname or "") in LOCAL_HOSTS
    return HttpRequest(url=url, status=status, evidence=evidence, is_local=local)
