"""Clues about the way out: what curl's exit status means, and targets that were never given."""

from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.step import ProbeStep
from hardgate.diagnosis.finders import http
from hardgate.diagnosis.finders.messages import format_failed_call

EGRESS_VARIABLE = "MOLECULE_T4_EGRESS_TARGETS"

CURL_STATUSES = {
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

GETENT_NOT_FOUND_STATUS = 2
"""Of getent: the key was not found."""
CURL_NOT_CONNECTED_STATUS = 7
UNREACHABLE_MESSAGES = {"ENETUNREACH": "Network is unreachable", "EHOSTUNREACH": "No route to host"}


def find_network_errors(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Look for what curl said by its exit status alone, and for calls that found no way."""
    for failure in step.failures:
        if failure.call != "connect" or failure.target.startswith("/"):
            continue
        if failure.errno == "ETIMEDOUT":
            fields = {"what": f"{failure.target}: Connection timed out"}
            yield Match(
                cause="connection_timed_out", quotes=(format_failed_call(failure),), fields=fields
            )
        elif (
            failure.errno in UNREACHABLE_MESSAGES
            and not step.output
            and step.status == CURL_NOT_CONNECTED_STATUS
        ):
            fields = {"what": f"{failure.target}: {UNREACHABLE_MESSAGES[failure.errno]}"}
            yield Match(
                cause="network_unreachable", quotes=(format_failed_call(failure),), fields=fields
            )
    yield from _match_curl_status(probe, step)
    yield from _match_failed_lookup(step)


def _match_failed_lookup(step: ProbeStep) -> Iterator[Match]:
    """Read the exit status of `getent`, which says nothing at all."""
    arguments = [word for word in step.argv if not word.startswith("-")]
    if step.program != "getent" or step.status != GETENT_NOT_FOUND_STATUS or len(arguments) <= 2:  # noqa: PLR2004
        return
    quotes = (f"{step.text}: exit status {step.status}",)
    if arguments[1] in {"hosts", "ahosts", "ahostsv4", "ahostsv6"}:
        fields = {"host": arguments[2]}
        yield Match(cause="name_not_resolved", quotes=quotes, fields=fields, subject=arguments[2])
    elif arguments[1] in {"passwd", "group"} and not arguments[2].isdigit():
        cause = "user_unknown" if arguments[1] == "passwd" else "group_unknown"
        fields = {"name": arguments[2]}
        yield Match(cause=cause, quotes=quotes, fields=fields, subject=arguments[2])


def _match_curl_status(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    curl = next(
        (status for command, status in step.failed_commands if "curl" in command.split()[0]), None
    )
    status = step.status if step.program == "curl" else curl
    request = next(http.find_http_requests(probe, step), None)
    if status in CURL_STATUSES and request:
        meaning, remedy = CURL_STATUSES[status]
        fields = {"status": str(status), "url": request.url, "meaning": meaning, "remedy": remedy}
        quotes = (f"{step.text}: exit status {status}",)
        yield Match(cause="curl_status", quotes=quotes, fields=fields, subject=request.url)


def match_missing_targets(probe: FailedProbe) -> Iterator[Match]:
    """Look for a probe that had no target to try."""
    if EGRESS_VARIABLE not in probe.script or probe.egress_targets != ():
        return
    if any(True for step in probe.steps for _ in http.find_http_requests(probe, step)):
        return
    yield Match(
        cause="egress_no_target", quotes=(f"the probe's environment: {EGRESS_VARIABLE} is empty",)
    )
