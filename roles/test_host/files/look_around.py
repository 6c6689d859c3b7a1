"""Tells, from the host's side, what is around a probe that failed. JSON in, JSON out.

    look_around.py REQUEST

Nothing of the image is run, and nothing of it is imported: what has to be seen as the workspace
sees it is seen by a child of this process that has changed its root. `diagnose.surroundings` writes
the request and documents the answer.
"""

# The import of pathlib would be a third of this program's time.
# ruff: noqa: PTH113, PTH115, PTH116, PTH118, PTH120, PTH208

import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Facts = dict[str, Any]

NAMESPACES = ("pid", "mnt", "net", "uts", "ipc", "user", "cgroup")
FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
KINDS = {
    stat.S_IFDIR: "directory",
    stat.S_IFREG: "file",
    stat.S_IFLNK: "link",
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "character",
    stat.S_IFBLK: "block",
}
PEOPLE = range(1000, 60000)
"""Numbers of users that are not the system's own."""
PIECE = 16384
"""Bytes that are read at once; /proc gives less anyway, and a large buffer costs more than that."""
MANY = 40
"""Entries of a list that are told."""


def main() -> None:
    """Answer one request."""
    request = json.loads(sys.argv[1])
    want, init = frozenset(request["want"]), int(request["init"])
    mounted = mounts(init)  # From inside, a PID namespace of its own does not know this number.
    answer = dict(inside(f"/proc/{init}/root", lambda: look_inside(request, mounted)))
    if request["image"] and "paths" in answer:
        masked = [path for path, seen in answer["paths"].items() if covered(seen)]
        image = inside(request["image"], lambda: {path: look_at(path) for path in masked})
        for path in masked:
            answer["paths"][path] |= hidden(image.get(path), answer["paths"][path]["mount"])
    if request["host_paths"]:
        answer["host_paths"] = inside("/proc/1/root", lambda: look_at_host(request["host_paths"]))
    answer |= {name: LOOKS[name](init) for name in LOOKS if name in want}
    print(json.dumps(answer))


def covered(seen: Facts) -> bool:
    """Tell whether something is mounted over what the image has there."""
    return seen["mount"] is not None and seen["mount"]["point"] != "/"


def hidden(image: Facts | None, mount: Facts) -> Facts:
    """Say what the image has where something is mounted over it; null where nobody knows."""
    if image is None:
        return {"image": None, "in_image": None, "masked_by": None}
    masked = mount["point"] if image["exists"] else None
    return {"image": image, "in_image": image["exists"], "masked_by": masked}


def inside(root: str, look: Callable[[], Facts]) -> Facts:
    """Look from a root folder, in a child process; a folder that is gone gives a `problem`."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        try:
            os.chroot(root)
            os.chdir("/")
            # From here on a module would be the image's.
            sys.meta_path.clear()
            seen = look()
        except (OSError, ValueError, LookupError) as error:
            seen = {"problem": f"{type(error).__name__}: {error}"}
        try:
            with os.fdopen(writer, "wb") as stream:
                stream.write(json.dumps(seen).encode("ascii"))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        told = stream.read()
    os.waitpid(child, 0)
    seen = json.loads(told) if told else {"problem": "It could not be looked at."}
    return dict(seen)


def look_inside(request: Mapping[str, Any], mounted: list[Facts]) -> Facts:
    """See what the workspace sees: its paths, its commands, its users."""
    uid, want = int(request["uid"]), frozenset(request["want"])
    agent = identity(uid)
    seen: Facts = {
        "agent": agent,
        "paths": {
            path: look_at(path, agent) | {"mount": mount_of(path, mounted)}
            for path in request["paths"]
        },
        "commands": {
            name: find_command(name, request["path"], agent) for name in request["commands"]
        },
    }
    if "passwd" in want:
        seen["passwd"] = agent | users(uid)
    if "socket" in want:
        seen["socket"] = look_at(request["socket"], agent) | {
            "path": request["socket"],
            "mount": mount_of(request["socket"], mounted),
        }
    if "token" in want:
        seen["token"] = look_at(request["token"], agent) | {"blank": is_blank(request["token"])}
        seen["port"] = read_word(request["port"])
    return seen


def look_at_host(paths: list[str]) -> Facts:
    """See what the host's own root has."""
    mounted = mounts(1)
    return {path: look_at(path) | {"mount": mount_of(path, mounted)} for path in paths}


# Paths


def look_at(path: str, agent: Mapping[str, Any] | None = None) -> Facts:
    """Describe a path; where it is missing, what there is of it."""
    seen: Facts = {"exists": False}
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            seen |= {"link": os.readlink(path), "real": os.path.realpath(path)}
            status = os.stat(path)
    except OSError as error:
        seen["errno"] = error_name(error)
        if error.errno in {2, 20}:
            seen["parent"] = parent_of(path, agent)
        return seen
    seen |= {"exists": True, "type": KINDS.get(stat.S_IFMT(status.st_mode), "other")}
    seen |= {"uid": status.st_uid, "gid": status.st_gid, "mode": f"{status.st_mode & 0o7777:04o}"}
    if seen["type"] == "file":
        seen |= {"size": status.st_size, **kind_of(path)}
    if seen["type"] == "directory":
        seen["empty"] = is_empty(path)
    return seen | (access(path, agent) if agent else {})


def parent_of(path: str, agent: Mapping[str, Any] | None) -> Facts | None:
    """Describe the nearest folder above that is there."""
    above = os.path.dirname(path.rstrip("/"))
    while above and not os.path.lexists(above) and above != "/":
        above = os.path.dirname(above)
    if not above:
        return None
    try:
        status = os.stat(above)
    except OSError:
        return None
    seen = {"path": above, "uid": status.st_uid, "gid": status.st_gid}
    seen["mode"] = f"{status.st_mode & 0o7777:04o}"
    return seen | (access(above, agent) if agent else {})


def access(path: str, agent: Mapping[str, Any]) -> Facts:
    """Ask the kernel what the agent may do there; nothing is tried."""
    groups = os.getgroups()
    os.setgroups(agent["groups"])
    os.setegid(agent["gid"])
    os.seteuid(agent["uid"])
    try:
        return {
            word: os.access(path, flag, effective_ids=True)
            for word, flag in (
                ("readable", os.R_OK), ("writable", os.W_OK), ("executable", os.X_OK)
            )
        }  # fmt: skip
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def is_empty(path: str) -> bool | None:
    """Tell whether a folder holds nothing; None where that cannot be read."""
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is None
    except OSError:
        return None


def mounts(pid: int) -> list[Facts]:
    """List what is mounted, as a process sees it."""
    listed = []
    for line in read(f"/proc/{pid}/mountinfo", 2**20).splitlines():
        left, _, right = line.partition(" - ")
        ours, theirs = left.split(), right.split()
        if len(ours) > 5 and len(theirs) > 1:  # noqa: PLR2004 - see proc(5)
            listed.append(
                {
                    "point": unescape(ours[4]),
                    "root": unescape(ours[3]),
                    "options": ours[5],
                    "fstype": theirs[0],
                    "source": unescape(theirs[1]),
                    "read_only": "ro" in ours[5].split(","),
                }
            )
    return listed


def unescape(text: str) -> str:
    """Read a field of /proc's, in which a space is written as \\040."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def mount_of(path: str, mounted: list[Facts]) -> Facts | None:
    """Find what a path is on: the last mounted of the deepest points above it."""
    real, best = os.path.realpath(path), None
    for mount in mounted:
        point = mount["point"].rstrip("/")
        inside_it = real == point or real.startswith(point + "/")
        if inside_it and (best is None or len(mount["point"]) >= len(best["point"])):
            best = mount
    return best


# Files of the workspace


def read(path: str, limit: int = 65536) -> str:
    """Read the beginning of a plain file; nothing of anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        data = b""
        while len(data) < limit and (part := stream.read(PIECE)):
            data += part
    return data[:limit].decode("utf-8", "replace")


def is_blank(path: str) -> bool | None:
    """Tell whether a file holds nothing but blanks; None where there is no such file."""
    return not read(path).strip() if os.path.isfile(path) else None


def read_word(path: str) -> str | None:
    """Read a file of one short word; None where there is no such file."""
    return read(path, 64).strip()[:32] if os.path.isfile(path) else None


def records(path: str, fields: int) -> Iterator[list[str]]:
    """Yield the records of a file such as /etc/passwd."""
    for line in read(path, 2**20).splitlines():
        record = line.split(":")
        if len(record) >= fields:
            yield record


def identity(uid: int) -> Facts:
    """Say whose rights an exec as a number has: as the engine looks it up in the image."""
    found = next((one for one in records("/etc/passwd", 7) if one[2] == str(uid)), None)
    name, gid = (found[0], int(found[3])) if found else ("", 0)
    groups = [
        int(record[2])
        for record in records("/etc/group", 4)
        if name and name in record[3].split(",") and record[2].isdigit()
    ]
    return {"uid": uid, "name": name, "gid": gid, "groups": sorted({gid, *groups})}


def users(uid: int) -> Facts:
    """Tell who the agent's number is, and who else there is beside the system's own."""
    listed = [
        {"name": one[0], "uid": int(one[2]), "gid": one[3], "home": one[5], "shell": one[6]}
        for one in records("/etc/passwd", 7)
        if one[2].isdigit()
    ]
    agent = next((one for one in listed if one["uid"] == uid), None)
    others = [
        one
        for one in listed
        if one is not agent and (one["name"] == "agent" or int(str(one["uid"])) in PEOPLE)
    ]
    return {"home": agent["home"] if agent else None, "agent": agent, "others": others[:MANY]}


def find_command(name: str, folders: list[str], agent: Mapping[str, Any]) -> Facts | None:
    """Find a command along PATH, else where commands usually are; None where there is none."""
    for folder in dict.fromkeys([*folders, *FOLDERS]):
        path = os.path.join(folder, name)
        try:
            status = os.stat(path)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            return {
                "path": path,
                "real": os.path.realpath(path),
                "in_path": folder in folders,
                "uid": status.st_uid,
                "mode": f"{status.st_mode & 0o7777:04o}",
                "setuid": bool(status.st_mode & stat.S_ISUID),
                "executable": access(path, agent)["executable"],
                **kind_of(path),
            }
    return None


def kind_of(path: str) -> Facts:
    """Say what kind of program a file is."""
    head = read(path, 128)
    if head.startswith("\x7fELF"):
        return {"kind": "program"}
    if head.startswith("#!"):
        return {"kind": "script", "interpreter": head[2:].partition("\n")[0].strip(" \t")}
    return {"kind": "other"}


# Processes


def status_of(pid: int | str) -> dict[str, str]:
    """Read /proc/PID/status."""
    lines = (line.partition(":") for line in read(f"/proc/{pid}/status").splitlines())
    return {key: value.strip() for key, _, value in lines}


def pids() -> Iterator[int]:
    """Yield all processes."""
    return (int(name) for name in sorted(os.listdir("/proc"), key=len) if name.isdigit())


def of_workspace(init: int) -> list[int]:
    """List the workspace's processes: those in the control group of its first."""
    group = read(f"/proc/{init}/cgroup")
    return [pid for pid in pids() if read(f"/proc/{pid}/cgroup") == group]


def processes(init: int) -> Facts:
    """Tell who runs what in the workspace."""
    told = []
    for pid in of_workspace(init)[:MANY]:
        status = status_of(pid)
        if status.get("Uid"):
            uid = int(status["Uid"].split()[1])
            ppid, name = int(status["PPid"]), status["Name"]
            told.append({"pid": pid, "ppid": ppid, "uid": uid, "command": name})
    return {"init": init, "processes": told}


def namespaces(init: int) -> Facts:
    """Give the workspace's namespaces beside the host's."""
    own = {name: namespace(init, name) for name in NAMESPACES}
    host = {name: namespace(1, name) for name in NAMESPACES}
    shared = [name for name in NAMESPACES if own[name] and own[name] == host[name]]
    return {"workspace": own, "host": host, "shared": shared}


def namespace(pid: int, name: str) -> str | None:
    """Give a namespace's number; None where it may not be read."""
    try:
        return str(os.stat(f"/proc/{pid}/ns/{name}").st_ino)
    except OSError:
        return None


def capabilities(init: int) -> Facts:
    """Compare the workspace's capabilities with the host's."""
    own, host = status_of(init), status_of(1)
    return {
        "bounding": own.get("CapBnd"),
        "host": host.get("CapBnd"),
        "no_new_privileges": own.get("NoNewPrivs") == "1",
        "seccomp": own.get("Seccomp") not in (None, "0"),
    }


def listening(init: int) -> list[Facts]:
    """List the TCP ports that somebody listens on in the workspace's network."""
    found = {}
    for file in ("tcp", "tcp6"):
        for line in read(f"/proc/{init}/net/{file}", 2**20).splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == "0A":  # noqa: PLR2004 - see proc_net(5)
                address, _, port = fields[1].partition(":")
                found[fields[9]] = {
                    "address": readable(address),
                    "port": int(port, 16),
                    "uid": int(fields[7]),
                }
    owners = socket_owners(init, set(found)) if found else {}
    return [entry | owners.get(inode, {}) for inode, entry in found.items()][:MANY]


def readable(address: str) -> str:
    """Write an address of /proc/net/tcp the usual way; the kernel's words are the machine's."""
    raw = bytes.fromhex(address)
    if len(raw) == 4:  # noqa: PLR2004 - bytes of an IPv4 address
        return ".".join(map(str, reversed(raw)))
    if not any(raw):
        return "::"
    words = b"".join(raw[start : start + 4][::-1] for start in range(0, 16, 4))
    if words == bytes(15) + b"\1":
        return "::1"
    return ":".join(words[start : start + 2].hex() for start in range(0, 16, 2))


def socket_owners(init: int, inodes: set[str]) -> dict[str, Facts]:
    """Find the processes that hold sockets; the workspace's before others."""
    workspace = of_workspace(init)
    owners: dict[str, Facts] = {}
    for pid in dict.fromkeys([*workspace, *pids()]):
        if len(owners) == len(inodes):
            break
        for inode in sockets_of(pid) & inodes - owners.keys():
            command = status_of(pid).get("Name", "")
            owners[inode] = {"pid": pid, "program": command, "in_workspace": pid in workspace}
    return owners


def sockets_of(pid: int) -> set[str]:
    """List a process's sockets."""
    held = set()
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{entry}")
            if target.startswith("socket:["):
                held.add(target[8:-1])
    except OSError:
        return held  # It has ended meanwhile.
    return held


def error_name(error: OSError) -> str:
    """Name the few errors that a path gives."""
    return ERRORS.get(error.errno or 0, f"errno {error.errno}")


ERRORS = {2: "ENOENT", 13: "EACCES", 20: "ENOTDIR", 40: "ELOOP", 36: "ENAMETOOLONG", 5: "EIO"}
LOOKS: Mapping[str, Callable[[int], Any]] = {
    "processes": processes,
    "namespaces": namespaces,
    "capabilities": capabilities,
    "listening": listening,
}

if __name__ == "__main__":
    main()
