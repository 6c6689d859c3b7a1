"""Asks the engine's socket by Python's own library: a host need not have 'docker'."""

import http.client
import json
import socket

ENGINE_SOCKET = "/var/run/docker.sock"


def ask_engine(
    method: str, path: str, body: "str | bytes | None" = None, kind: str = "application/json"
) -> bytes:
    """Give the answer's body; raises OSError with the engine's own words where it refuses."""
    engine = http.client.HTTPConnection("engine", timeout=60)
    engine.sock = socket.socket(socket.AF_UNIX)
    engine.sock.settimeout(60)
    try:
        engine.sock.connect(ENGINE_SOCKET)
        engine.request(method, path, body=body, headers={"Content-Type": kind})
        answer = engine.getresponse()
        data = answer.read()
    finally:
        engine.close()
    if answer.status >= 400:
        try:
            data = json.loads(data)["message"].encode()
        except (ValueError, LookupError, TypeError):
            pass
        raise OSError(f"the engine refuses it: {data.decode(errors='replace').strip()}")
    return data
