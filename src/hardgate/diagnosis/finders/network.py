"""Clues about the way out: what curl's exit status means, and targets that were never given."""

from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.step import Step
from hardgate.diagnosis.finders import http
from hardgate.diagnosis.finders.messages import quote

VARIABLE = "MOLECULE_T4_EGRESS_TARGETS"

CURL = {
    5: (
        "it could not resolve the proxy's name",
        "Look at http_proxy and https_proxy in the workspace.",
    ),
    6: (
        "it could not resolve the server's name",
        "Look at /etc/resolv.conf in the workspace and at the host's resolver; or name another "
        "target.",
    ),
    7: (
        "it could not connect",
        "Nothing listens there, or a firewall refuses: look at the address and the way to it.",
    ),
    22: (
        "the server answered with an error (400 or above)",
        "Ask by hand, without '-f', for the status and the body.",
    ),
    28: (
        "the time that it was given was over",
        "A firewall drops it, or the server is slow: look at the way out and at the proxy's "
        "variables.",
    ),
    35: (
        "the TLS handshake failed",
        "Look at whether that port speaks TLS, and at what stands between.",
    ),
    51: (
        "the certificate is another server's",
        "Look at who answers there, DNS and proxies included.",
    ),
    52: ("the server closed the connection without an answer", "Look into the server's log."),
    56: ("the connection broke off while it read", "Look into the server's and the proxy's log."),
    60: (
        "the server's certificate is not trusted",
        "Install 'ca-certificates', and a CA of your own where a proxy looks into TLS.",
    ),
    77: (
        "its file of CA certificates cannot be read",
        "Install 'ca-certificates', or set CURL_CA_BUNDLE to a file that is there.",
    ),
}
"""What curl's exit statuses mean (its manual, EXIT CODES), and what to do."""

NOT_FOUND = 2
"""Of getent: the key was not found."""
COULD_NOT_CONNECT = 7
NO_WAY = {"ENETUNREACH": "Network is unreachable", "EHOSTUNREACH": "No route to host"}


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look for what curl said by its exit status alone, and for calls that found no way."""
    for failure in step.failures:
        if failure.call != "connect" or failure.target.startswith("/"):
            continue
        if failure.errno == "ETIMEDOUT":
            fields = {"what": f"{failure.target}: Connection timed out"}
            yield Clue(cause="connection_timed_out", quotes=(quote(failure),), fields=fields)
        elif failure.errno in NO_WAY and not step.said and step.status == COULD_NOT_CONNECT:
            fields = {"what": f"{failure.target}: {NO_WAY[failure.errno]}"}
            yield Clue(cause="network_unreachable", quotes=(quote(failure),), fields=fields)
    yield from _by_status(miss, step)
    yield from _looked_up(step)


def _looked_up(step: Step) -> Iterator[Clue]:
    """Read the exit status of `getent`, which says nothing at all."""
    words = [word for word in step.words if not word.startswith("-")]
    if step.program != "getent" or step.status != NOT_FOUND or len(words) <= 2:  # noqa: PLR2004
        return
    quotes = (f"{step.text}: exit status {step.status}",)
    if words[1] in {"hosts", "ahosts", "ahostsv4", "ahostsv6"}:
        fields = {"host": words[2]}
        yield Clue(cause="name_not_resolved", quotes=quotes, fields=fields, subject=words[2])
    elif words[1] in {"passwd", "group"} and not words[2].isdigit():
        cause = "user_unknown" if words[1] == "passwd" else "group_unknown"
        fields = {"name": words[2]}
        yield Clue(cause=cause, quotes=quotes, fields=fields, subject=words[2])


def _by_status(miss: Miss, step: Step) -> Iterator[Clue]:
    curl = next((status for command, status in step.ended if "curl" in command.split()[0]), None)
    status = step.status if step.program == "curl" else curl
    asked = next(http.requests(miss, step), None)
    if status in CURL and asked:
        meaning, remedy = CURL[status]
        fields = {"status": str(status), "url": asked.url, "meaning": meaning, "remedy": remedy}
        quotes = (f"{step.text}: exit status {status}",)
        yield Clue(cause="curl_status", quotes=quotes, fields=fields, subject=asked.url)


def find_in_all(miss: Miss) -> Iterator[Clue]:
    """Look for a probe that had no target to try."""
    if VARIABLE not in miss.script or miss.targets != ():
        return
    if any(True for step in miss.steps for _ in http.requests(miss, step)):
        return
    yield Clue(cause="egress_no_target", quotes=(f"the probe's environment: {VARIABLE} is empty",))
