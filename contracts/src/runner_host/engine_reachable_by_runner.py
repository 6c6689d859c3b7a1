import grp
import http.client
import json
import os
import socket
import sys

path = sys.argv[1]
number = os.stat(path).st_gid
try:
    group = grp.getgrgid(number).gr_name
except KeyError:
    group = str(number)
engine = http.client.HTTPConnection("engine", timeout=20)
engine.sock = socket.socket(socket.AF_UNIX)
engine.sock.settimeout(20)
try:
    engine.sock.connect(path)
    engine.request("GET", "/version")
    answer = engine.getresponse()
    told = json.loads(answer.read())
except PermissionError:
    sys.exit(f"uid {os.getuid()} may not use '{path}': it is not in its group '{group}'.")
except (OSError, http.client.HTTPException, ValueError) as error:
    sys.exit(f"No engine answers uid {os.getuid()} at '{path}': {error}.")
if answer.status != 200 or not isinstance(told, dict):
    sys.exit(f"What answers at '{path}' is no engine: it says {answer.status}.")
names = [str(one.get("Name")) for one in told.get("Components") or ()]
if any("podman" in name.lower() for name in names):
    sys.exit(f"What answers at '{path}' is Podman ({', '.join(names)}), not a Docker Engine.")
if told.get("Os") != "linux":
    sys.exit(f"The engine at '{path}' runs containers of '{told.get('Os')}', not of Linux.")
print(f"Engine {told.get('Version')}, API {told.get('ApiVersion')}.")
