"""What a step asked over HTTP, and what it was told: what other finders rest on."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.step import Step

CLIENTS = frozenset({"curl", "wget"})
LOCAL = frozenset({"127.0.0.1", "localhost", "::1", "0.0.0.0"})  # noqa: S104 - to be recognised

_URL = re.compile(r"https?://[^\s'\"|<>]+", re.IGNORECASE)
_REFUSED = re.compile(
    r"The requested URL returned error: (\d{3})|ERROR (\d{3}): |HTTP/[\d.]+ (\d{3})"
    r"|HTTP Error (\d{3}): |\banswers (\d{3})\b"
)
_STATUS = re.compile(r"\s*([1-5]\d\d)\s*")
_FINE = ("1", "2", "3")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request of one step."""

    url: str
    """Its path alone, where it is known from the wire and not from the command."""
    status: str
    """Three digits; empty where no answer was seen."""
    quote: str
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
    def is_fine(self) -> bool:
        """It was answered, and not with an error."""
        return self.status.startswith(_FINE)


def requests(miss: Miss, step: Step) -> Iterator[Asked]:
    """Yield what a step asked; a client that another command started counts as well."""
    if not step.text:
        yield from _spoken(step)
    elif CLIENTS & step.programs:
        words = " ".join(step.words)
        urls = [url for text in (words, *step.started) for url in _URL.findall(text)]
        for url in dict.fromkeys(urls):
            asked = _answer(miss, step, url)
            # The address of what goes to a socket in the file system is a mere name.
            yield replace(asked, is_local=False) if "unix-socket" in step.text else asked
    else:
        yield from _on_the_wire(miss, step)


def _spoken(step: Step) -> Iterator[Asked]:
    """Read a probe's own words: a URL, and the status that it answered."""
    for line in step.said[-1:]:
        url, told = _URL.search(line), _REFUSED.search(line)
        if url and told:
            yield _asked(url[0], next(filter(None, told.groups())), line)


def _on_the_wire(miss: Miss, step: Step) -> Iterator[Asked]:
    local = any(host in miss.script for host in LOCAL)
    for exchange in miss.exchanges:
        words, answer = exchange.request.split(), exchange.answer.split()
        if exchange.program in step.programs and len(words) > 1 and len(answer) > 1:
            quote = f"{exchange.request}: {exchange.answer}"
            yield Asked(url=words[1], status=answer[1], quote=quote, is_local=local)


def _answer(miss: Miss, step: Step, url: str) -> Asked:
    for line in step.said:
        told = _REFUSED.search(line)
        if told:
            return _asked(url, next(filter(None, told.groups())), line)
    path = urlsplit(url).path or "/"
    for exchange in reversed(miss.exchanges):
        words, answer = exchange.request.split(), exchange.answer.split()
        if len(words) > 1 and urlsplit(words[1]).path == path and len(answer) > 1:
            return _asked(url, answer[1], f"{exchange.request}: {exchange.answer}")
    for line in step.said:
        told = _STATUS.fullmatch(line)
        if told:
            return _asked(url, told[1], f"{step.program} wrote: {line}")
    return _compared(miss, step, url)


def _compared(miss: Miss, step: Step, url: str) -> Asked:
    """Take the status from what one of the next steps compares."""
    for after in miss.steps[step.number + 1 : step.number + 3]:
        sides = (after.comparison.left, after.comparison.right) if after.comparison else ()
        for side in sides:
            if _STATUS.fullmatch(side) and side not in miss.script:
                return _asked(url, side, after.text)
    return _asked(url, "", step.text)


def _asked(url: str, status: str, quote: str) -> Asked:
    local = (urlsplit(url).hostname or "") in LOCAL
    return Asked(url=url, status=status, quote=quote, is_local=local)
