"""What a step asked over HTTP, and what it was told: for the finders of the runtime and the way out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from hardgate.miss import Miss
from hardgate.step import Step

CLIENTS = frozenset({"curl", "wget"})
LOCAL = frozenset({"127.0.0.1", "localhost", "::1", "0.0.0.0"})  # noqa: S104 - to be recognised

_URL = re.compile(r"https?://[^\s'\"|<>]+", re.IGNORECASE)
_REFUSED = re.compile(
    r"The requested URL returned error: (\d{3})|ERROR (\d{3}): |HTTP/[\d.]+ (\d{3})"
)
_STATUS = re.compile(r"^(?:.*\n)?\s*([1-5]\d\d)\s*$")
_FINE = ("2", "3", "1")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request of one step."""

    url: str
    status: str
    """Three digits; empty where no answer was seen."""
    quote: str
    """The line that tells the status, else the command."""

    @property
    def address(self) -> str:
        """Host and port."""
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme.lower() == "https" else 80)
        return f"{parts.hostname}:{port}"

    @property
    def is_local(self) -> bool:
        """It goes to the workspace itself."""
        return (urlsplit(self.url).hostname or "") in LOCAL

    @property
    def is_fine(self) -> bool:
        """It was answered, and not with an error."""
        return self.status.startswith(_FINE)


def requests(miss: Miss, step: Step) -> Iterator[Asked]:
    """Yield what a step asked; a client that another command started counts as well."""
    words = " ".join(step.words)
    urls = [url for text in (words, *step.started) for url in _URL.findall(text)]
    if not urls or not (CLIENTS & {step.program, *map(_program, step.started)}):
        return
    for url in dict.fromkeys(urls):
        yield _answer(miss, step, url)


def _program(command: str) -> str:
    return command.split()[0].rpartition("/")[2] if command.split() else ""


def _answer(miss: Miss, step: Step, url: str) -> Asked:
    for line in step.said:
        told = _REFUSED.search(line)
        if told:
            return Asked(url=url, status=next(filter(None, told.groups())), quote=line)
    path = urlsplit(url).path or "/"
    for exchange in reversed(miss.exchanges):
        words = exchange.request.split()
        if len(words) > 1 and urlsplit(words[1]).path == path and exchange.answer:
            answer = exchange.answer.split()
            quote = f"{exchange.request}: {exchange.answer}"
            return Asked(url=url, status=answer[1] if len(answer) > 1 else "", quote=quote)
    for line in step.said:
        told = _STATUS.match(line)
        if told:
            return Asked(url=url, status=told[1], quote=f"{step.program} wrote: {line}")
    return _compared(miss, step, url)


def _compared(miss: Miss, step: Step, url: str) -> Asked:
    """Take the status from what the next step compares."""
    index = next(i for i, one in enumerate(miss.steps) if one is step)
    for after in miss.steps[index + 1 : index + 3]:
        sides = (after.comparison.left, after.comparison.right) if after.comparison else ()
        for side in sides:
            if re.fullmatch(r"[1-5]\d\d", side) and side not in miss.script:
                return Asked(url=url, status=side, quote=after.text)
    return Asked(url=url, status="", quote=step.text)
