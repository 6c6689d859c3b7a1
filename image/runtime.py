"""A small workspace runtime: keeps its token, and tells its peers to whoever bears it.

Runs as the agent. Writes /configs/.auth_token (0600; one that is there and sound is kept, so that
it outlives a restart) and /configs/.platform_port, and serves /healthz to all and /list_peers to
the bearer. Says what it does on stdout; never the token.
"""

import hmac
import json
import os
import re
import signal
import stat
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn

CONFIGS = Path("/configs")
TOKEN = CONFIGS / ".auth_token"
PORT = CONFIGS / ".platform_port"
SOUND = re.compile(rb"[0-9a-f]{64}\n?")
OWN_ONLY = 0o600
HIGHEST_PORT = 65535


def say(words: str) -> None:
    """Write one line to the workspace's log."""
    print(f"runtime: {words}", flush=True)


def write_whole(path: Path, content: bytes) -> None:
    """Put a file of the agent's own in place at once: readers see all of it or nothing."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, OWN_ONLY)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    draft.replace(path)


def kept_token() -> bytes | None:
    """Return the token of an earlier start, or None where there is none to be trusted."""
    try:
        descriptor = os.open(TOKEN, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(stream.fileno())
        own = status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) == OWN_ONLY
        content = stream.read(80) if own and stat.S_ISREG(status.st_mode) else b""
    return content.strip() if SOUND.fullmatch(content) else None


def token() -> bytes:
    """Return the kept token, or write a new one."""
    kept = kept_token()
    if kept:
        say("The token of an earlier start is kept.")
        return kept
    fresh = os.urandom(32).hex().encode()
    write_whole(TOKEN, fresh + b"\n")
    say(f"A new token is in '{TOKEN}'.")
    return fresh


class Workspace(ThreadingHTTPServer):
    """The server, and the token that its answers hang on."""

    daemon_threads = True
    allow_reuse_address = True
    bearer = b""


class Answer(BaseHTTPRequestHandler):
    """One request."""

    server: Workspace
    server_version = "workspace"
    sys_version = ""
    timeout = 10
    path = command = ""  # A request that cannot be parsed has neither, and is logged all the same.

    def do_GET(self) -> None:
        """Serve the two paths that there are."""
        match self.path.partition("?")[0]:
            case "/healthz":
                self.reply(HTTPStatus.OK, {"status": "ok"})
            case "/list_peers" if self.is_bearer():
                self.reply(HTTPStatus.OK, {"peers": []})
            case "/list_peers":
                self.reply(HTTPStatus.UNAUTHORIZED, {"error": "The bearer is missing or wrong."})
            case _:
                self.reply(HTTPStatus.NOT_FOUND, {"error": "There is no such path."})

    def is_bearer(self) -> bool:
        """Compare in constant time; the header's bytes are whatever somebody sent."""
        scheme, _, sent = (self.headers.get("Authorization") or "").partition(" ")
        given = sent.strip().encode("utf-8", "surrogateescape")
        return scheme.lower() == "bearer" and hmac.compare_digest(given, self.server.bearer)

    def reply(self, status: HTTPStatus, content: dict[str, object]) -> None:
        """Send `content` as JSON."""
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log what was asked without its query, which may hold a secret; /healthz never."""
        del size
        path = self.path.partition("?")[0]
        if path != "/healthz":
            say(f"{self.command or '-'} {path!r} {int(code)}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Stay silent about malformed requests: they may hold anything."""


def chosen_port() -> int:
    """Return the port from the environment, else 8080."""
    asked = os.environ.get("PORT") or "8080"
    if not (asked.isascii() and asked.isdigit() and 0 < int(asked) <= HIGHEST_PORT):
        sys.exit(f"runtime: PORT is {asked!r}, which is no port. Give a number from 1 to 65535.")
    return int(asked)


def end(signal_number: int, frame: object) -> NoReturn:
    """Leave at once; nothing is half-written at any time."""
    del frame
    say(f"{signal.Signals(signal_number).name}: ended.")
    raise SystemExit(0)


def main() -> None:
    """Listen first, and say so in the volume afterwards: a port in a file is one that answers."""
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # As PID 1 it inherits orphans; none may stay.
    port = chosen_port()
    try:
        server = Workspace(("", port), Answer)
    except OSError as error:
        sys.exit(f"runtime: Port {port} cannot be had: {error.strerror}. Give another in PORT.")
    with server:
        server.bearer = token()
        write_whole(PORT, f"{port}\n".encode())
        say(f"Serving on port {port} as uid {os.getuid()}.")
        server.serve_forever()


if __name__ == "__main__":
    main()
