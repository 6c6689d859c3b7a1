"""Clues about the workspace's own server: its port, and its answers."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.step import Step
from hardgate.diagnosis.finders import http, token
from hardgate.diagnosis.finders.messages import quote

UNAUTHORIZED = frozenset({"401", "403"})
NO_CONNECTION = 7
_SHOWS = re.compile(
    r"authorization|x-\S*(?:token|key)|\s-u\b|--user|--config|\s-K\b|netrc|@", re.IGNORECASE
)
_NO_BEARER = re.compile(
    r"authorization:\s*(?:bearer|token)?\s*(?:['\"]|$|-|https?:)", re.IGNORECASE
)


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look for a bearer that is refused, a path that is not known, a port where nobody is."""
    for asked in http.requests(miss, step):
        if asked.status in UNAUTHORIZED:
            yield from _unauthorized(miss, step, asked)
        elif asked.status and not asked.is_fine:
            yield _answered(miss, asked)
        elif not asked.status and asked.is_local and step.status == NO_CONNECTION:
            yield from _nobody(miss, asked.address, f"{step.text}: exit status {NO_CONNECTION}")
    for failure in step.failures:
        refused = failure.call == "connect" and failure.errno == "ECONNREFUSED"
        if refused and not failure.target.startswith("/"):
            yield from _refused(miss, step, failure.target, quote(failure))


def _refused(miss: Miss, step: Step, address: str, line: str) -> Iterator[Clue]:
    """Tell a refused connection to what was asked for from one to what stands between."""
    asked = next(http.requests(miss, step), None)
    if asked and asked.port and asked.port != address.rpartition(":")[2]:
        fields = {"address": address, "url": asked.url}
        yield Clue(cause="proxy_gone", quotes=(step.text, line), fields=fields, subject=address)
    else:
        yield from _nobody(miss, address, line)


def _unauthorized(miss: Miss, step: Step, asked: http.Asked) -> Iterator[Clue]:
    about_token = token.TOKEN in miss.script and asked.is_local
    if about_token:
        bearer = f", and '{asked.url}' answers {asked.status}"
        wanted = frozenset({"there", "readable", "full"})
        yield from token.explain(miss, wanted, (asked.quote,), bearer=bearer)
    fields = {"url": asked.url, "status": asked.status, "path": token.TOKEN}
    mute = http.CLIENTS & step.programs and not _SHOWS.search(step.text)
    fields["how"] = ", and was asked without a token" if mute else ""
    if _NO_BEARER.search(step.text):
        unread = next((x for one in miss.before(step) for x in one.failures if x.errno), None)
        told = [quote(unread)] if unread else []
        fields["source"] = "".join(f"; before that, {line}" for line in told)
        quotes = (*told, step.text, asked.quote)
        yield Clue(cause="bearer_empty", quotes=quotes, fields=fields, subject=asked.url)
    elif about_token and token.is_sound(miss):
        sound = f"seen from outside: '{token.TOKEN}' is there, and uid {miss.uid} may read it"
        quotes = (asked.quote, sound)
        yield Clue(cause="token_refused", quotes=quotes, fields=fields, subject=token.TOKEN)
    yield Clue(cause="unauthorized", quotes=(asked.quote,), fields=fields, subject=asked.url)


def _answered(miss: Miss, asked: http.Asked) -> Clue:
    cause = "http_status"
    if asked.status in {"404", "405", "410"}:
        cause = "http_not_found"
    elif asked.status.startswith("5"):
        cause = "http_server_error"
    fields = {"url": asked.url, "status": asked.status, "log": _log(miss)}
    return Clue(cause=cause, quotes=(asked.quote,), fields=fields, subject=asked.url)


def _nobody(miss: Miss, address: str, line: str) -> Iterator[Clue]:
    """Say who listens where, when nobody does at an address."""
    host, _, port = address.rpartition(":")
    fields = {"address": address, "log": _log(miss)}
    if host.strip("[]") not in http.LOCAL:
        yield Clue(cause="connection_refused", quotes=(line,), fields=fields, subject=address)
        return
    same = [one for one in miss.listeners if one.port == port]
    theirs = [one for one in miss.listeners if one.port != port and one.is_workspaces]
    quotes = (line, *(one.told() for one in same or theirs))
    if same:
        fields["listening"] = " and ".join(dict.fromkeys(one.address for one in same))
        yield Clue(cause="address_wrong", quotes=quotes, fields=fields, subject=address)
    elif theirs:
        fields["listening"] = " and ".join(f"{one.address} ('{one.program}')" for one in theirs)
        yield Clue(cause="port_wrong", quotes=quotes, fields=fields, subject=address)
    elif missing := token.never_ready(miss):
        quotes = (line, f"the wait for the workspace: {missing}")
        fields |= {"missing": missing, "address": f" Nothing listens on {address}."}
        yield Clue(cause="runtime_not_up", quotes=quotes, fields=fields, subject="runtime")
    else:
        yield Clue(cause="nothing_listens", quotes=quotes, fields=fields, subject=address)


def _log(miss: Miss) -> str:
    last = miss.log[-1:] if miss.log else ()
    return "".join(f"; the workspace's log ends with: {line}" for line in last)
