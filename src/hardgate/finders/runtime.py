"""Clues about the workspace's own server: its token, its port, its answers."""

import re
from collections.abc import Iterator

from hardgate.clue import Clue
from hardgate.finders import web
from hardgate.finders.said import quote
from hardgate.miss import Miss
from hardgate.step import Step
from hardgate.place import Place

TOKEN = "/configs/.auth_token"  # noqa: S105 - a path
CLOSED = frozenset({"EACCES", "EPERM"})
UNAUTHORIZED = frozenset({"401", "403"})
NO_CONNECTION = 7
_SHOWS = re.compile(r"authorization|x-\S*(?:token|key)|\s-u\b|--user|--config|\s-K\b|netrc|@", re.I)
NO_BEARER = re.compile(r"authorization:\s*(?:bearer|token)?\s*(?:['\"]|$|-|https?:)", re.IGNORECASE)


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look for a token that cannot be read, a bearer that is refused, a port where nobody is."""
    touches = _touches_token(miss, step)
    if touches:
        yield from _token(miss, touches)
    for asked in web.requests(miss, step):
        if asked.status in UNAUTHORIZED:
            yield from _unauthorized(miss, step, asked)
        elif asked.status and not asked.is_fine:
            yield _answered(miss, asked)
        elif not asked.status and asked.is_local and step.status == NO_CONNECTION:
            yield from _nobody(miss, asked.address, f"{step.text}: exit status {NO_CONNECTION}")
    for failure in step.failures:
        if failure.call == "connect" and failure.errno == "ECONNREFUSED":
            if not failure.target.startswith("/"):
                yield from _refused(miss, step, failure.target, quote(failure))


def _refused(miss: Miss, step: Step, address: str, line: str) -> Iterator[Clue]:
    """Tell a refused connection to what was asked for from one to what stands between."""
    asked = next(web.requests(miss, step), None)
    if asked and asked.address.rpartition(":")[2] != address.rpartition(":")[2]:
        fields = {"address": address, "url": asked.url}
        quotes = (step.text, line)
        yield Clue(cause="proxy_gone", quotes=quotes, fields=fields, subject=address)
    else:
        yield from _nobody(miss, address, line)


def _touches_token(miss: Miss, step: Step) -> tuple[str, ...]:
    """Give the lines that show that a step is about the token; none where it is not."""
    for failure in step.failures:
        if failure.target == TOKEN:
            return (quote(failure),)
    if TOKEN in step.text:
        return (step.text,)
    before = miss.before(step)
    if step.comparison and before and TOKEN in before[0].text:
        return (before[0].text, step.text)
    return tuple(line for line in step.said if not step.text and TOKEN in line)[-1:]


def _token(miss: Miss, lines: tuple[str, ...], *, bearer: str = "") -> Iterator[Clue]:
    """Say what is wrong with the token, if its place outside shows it."""
    token = miss.place(TOKEN)
    if token is None:
        return
    fields = {"path": TOKEN, "uid": str(miss.uid), "bearer": bearer}
    quotes = (*lines, token.told())
    if not token.exists:
        yield _no_token(miss, quotes, fields)
    elif token.size == 0 or miss.token_is_blank:
        told = (*lines, f"seen from outside: '{TOKEN}' holds {token.size} bytes")
        size = {"size": str(token.size)}
        yield Clue(cause="token_empty", quotes=told, fields=fields | size, subject=TOKEN)
    elif token.uid not in {None, miss.uid}:
        yield _foreign(miss, token, fields, quotes)
    elif token.grants(miss.uid, miss.groups, "r") is False:
        mode = {"mode": token.octal}
        yield Clue(cause="token_mode", quotes=quotes, fields=fields | mode, subject=TOKEN)


def _no_token(miss: Miss, quotes: tuple[str, ...], fields: dict[str, str]) -> Clue:
    missing = _never_ready(miss)
    if not missing:
        return Clue(cause="token_missing", quotes=quotes, fields=fields, subject=TOKEN)
    quotes = (*quotes, f"the wait for the workspace: {missing}")
    fields = {"missing": missing}
    return Clue(cause="runtime_not_up", quotes=quotes, fields=fields, subject="runtime")


def _foreign(miss: Miss, token: Place, fields: dict[str, str], quotes: tuple[str, ...]) -> Clue:
    fields = fields | {"owner": str(token.uid), "mode": token.octal}
    runtime = next((one for one in miss.processes if one.uid == 0 and one.is_workload), None)
    if token.uid == 0 and runtime:
        told = f"seen from outside: process {runtime.pid} '{runtime.command}' runs as uid 0"
        reads = token.grants(miss.uid, miss.groups, "r")
        closed = f", and uid {miss.uid} cannot read it" if reads is False else ""
        whose = f", so its token '{TOKEN}' is root's (mode {token.octal}){closed}"
        fields |= {"process": runtime.command, "token": whose + fields["bearer"]}
        quotes = (*quotes, told)
        return Clue(cause="runtime_as_root", quotes=quotes, fields=fields, subject="uid 0")
    return Clue(cause="token_owner", quotes=quotes, fields=fields, subject=TOKEN)


def _unauthorized(miss: Miss, step: Step, asked: web.Asked) -> Iterator[Clue]:
    about_token = TOKEN in miss.script and asked.is_local
    if about_token:
        yield from _token(
            miss, (asked.quote,), bearer=f", and '{asked.url}' answers {asked.status}"
        )
    fields = {"url": asked.url, "status": asked.status, "path": TOKEN}
    fields["how"] = "" if _SHOWS.search(step.text) else ", and was asked without a token"
    if NO_BEARER.search(step.text):
        quotes = (step.text, asked.quote)
        yield Clue(cause="bearer_empty", quotes=quotes, fields=fields, subject=asked.url)
    token = miss.place(TOKEN)
    sound = token and token.exists and token.size and token.grants(miss.uid, miss.groups, "r")
    if about_token and sound and not NO_BEARER.search(step.text):
        quotes = (asked.quote, token.told()) if token else (asked.quote,)
        yield Clue(cause="token_refused", quotes=quotes, fields=fields, subject=TOKEN)
    yield Clue(cause="unauthorized", quotes=(asked.quote,), fields=fields, subject=asked.url)


def _answered(miss: Miss, asked: web.Asked) -> Clue:
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
    if host.strip("[]") not in web.LOCAL:
        fields = {"address": address}
        yield Clue(cause="connection_refused", quotes=(line,), fields=fields, subject=address)
        return
    same = [one for one in miss.listeners if one.port == port]
    theirs = [one for one in miss.listeners if one.port != port and one.is_workspaces]
    fields = {"address": address, "log": _log(miss)}
    if same:
        told = tuple(one.told() for one in same)
        where = " and ".join(dict.fromkeys(one.address for one in same))
        fields["listening"] = where
        yield Clue(cause="address_wrong", quotes=(line, *told), fields=fields, subject=address)
    elif theirs:
        told = tuple(one.told() for one in theirs)
        fields["listening"] = " and ".join(f"{one.address} ('{one.program}')" for one in theirs)
        yield Clue(cause="port_wrong", quotes=(line, *told), fields=fields, subject=address)
    elif missing := _never_ready(miss):
        quotes = (line, f"the wait for the workspace: {missing}")
        fields |= {"missing": missing, "address": f" Nothing listens on {address}."}
        yield Clue(cause="runtime_not_up", quotes=quotes, fields=fields, subject="runtime")
    else:
        yield Clue(cause="nothing_listens", quotes=(line,), fields=fields, subject=address)


def _never_ready(miss: Miss) -> str:
    for observation in miss.others.values():
        if observation.facts.get("ready") is False:
            return str(observation.facts.get("missing") or "It was not told why.")
    return ""


def _log(miss: Miss) -> str:
    last = miss.log[-1:] if miss.log else ()
    return "".join(f"; the workspace's log ends with: {line}" for line in last)
