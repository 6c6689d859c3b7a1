"""Ask whether an engine answers at a socket: for so many seconds, or until its process has gone.

Not by the 'docker' command, which a user's settings might lead to another engine.

    ask_engine.py SOCKET SECONDS STATE
"""

import socket
import sys
import time
from pathlib import Path

PAUSE_SECONDS = 0.2
ANSWER_SECONDS = 10


def engine_answers(path: str) -> bool:
    """Ask once."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(path)
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
            return connection.recv(16)[8:12] == b" 200"
    except OSError:
        return False


def has_daemon_ended(state: Path) -> bool:
    """Tell whether the daemon that was started (its pid, its start time) has ended."""
    try:
        pid, start = state.read_text().split()
    except (OSError, ValueError):
        return False
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return True
    return fields[0] in "ZX" or fields[19] != start


def main(path: str, seconds: float, state: Path) -> int:
    """Give 0 as soon as there is an answer, else 1."""
    deadline = time.monotonic() + seconds
    while not engine_answers(path):
        if time.monotonic() > deadline or has_daemon_ended(state):
            return 1
        time.sleep(PAUSE_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])))
