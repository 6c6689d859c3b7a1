import http.client
import json
import signal
import sys
from pathlib import Path

from contracts.src.shared.canary import canary_labels, pack_canary_image
from contracts.src.shared.engine_api import ask_engine

mark = sys.argv[1]
name, text = f"hardgate-canary-{mark}", f"hardgate {mark}\n"
# PID 1's own view: this probe may be in a mount namespace of its own.
outside = Path("/proc/1/root/var/tmp") / name

SCRIPT = r"""
sed -n 's/^\(CapBnd\|Seccomp\|NoNewPrivs\):[[:space:]]*/\1 /p' /proc/self/status
confined=$(cat /proc/self/attr/current 2>/dev/null | tr -d '\000')
echo "Profile ${confined:-unconfined}"
exec nsenter --target 1 --mount -- sh -c '
  set -C
  echo "Uid $(id -u)"
  printf "hardgate %s\n" "$2" >"/var/tmp/$1" && echo "Written $1"' sh "$1" "$2"
"""


def look():
    ask_engine(
        "POST",
        f"/images/create?fromSrc=-&repo=hardgate-canary&tag={mark}",
        pack_canary_image(),
        "application/x-tar",
    )
    made = json.loads(
        ask_engine(
            "POST",
            f"/containers/create?name={name}",
            json.dumps(
                {
                    "Image": f"hardgate-canary:{mark}",
                    "Cmd": ["/usr/bin/sh", "-c", SCRIPT, "sh", name, mark],
                    "Env": ["PATH=/usr/bin:/usr/sbin"],
                    "Labels": canary_labels(mark),
                    "Tty": True,
                    "HostConfig": {
                        "Privileged": True,
                        "PidMode": "host",
                        "UsernsMode": "host",
                        "NetworkMode": "none",
                        "Binds": ["/usr:/usr:ro"],
                        "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
                    },
                }
            ),
        )
    )
    ask_engine("POST", f"/containers/{made['Id']}/start")
    ended = json.loads(ask_engine("POST", f"/containers/{made['Id']}/wait"))
    said = ask_engine("GET", f"/containers/{made['Id']}/logs?stdout=1&stderr=1")
    return ended["StatusCode"], said.decode(errors="replace")


def clean_up():
    for path in (f"/containers/{name}?v=1", f"/images/hardgate-canary:{mark}?"):
        try:
            ask_engine("DELETE", f"{path}&force=1")
        except OSError:
            continue
    try:
        outside.unlink()
    except OSError:
        pass  # It is looked for below.


def judge(status, said):
    told = dict(line.partition(" ")[::2] for line in said.replace("\r", "").splitlines())
    last = (said.strip().splitlines() or ["no word"])[-1].strip()
    if told.get("Written") != name:
        return f"It does not come to the host's disk: it ends with {status} and '{last}'."
    if told.get("Uid") != "0":
        return f"It came to the host as uid {told.get('Uid')}, not as root."
    try:
        seen, words = outside.stat(), outside.read_text()
    except OSError as error:
        return f"What it says it wrote is not on the host: {outside}: {error.strerror}."
    if (seen.st_uid, words) != (0, text):
        return f"On the host '{outside}' belongs to uid {seen.st_uid}, and holds {words!r}."
    host = Path("/proc/1/status").read_text().splitlines()
    whole = next(line.split()[1] for line in host if line.startswith("CapBnd:"))
    if told.get("CapBnd") != whole:
        return f"It has the capabilities {told.get('CapBnd')}, and PID 1 of the host {whole}."
    if told.get("Seccomp") != "0" or told.get("NoNewPrivs") != "0":
        return (
            f"Its calls are filtered: Seccomp {told.get('Seccomp')}, "
            f"NoNewPrivs {told.get('NoNewPrivs')}."
        )
    if told.get("Profile") != "unconfined":
        return f"It is confined by the security profile '{told.get('Profile')}'."
    return ""


def leave(number, frame):
    raise SystemExit(f"It was broken off by signal {number}.")


for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, leave)
try:
    wrong = judge(*look())
except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
    wrong = f"It cannot be run: {error}."
finally:
    clean_up()
if outside.exists():
    wrong = wrong or f"'{outside}' cannot be removed."
if wrong:
    sys.exit(f"A privileged container does not reach this host. {wrong}")
