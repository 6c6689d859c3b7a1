"""Waits until the engine that was just started answers, and prints what it is.

    await_engine.py SOCKET PID SECONDS

It runs as the parent of process PID. Exits 1 when that process has ended, and 2 when time is over.
"""

# The import of pathlib would be a third of this program's time.

import json
import os
import socket
import sys
import time
from typing import Any

PAUSE_SECONDS = 0.02
CHUNK_BYTES = 65536
ENDED, LATE = 1, 2


def main() -> int:
    """Ask until there is an answer."""
    path, pid, deadline = sys.argv[1], int(sys.argv[2]), time.monotonic() + float(sys.argv[3])
    while (left := deadline - time.monotonic()) > 0:
        try:
            info = ask_engine(path, left)
        except (OSError, ValueError):
            if os.waitpid(pid, os.WNOHANG)[0]:
                return ENDED
            time.sleep(PAUSE_SECONDS)
            continue
        print(info["Driver"], info["ServerVersion"], info["KernelVersion"])
        return 0
    return LATE


def ask_engine(path: str, seconds: float) -> dict[str, Any]:
    """Ask what it is. An engine listens before it answers, so that this waits for the answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        connection.connect(path)
        connection.sendall(b"GET /info HTTP/1.0\r\nHost: engine\r\n\r\n")
        answer = b""
        while data := connection.recv(CHUNK_BYTES):
            answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.split(b" ")[1:2] != [b"200"]:
        raise ValueError("it does not answer yet")
    return dict(json.loads(body))


if __name__ == "__main__":
    sys.exit(main())
