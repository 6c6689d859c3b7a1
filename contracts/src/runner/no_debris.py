import http.client
import json
import os
import re
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from contracts.src.shared.engine_api import ask_engine

DAY = 86400
LABELS = "hardgate.run", "hardgate.owner", "hardgate.deadline"


def read_engine(path):
    return json.loads(ask_engine("GET", path))


def has_ended(owner):
    """None where that cannot be seen from here, as the reaper has it."""
    boot, space, pid, started = (owner.split("/") + [""] * 4)[:4]
    if boot != Path("/proc/sys/kernel/random/boot_id").read_text().strip():
        return None
    if space != str(os.stat("/proc/self/ns/pid").st_ino):
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return True
    return fields[0] in "ZX" or fields[19] != started


def why_dead(labels):
    run, owner, deadline = (labels.get(label) or "" for label in LABELS)
    if not (run and owner and deadline.isdigit()):
        return ""
    if time.time() > int(deadline):
        return f"of run {run}, whose time is over"
    if labels.get("hardgate.keep") != "true" and has_ended(owner):
        return f"of run {run}, whose gate has ended"
    return ""


def age(told):
    plain = re.sub(r"\.\d+|Z$", "", told)
    then = datetime.strptime(plain[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return time.time() - then.timestamp()


def debris():
    ours = "filters=%7B%22label%22%3A%5B%22hardgate.run%22%5D%7D"
    for one in read_engine(f"/containers/json?all=1&{ours}"):
        name = one["Names"][0].lstrip("/")
        if why := why_dead(one["Labels"]):
            yield f"container '{name}' {why}"
        elif one["State"] == "exited":
            state = read_engine(f"/containers/{one['Id']}/json")["State"]
            if age(state["FinishedAt"]) > DAY:
                yield f"container '{name}', which ended more than a day ago"
    for one in read_engine(f"/volumes?{ours}")["Volumes"] or ():
        if why := why_dead(one["Labels"]):
            yield f"volume '{one['Name']}' {why}"
    for one in read_engine(f"/networks?{ours}"):
        if why := why_dead(one["Labels"]):
            yield f"network '{one['Name']}' {why}"


def of_registration(paths):
    """A draft, a copy or a token beside the files that belong there."""
    for path in map(Path, paths):
        for other in path.parent.iterdir() if path.parent.is_dir() else ():
            named = other.name.startswith((f"{path.name}.", ".hardgate-"))
            if str(other) not in paths and (named or "token" in other.name.lower()):
                yield f"'{other}'"


try:
    found = [*debris(), *of_registration(sys.argv[1:])]
except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
    sys.exit(f"What is left on this host cannot be looked at: {error}.")
if found:
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    sys.exit(f"Debris is left: {'; '.join(found[:3])}{more}.")
