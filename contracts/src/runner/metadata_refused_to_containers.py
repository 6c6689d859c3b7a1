import http.client
import json
import signal
import sys

from contracts.src.shared.canary import canary_labels, pack_canary_image
from contracts.src.shared.engine_api import ask_engine

mark = sys.argv[1]
name = f"hardgate-canary-{mark}"
# 0: refused at once; 7: somebody answers; 8: nobody refuses.
SCRIPT = """
import socket, sys, time
begun = time.monotonic()
try:
    socket.create_connection(("169.254.169.254", 80), timeout=2).close()
except TimeoutError:
    sys.exit(8)
except OSError:
    sys.exit(8 if time.monotonic() - begun > 1 else 0)
sys.exit(7)
"""


def connect():
    ask_engine(
        "POST",
        f"/containers/create?name={name}",
        json.dumps(
            {
                "Image": f"hardgate-canary:{mark}",
                "Cmd": ["/usr/bin/python3", "-I", "-S", "-c", SCRIPT],
                "User": "1000:1000",
                "Labels": canary_labels(mark),
                "HostConfig": {"NetworkMode": "bridge", "Binds": ["/usr:/usr:ro"]},
            }
        ),
    )
    ask_engine("POST", f"/containers/{name}/start")
    ended = json.loads(ask_engine("POST", f"/containers/{name}/wait"))
    said = ask_engine("GET", f"/containers/{name}/logs?stderr=1").decode(errors="replace")
    return ended["StatusCode"], (said.strip().splitlines() or [""])[-1]


def leave(number, frame):
    raise SystemExit(f"It was broken off by signal {number}.")


for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, leave)
try:
    ask_engine(
        "POST",
        f"/images/create?fromSrc=-&repo=hardgate-canary&tag={mark}",
        pack_canary_image(),
        "application/x-tar",
    )
    status, said = connect()
except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
    sys.exit(f"No container can be started to look from: {error}.")
finally:
    for path in (f"/containers/{name}?v=1", f"/images/hardgate-canary:{mark}?"):
        try:
            ask_engine("DELETE", f"{path}&force=1")
        except OSError:
            continue
if status == 7:
    sys.exit("169.254.169.254 answers a container behind the engine's bridge.")
if status == 8:
    sys.exit("Nothing refuses 169.254.169.254 to a container behind the engine's bridge.")
if status != 0:
    sys.exit(f"The container could not look: status {status}, '{said}'.")
