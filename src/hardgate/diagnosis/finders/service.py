"""Clues about the workspace's own server: its port, and its answers."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.step import ProbeStep
from hardgate.diagnosis.finders import http, token
from hardgate.diagnosis.finders.messages import format_failed_call

UNAUTHORIZED_STATUSES = frozenset({"401", "403"})
NO_CONNECTION_STATUS = 7
_CREDENTIAL_OPTION = re.compile(
    r"authorization|x-\S{0,40}(?:token|key)|\s-u\b|--user|--config|\s-K\b|netrc|@", re.IGNORECASE
)
_EMPTY_BEARER = re.compile(
    r"authorization:\s*+(?:(?:bearer|token)\s*+)?(?:['\"]|$|-|https?:)", re.IGNORECASE
)


def find_service_problems(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Look for a bearer that is refused, a path that is not known, a port where nobody is."""
    for request in http.find_http_requests(probe, step):
        if request.status in UNAUTHORIZED_STATUSES:
            yield from _match_unauthorized(probe, step, request)
        elif request.status and not request.is_success:
            yield _match_error_status(probe, request)
        elif not request.status and request.is_local and step.status == NO_CONNECTION_STATUS:
            yield from _match_unused_address(
                probe, request.address, f"{step.text}: exit status {NO_CONNECTION_STATUS}"
            )
    for failure in step.failures:
        refused = failure.call == "connect" and failure.errno == "ECONNREFUSED"
        if refused and not failure.target.startswith("/"):
            yield from _match_refused_connection(
                probe, step, failure.target, format_failed_call(failure)
            )


def _match_refused_connection(
    probe: FailedProbe, step: ProbeStep, address: str, line: str
) -> Iterator[Match]:
    """Tell a refused connection to what was asked for from one to what stands between."""
    request = next(http.find_http_requests(probe, step), None)
    if request and request.port and request.port != address.rpartition(":")[2]:
        fields = {"address": address, "url": request.url}
        yield Match(cause="proxy_gone", quotes=(step.text, line), fields=fields, subject=address)
    else:
        yield from _match_unused_address(probe, address, line)


def _match_unauthorized(
    probe: FailedProbe, step: ProbeStep, request: http.HttpRequest
) -> Iterator[Match]:
    about_token = token.TOKEN_PATH in probe.script and request.is_local
    if about_token:
        bearer = f", and '{request.url}' answers {request.status}"
        expected = frozenset({"there", "readable", "full"})
        yield from token.match_token_problem(probe, expected, (request.evidence,), bearer=bearer)
    fields = {"url": request.url, "status": request.status, "path": token.TOKEN_PATH}
    mute = http.HTTP_CLIENTS & step.programs and not _CREDENTIAL_OPTION.search(step.text)
    fields["how"] = ", and was asked without a token" if mute else ""
    if _EMPTY_BEARER.search(step.text):
        unread = next(
            (
                failed_call
                for earlier_step in probe.steps_before(step)
                for failed_call in earlier_step.failures
                if failed_call.errno
            ),
            None,
        )
        unread_evidence = [format_failed_call(unread)] if unread else []
        fields["source"] = "".join(f"; before that, {line}" for line in unread_evidence)
        quotes = (*unread_evidence, step.text, request.evidence)
        yield Match(cause="bearer_empty", quotes=quotes, fields=fields, subject=request.url)
    elif about_token and token.is_token_usable(probe):
        sound = f"seen from outside: '{token.TOKEN_PATH}' is there, and uid {probe.uid} may read it"
        quotes = (request.evidence, sound)
        yield Match(cause="token_refused", quotes=quotes, fields=fields, subject=token.TOKEN_PATH)
    yield Match(
        cause="unauthorized", quotes=(request.evidence,), fields=fields, subject=request.url
    )


def _match_error_status(probe: FailedProbe, request: http.HttpRequest) -> Match:
    cause = "http_status"
    if request.status in {"404", "405", "410"}:
        cause = "http_not_found"
    elif request.status.startswith("5"):
        cause = "http_server_error"
    fields = {"url": request.url, "status": request.status, "log": _describe_log_end(probe)}
    return Match(cause=cause, quotes=(request.evidence,), fields=fields, subject=request.url)


def _match_unused_address(probe: FailedProbe, address: str, line: str) -> Iterator[Match]:
    """Say who listens where, when nobody does at an address."""
    host, _, port = address.rpartition(":")
    fields = {"address": address, "log": _describe_log_end(probe)}
    if host.strip("[]") not in http.LOCAL_HOSTS or _is_egress_target(probe, host, port):
        yield Match(cause="connection_refused", quotes=(line,), fields=fields, subject=address)
        return
    same = [socket for socket in probe.listening_sockets if socket.port == port]
    quotes = (line, *(one.as_evidence() for one in same))
    if same:
        fields["listening"] = " and ".join(dict.fromkeys(one.address for one in same))
        yield Match(cause="address_wrong", quotes=quotes, fields=fields, subject=address)
    elif elsewhere := match_other_port(probe, address, line):
        yield elsewhere
    elif missing := token.find_readiness_problem(probe):
        quotes = (line, f"the wait for the workspace: {missing}")
        fields |= {"missing": missing, "address": f" Nothing listens on {address}."}
        yield Match(cause="runtime_not_up", quotes=quotes, fields=fields, subject="runtime")
    else:
        yield Match(cause="nothing_listens", quotes=quotes, fields=fields, subject=address)


def match_other_port(probe: FailedProbe, address: str, line: str) -> Match | None:
    """Say that the workspace listens on another port than that of `address`; `line` shows it."""
    port = address.rpartition(":")[2]
    theirs = [one for one in probe.listening_sockets if one.port != port and one.in_workspace]
    if not theirs or any(one.port == port for one in probe.listening_sockets):
        return None
    listening = " and ".join(f"{one.address} ('{one.program}')" for one in theirs)
    return Match(
        cause="port_wrong",
        quotes=(line, *(one.as_evidence() for one in theirs)),
        fields={"address": address, "listening": listening},
        subject=address,
    )


def _is_egress_target(probe: FailedProbe, host: str, port: str) -> bool:
    """Tell whether an address of this machine was named as a way out, and is no workspace's own."""
    for target in probe.egress_targets or ():
        parts = urlsplit(target)
        default = {"https": 443, "http": 80}.get(parts.scheme, 0)
        if (parts.hostname, str(parts.port or default)) == (host.strip("[]"), port):
            return True
    return False


def _describe_log_end(probe: FailedProbe) -> str:
    last = probe.log_tail[-1:] if probe.log_tail else ()
    return "".join(f"; the workspace's log ends with: {line}" for line in last)
