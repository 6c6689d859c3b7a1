import json
import os
import socket
import stat
import sys
from pathlib import Path

path = "/var/run/docker.sock"
try:
    seen = os.stat(path)
except OSError as error:
    sys.exit(f"'{path}' cannot be looked at: {error.strerror}.")
if seen.st_mode & 0o007:
    mode = stat.S_IMODE(seen.st_mode)
    sys.exit(f"Everybody on this host may use '{path}': its mode is {mode:04o}, not 0660.")
if seen.st_uid != 0:
    sys.exit(f"'{path}' belongs to uid {seen.st_uid}, not to root.")


# An engine in a container of this host has a PID namespace of its own, and is another one.
def is_ours(process):
    try:
        name = (process / "comm").read_text().strip()
        return name == "dockerd" and os.readlink(process / "ns/pid") == own
    except OSError:
        return False


own = os.readlink("/proc/self/ns/pid")
engines = [one for one in Path("/proc").iterdir() if one.name.isdigit() and is_ours(one)]
if not engines:
    sys.exit("No process of this host is 'dockerd': where the engine listens cannot be seen.")


def ends_of(line, wide):
    word, port = line.split()[1].split(":")
    size = 8
    parts = [word[at : at + size] for at in range(0, len(word), size)]
    raw = b"".join(bytes.fromhex(part)[::-1] for part in parts)
    if wide:
        groups = [f"{raw[at] << 8 | raw[at + 1]:x}" for at in range(0, 16, 2)]
        return f"[{':'.join(groups)}]:{int(port, 16)}"
    return f"{'.'.join(map(str, raw))}:{int(port, 16)}"


def answers_as_engine(place):
    """The engine has sockets of its own that are none of its API, such as the metrics'."""
    try:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(2)
            asked.connect(place)
            asked.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
            return b"api-version:" in asked.recv(4096).lower()
    except OSError:
        return False


def other_sockets(engine, held):
    """Of the listening ones (flag 0x10000), see proc(5); '@' is an abstract name."""
    for line in (engine / "net/unix").read_text(errors="replace").splitlines()[1:]:
        words = line.split(maxsplit=7)
        if len(words) < 8 or not int(words[3], 16) & 0x10000:
            continue
        if f"socket:[{words[6]}]" in held and os.path.realpath(words[7]) != ours:
            yield words[7], "\0" + words[7][1:] if words[7].startswith("@") else words[7]


ours = os.path.realpath(path)
for engine in engines:
    held = set()
    for link in (engine / "fd").iterdir():
        try:
            held.add(os.readlink(link))
        except OSError:
            continue
    ports = []
    for table in ("tcp", "tcp6"):
        file = engine / "net" / table
        for line in file.read_text().splitlines()[1:] if file.exists() else ():
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in held:
                ports.append(ends_of(line, table == "tcp6"))
    if ports:
        sys.exit(f"The engine (process {engine.name}) listens on {', '.join(ports)}, too.")
    for name, place in other_sockets(engine, held):
        if answers_as_engine(place):
            sys.exit(f"The engine (process {engine.name}) listens at '{name}', too.")
    words = (engine / "cmdline").read_bytes().decode(errors="replace").split("\0")
    told = [word for word in words if "tcp://" in word]
    if told:
        sys.exit(f"The engine (process {engine.name}) was started with '{told[0]}'.")
config = Path("/etc/docker/daemon.json")
if config.exists():
    try:
        hosts = json.loads(config.read_text() or "{}").get("hosts") or []
    except (ValueError, AttributeError) as error:
        sys.exit(f"'{config}' cannot be read: {error}.")
    sockets = ("fd://", "unix://" + path, "unix://" + ours)
    told = [host for host in hosts if not str(host).startswith(sockets)]
    if told:
        sys.exit(f"'{config}' makes the engine listen on '{told[0]}' when it starts again.")
