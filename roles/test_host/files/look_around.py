"""Tells, from the host's side, what is around a probe that failed. JSON in, JSON out.

    look_around.py REQUEST

Nothing of the image is run, and nothing of it is imported: what has to be seen as the workspace
sees it is seen by a child of this process that has changed its root. `diagnose.surroundings` writes
the request and documents the answer.
"""

# The import of pathlib would be a third of this program's time.
# ruff: noqa: PTH113, PTH115, PTH116, PTH118, PTH119, PTH120, PTH123, PTH208

import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

InspectedFacts = dict[str, Any]

NAMESPACES = ("pid", "mnt", "net", "uts", "ipc", "user", "cgroup")
COMMAND_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
FILE_KINDS = {
    stat.S_IFDIR: "directory",
    stat.S_IFREG: "file",
    stat.S_IFLNK: "link",
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "character",
    stat.S_IFBLK: "block",
}
PERSON_UIDS = range(1000, 60000)
"""Numbers of users that are not the system's own."""
READ_BYTES = 16384
"""Bytes that are read at once; /proc gives less anyway, and a large buffer costs more than that."""
MAX_LISTED = 40
"""Entries of a list that are told."""


def main() -> None:
    """Answer one request."""
    request = json.loads(sys.argv[1])
    want, init = frozenset(request["want"]), int(request["init"])
    mounted = read_mounts(
        init
    )  # From inside, a PID namespace of its own does not know this number.
    answer = dict(run_in_root(f"/proc/{init}/root", lambda: inspect_workspace(request, mounted)))
    if request["image"] and "paths" in answer:
        masked = [path for path, facts in answer["paths"].items() if is_mounted_over(facts)]
        image = run_in_root(
            request["image"], lambda: {path: describe_path(path) for path in masked}
        )
        for path in masked:
            answer["paths"][path] |= describe_hidden(
                image.get(path), answer["paths"][path]["mount"]
            )
    if request["host_paths"]:
        answer["host_paths"] = run_in_root(
            "/proc/1/root", lambda: inspect_host_paths(request["host_paths"])
        )
    answer |= {name: INSPECTIONS[name](init) for name in INSPECTIONS if name in want}
    print(json.dumps(answer))


def is_mounted_over(facts: InspectedFacts) -> bool:
    """Tell whether something is mounted over what the image has there."""
    return facts["mount"] is not None and facts["mount"]["point"] != "/"


def describe_hidden(image: InspectedFacts | None, mount: InspectedFacts) -> InspectedFacts:
    """Say what the image has where something is mounted over it; null where nobody knows."""
    if image is None:
        return {"image": None, "in_image": None, "masked_by": None}
    masked = mount["point"] if image["exists"] else None
    return {"image": image, "in_image": image["exists"], "masked_by": masked}


def run_in_root(root: str, inspect: Callable[[], InspectedFacts]) -> InspectedFacts:
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
            facts = inspect()
        except (OSError, ValueError, LookupError) as error:
            facts = {"problem": f"{type(error).__name__}: {error}"}
        try:
            with os.fdopen(writer, "wb") as stream:
                stream.write(json.dumps(facts).encode("ascii"))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        output = stream.read()
    os.waitpid(child, 0)
    facts = json.loads(output) if output else {"problem": "It could not be looked at."}
    return dict(facts)


def inspect_workspace(request: Mapping[str, Any], mounted: list[InspectedFacts]) -> InspectedFacts:
    """See what the workspace sees: its paths, its commands, its users."""
    uid, want = int(request["uid"]), frozenset(request["want"])
    agent = look_up_identity(uid)
    facts: InspectedFacts = {
        "agent": agent,
        "paths": {
            path: describe_path(path, agent) | {"mount": find_mount(path, mounted)}
            for path in request["paths"]
        },
        "commands": {
            name: find_command(name, request["path"], agent) for name in request["commands"]
        },
    }
    if None in facts["commands"].values():
        facts["package_manager"] = find_package_manager()
    if "passwd" in want:
        facts["passwd"] = agent | list_users(uid)
    if "socket" in want:
        facts["socket"] = describe_path(request["socket"], agent) | {
            "path": request["socket"],
            "mount": find_mount(request["socket"], mounted),
        }
    if "token" in want:
        facts["token"] = describe_path(request["token"], agent) | {
            "blank": is_blank_file(request["token"])
        }
        facts["port"] = read_word(request["port"])
    return facts


def find_package_manager() -> str:
    """Name the program that installs packages in the workspace; empty where none is there."""
    folders = ("/usr/bin", "/sbin", "/usr/sbin", "/bin")
    for name in ("apt-get", "apk", "dnf", "microdnf", "yum", "zypper", "pacman"):
        if any(os.access(f"{folder}/{name}", os.F_OK) for folder in folders):
            return name
    return ""


def inspect_host_paths(paths: list[str]) -> InspectedFacts:
    """See what the host's own root has."""
    mounted = read_mounts(1)
    return {path: describe_path(path) | {"mount": find_mount(path, mounted)} for path in paths}


# Paths


def describe_path(path: str, agent: Mapping[str, Any] | None = None) -> InspectedFacts:
    """Describe a path; where it is missing, what there is of it."""
    facts: InspectedFacts = {"exists": False}
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            facts |= {"link": os.readlink(path), "real": os.path.realpath(path)}
            status = os.stat(path)
    except OSError as error:
        facts["errno"] = error_name(error)
        if error.errno in {2, 20}:
            facts["parent"] = describe_parent(path, agent)
        return facts
    facts |= {"exists": True, "type": FILE_KINDS.get(stat.S_IFMT(status.st_mode), "other")}
    facts |= {"uid": status.st_uid, "gid": status.st_gid, "mode": f"{status.st_mode & 0o7777:04o}"}
    if facts["type"] == "file":
        facts |= {"size": status.st_size, **detect_program_kind(path)}
    if facts["type"] == "directory":
        facts["empty"] = is_empty_folder(path)
    return facts | (read_access(path, agent) if agent else {})


def describe_parent(path: str, agent: Mapping[str, Any] | None) -> InspectedFacts | None:
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
    facts = {"path": above, "uid": status.st_uid, "gid": status.st_gid}
    facts["mode"] = f"{status.st_mode & 0o7777:04o}"
    return facts | (read_access(above, agent) if agent else {})


def read_access(path: str, agent: Mapping[str, Any]) -> InspectedFacts:
    """Ask the kernel what the agent may do there; nothing is tried."""
    groups = os.getgroups()
    os.setgroups(agent["groups"])
    os.setegid(agent["gid"])
    os.seteuid(agent["uid"])
    try:
        return {
            right: os.access(path, flag, effective_ids=True)
            for right, flag in (
                ("readable", os.R_OK), ("writable", os.W_OK), ("executable", os.X_OK)
            )
        }  # fmt: skip
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def is_empty_folder(path: str) -> bool | None:
    """Tell whether a folder holds nothing; None where that cannot be read."""
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is None
    except OSError:
        return None


def read_mounts(pid: int) -> list[InspectedFacts]:
    """List what is mounted, as a process sees it."""
    listed = []
    for line in read_plain_file(f"/proc/{pid}/mountinfo", 2**20).splitlines():
        left, _, right = line.partition(" - ")
        ours, theirs = left.split(), right.split()
        if len(ours) > 5 and len(theirs) > 1:  # noqa: PLR2004 - see proc(5)
            listed.append(
                {
                    "point": unescape_field(ours[4]),
                    "root": unescape_field(ours[3]),
                    "options": ours[5],
                    "fstype": theirs[0],
                    "source": unescape_field(theirs[1]),
                    "read_only": "ro" in ours[5].split(","),
                }
            )
    return listed


def unescape_field(text: str) -> str:
    """Read a field of /proc's, in which a space is written as \\040."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def find_mount(path: str, mounted: list[InspectedFacts]) -> InspectedFacts | None:
    """Find what a path is on: the last mounted of the deepest points above it."""
    real, best = os.path.realpath(path), None
    for mount in mounted:
        point = mount["point"].rstrip("/")
        inside_it = real == point or real.startswith(point + "/")
        if inside_it and (best is None or len(mount["point"]) >= len(best["point"])):
            best = mount
    return best


# Files of the workspace


def read_plain_file(path: str, limit: int = 65536) -> str:
    """Read the beginning of a plain file; nothing of anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        data = b""
        while len(data) < limit and (part := stream.read(READ_BYTES)):
            data += part
    return data[:limit].decode("utf-8", "replace")


def is_blank_file(path: str) -> bool | None:
    """Tell whether a file holds nothing but blanks; None where there is no such file."""
    return not read_plain_file(path).strip() if os.path.isfile(path) else None


def read_word(path: str) -> str | None:
    """Read a file of one short word; None where there is no such file."""
    return read_plain_file(path, 64).strip()[:32] if os.path.isfile(path) else None


def read_records(path: str, fields: int) -> Iterator[list[str]]:
    """Yield the records of a file such as /etc/passwd."""
    for line in read_plain_file(path, 2**20).splitlines():
        record = line.split(":")
        if len(record) >= fields:
            yield record


def look_up_identity(uid: int) -> InspectedFacts:
    """Say whose rights an exec as a number has: as the engine looks it up in the image."""
    found = next(
        (
            user_record
            for user_record in read_records("/etc/passwd", 7)
            if user_record[2] == str(uid)
        ),
        None,
    )
    name, gid = (found[0], int(found[3])) if found else ("", 0)
    groups = [
        int(record[2])
        for record in read_records("/etc/group", 4)
        if name and name in record[3].split(",") and record[2].isdigit()
    ]
    return {"uid": uid, "name": name, "gid": gid, "groups": sorted({gid, *groups})}


def list_users(uid: int) -> InspectedFacts:
    """Tell who the agent's number is, and who else there is beside the system's own."""
    listed = [
        {"name": user[0], "uid": int(user[2]), "gid": user[3], "home": user[5], "shell": user[6]}
        for user in read_records("/etc/passwd", 7)
        if user[2].isdigit()
    ]
    agent = next((one for one in listed if one["uid"] == uid), None)
    others = [
        one
        for one in listed
        if one is not agent and (one["name"] == "agent" or int(str(one["uid"])) in PERSON_UIDS)
    ]
    return {"home": agent["home"] if agent else None, "agent": agent, "others": others[:MAX_LISTED]}


def find_command(name: str, folders: list[str], agent: Mapping[str, Any]) -> InspectedFacts | None:
    """Find a command along PATH, else where commands usually are; None where there is none."""
    for folder in dict.fromkeys([*folders, *COMMAND_FOLDERS]):
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
                "executable": read_access(path, agent)["executable"],
                **detect_program_kind(path),
            }
    return None


def detect_program_kind(path: str) -> InspectedFacts:
    """Say what kind of program a file is."""
    head = read_plain_file(path, 128)
    if head.startswith("\x7fELF"):
        return {"kind": "program"}
    if head.startswith("#!"):
        return {"kind": "script", "interpreter": head[2:].partition("\n")[0].strip(" \t")}
    return {"kind": "other"}


# Processes


def read_process_status(pid: int | str) -> dict[str, str]:
    """Read /proc/PID/status."""
    lines = (line.partition(":") for line in read_plain_file(f"/proc/{pid}/status").splitlines())
    return {key: value.strip() for key, _, value in lines}


def list_pids() -> Iterator[int]:
    """Yield all processes."""
    return (int(name) for name in sorted(os.listdir("/proc"), key=len) if name.isdigit())


def list_workspace_pids(init: int) -> list[int]:
    """List the workspace's processes: those in the control group of its first, or below it."""
    group = read_plain_file(f"/proc/{init}/cgroup").splitlines()
    return [
        pid
        for pid in list_pids()
        if is_in_group(read_plain_file(f"/proc/{pid}/cgroup").splitlines(), group)
    ]


def is_in_group(lines: list[str], group: list[str]) -> bool:
    """Compare control groups as /proc tells them; what is below the root is not below a group."""
    return (
        bool(group)
        and len(lines) == len(group)
        and all(
            line == whole or (not whole.endswith("/") and line.startswith(f"{whole}/"))
            for line, whole in zip(lines, group, strict=True)
        )
    )


INIT_MARKS = {
    "tini": b"TINI_",
    "tini-static": b"TINI_",
    "docker-init": b"TINI_",
    "dumb-init": b"dumb-init",
    "catatonit": b"catatonit",
    "s6-svscan": b"s6-svscan",
    "s6-supervise": b"s6-supervise",
    "s6-fdholderd": b"s6-fdholderd",
    "s6-ipcserverd": b"s6-ipcserverd",
    "s6-linux-init-shutdownd": b"s6-linux-init-shutdownd",
}
"""Inits by their executable's name, and what stands in each of these."""
MAX_INIT_BYTES = 2**21
"""Inits are small; interpreters, which could be called so, are not."""


def is_known_init(pid: int) -> bool | None:
    """Tell an init by its executable; None where that cannot be read."""
    try:
        name = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
        if name not in INIT_MARKS:
            return False
        with open(f"/proc/{pid}/exe", "rb") as stream:
            content = stream.read(MAX_INIT_BYTES + 1)
    except OSError:
        return None
    is_program = content.startswith(b"\x7fELF") and len(content) <= MAX_INIT_BYTES
    return is_program and INIT_MARKS[name] in content


def list_workload(init: int) -> InspectedFacts:
    """Tell all who run in the workspace, which of them are inits, and who listens where."""
    ports: dict[int, set[int]] = {}
    for entry in find_listeners(init):
        if "pid" in entry:
            ports.setdefault(entry["pid"], set()).add(entry["port"])
    listed = []
    for pid in list_workspace_pids(init):
        status = read_process_status(pid)
        if status.get("Uid") and not status["State"].startswith(("Z", "X")):
            uids = status["Uid"].split()
            listed.append(
                {
                    "pid": pid,
                    "ppid": int(status["PPid"]),
                    # One that can become root again is root's.
                    "uid": 0 if "0" in uids[:3] else int(uids[1]),
                    "command": status["Name"],
                    "is_init": is_known_init(pid),
                    "listening": sorted(ports.get(pid, ())),
                }
            )
    return {"init": init, "processes": listed}


def list_processes(init: int) -> InspectedFacts:
    """Tell who runs what in the workspace."""
    listed = []
    for pid in list_workspace_pids(init)[:MAX_LISTED]:
        status = read_process_status(pid)
        if status.get("Uid"):
            uid = int(status["Uid"].split()[1])
            ppid, name = int(status["PPid"]), status["Name"]
            listed.append({"pid": pid, "ppid": ppid, "uid": uid, "command": name})
    return {"init": init, "processes": listed}


def read_namespaces(init: int) -> InspectedFacts:
    """Give the workspace's namespaces beside the host's."""
    own = {name: read_namespace(init, name) for name in NAMESPACES}
    host = {name: read_namespace(1, name) for name in NAMESPACES}
    shared = [name for name in NAMESPACES if own[name] and own[name] == host[name]]
    return {"workspace": own, "host": host, "shared": shared}


def read_namespace(pid: int, name: str) -> str | None:
    """Give a namespace's number; None where it may not be read."""
    try:
        return str(os.stat(f"/proc/{pid}/ns/{name}").st_ino)
    except OSError:
        return None


def compare_capabilities(init: int) -> InspectedFacts:
    """Compare the workspace's capabilities with the host's."""
    own, host = read_process_status(init), read_process_status(1)
    return {
        "bounding": own.get("CapBnd"),
        "host": host.get("CapBnd"),
        "no_new_privileges": own.get("NoNewPrivs") == "1",
        "seccomp": own.get("Seccomp") not in (None, "0"),
    }


def list_listeners(init: int) -> list[InspectedFacts]:
    """List some of the TCP ports that somebody listens on in the workspace's network."""
    return find_listeners(init)[:MAX_LISTED]


def find_listeners(init: int) -> list[InspectedFacts]:
    """Find the TCP ports that somebody listens on in the workspace's network."""
    found = {}
    for file in ("tcp", "tcp6"):
        for line in read_plain_file(f"/proc/{init}/net/{file}", 2**20).splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == "0A":  # noqa: PLR2004 - see proc_net(5)
                address, _, port = fields[1].partition(":")
                found[fields[9]] = {
                    "address": format_address(address),
                    "port": int(port, 16),
                    "uid": int(fields[7]),
                }
    owners = find_socket_owners(init, set(found)) if found else {}
    return [entry | owners.get(inode, {}) for inode, entry in found.items()]


def format_address(address: str) -> str:
    """Write an address of /proc/net/tcp the usual way; the kernel's words are the machine's."""
    raw = bytes.fromhex(address)
    if len(raw) == 4:  # noqa: PLR2004 - bytes of an IPv4 address
        return ".".join(map(str, reversed(raw)))
    if not any(raw):
        return "::"
    groups = b"".join(raw[start : start + 4][::-1] for start in range(0, 16, 4))
    if groups == bytes(15) + b"\1":
        return "::1"
    return ":".join(groups[start : start + 2].hex() for start in range(0, 16, 2))


def find_socket_owners(init: int, inodes: set[str]) -> dict[str, InspectedFacts]:
    """Find the processes that hold sockets; the workspace's before others."""
    workspace = list_workspace_pids(init)
    owners: dict[str, InspectedFacts] = {}
    for pid in dict.fromkeys([*workspace, *list_pids()]):
        if len(owners) == len(inodes):
            break
        for inode in list_sockets(pid) & inodes - owners.keys():
            command = read_process_status(pid).get("Name", "")
            owners[inode] = {"pid": pid, "program": command, "in_workspace": pid in workspace}
    return owners


def list_sockets(pid: int) -> set[str]:
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
    return ERROR_NAMES.get(error.errno or 0, f"errno {error.errno}")


ERROR_NAMES = {2: "ENOENT", 13: "EACCES", 20: "ENOTDIR", 40: "ELOOP", 36: "ENAMETOOLONG", 5: "EIO"}
INSPECTIONS: Mapping[str, Callable[[int], Any]] = {
    "processes": list_processes,
    "workload": list_workload,
    "namespaces": read_namespaces,
    "capabilities": compare_capabilities,
    "listening": list_listeners,
}

if __name__ == "__main__":
    main()
