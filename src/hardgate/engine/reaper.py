"""What dead runs left behind, and its removal: by label and owner, never by name or age alone."""

import contextlib
import json
import os
import pwd
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, NotFound

from hardgate.system.ownership import OWNER_LABEL, RUN_LABEL, Owner

MISSING_OR_BUSY_STATUSES = frozenset({404, 409})
"""The engine's answers for what is gone, what is being removed by another reaper or by its own
AutoRemove, and for a volume that somebody's container uses."""
FOLDER_PREFIX = "hardgate-"
GATE_FOLDER_PREFIX = "hardgate-gate."
"""In a user's home, made by the role remote_gate."""
OWNER_FILE = "owner.json"
MAX_OWNER_CHARS = 4096
CONTAINERS_AT_ONCE = 4
EMPTY_SECONDS = 3600.0
"""Age from which a folder without a word of its owner is a dead run's."""


def make_private_folder(owner: Owner) -> Path:
    """Make a run's private folder (0700) and say in it whose it is.

    It lies under the system's temporary folder; under /tmp where that is too long a path for the
    Unix sockets in it.
    """
    base = tempfile.gettempdir()
    longest = 60
    folder = Path(
        tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=base if len(base) < longest else "/tmp")  # noqa: S108
    )
    try:
        (folder / OWNER_FILE).write_text(json.dumps(owner.labels))
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def remove_run_debris(client: docker.APIClient, run: str) -> tuple[str, ...]:
    """Remove all that one run made on an engine; give what was removed, a phrase each."""
    return tuple(_remove_labelled(client, lambda owner: owner.run == run, _is_missing_or_busy))


def reap_debris(client: docker.APIClient) -> tuple[str, ...]:
    """Remove what dead runs left on an engine and in this machine's temporary folders.

    What the engine refuses to remove stays for the next time: it is somebody else's run that would
    fail for it.
    """
    is_debris = partial(_is_debris, client)
    removed = list(_remove_labelled(client, is_debris, _tolerate_all))
    return (*removed, *_remove_private_folders(), *remove_gate_folders(Owner.is_dead))


def _is_debris(client: docker.APIClient, owner: Owner) -> bool:
    """Tell whether a run is dead by this machine's clock and by the engine's.

    Either may be wrong by hours; a run of another machine is known by these clocks alone.
    """
    return owner.is_dead() and owner.is_dead(now=read_engine_clock(client))


def read_engine_clock(client: docker.APIClient) -> float:
    """Read the engine's Unix clock; this machine's where the engine does not give one."""
    written = str(client.info().get("SystemTime") or "")
    # Go writes nanoseconds, and Python reads microseconds.
    match = re.match(r"(.*:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)$", written)
    if not match:
        return time.time()
    return datetime.fromisoformat(match[1] + match[2].replace("Z", "+00:00")).timestamp()


def _remove_labelled(
    client: docker.APIClient,
    condemned: Callable[[Owner], bool],
    tolerated: Callable[[APIError], bool],
) -> Iterator[str]:
    """Remove containers first: they use the volumes and the networks."""
    labelled = {"label": RUN_LABEL}
    containers = [
        (container, owner)
        for container in client.containers(all=True, filters=labelled)
        if (owner := Owner.from_labels(container.get("Labels") or {})) is not None
        and condemned(owner)
        and not has_inherited_labels(client, container)
    ]
    removals = [
        partial(client.remove_container, container["Id"], v=True, force=True)
        for container, _ in containers
    ]
    # The engine waits for the end of each: a test host and a beacon end at the same time.
    with ThreadPoolExecutor(CONTAINERS_AT_ONCE) as workers:
        removed = workers.map(lambda remove: _try_to_remove(remove, tolerated), removals)
        for (container, owner), is_removed in zip(containers, removed, strict=True):
            if is_removed:
                yield f"container {container['Names'][0].lstrip('/')} of run {owner.run}"
    for volume in client.volumes(filters=labelled)["Volumes"] or ():
        owner = Owner.from_labels(volume.get("Labels") or {})
        if owner and condemned(owner):
            remove = partial(client.remove_volume, volume["Name"], force=True)
            if _try_to_remove(remove, tolerated):
                yield f"volume {volume['Name']} of run {owner.run}"
    for network in client.networks(filters=labelled):
        owner = Owner.from_labels(network.get("Labels") or {})
        if owner and condemned(owner):
            remove = partial(client.remove_network, network["Id"])
            if _try_to_remove(remove, tolerated):
                yield f"network {network['Name']} of run {owner.run}"


def has_inherited_labels(client: docker.APIClient, container: Mapping[str, Any]) -> bool:
    """Tell whether a container has its owner's label from its image, as every container of a
    `docker commit` of a workspace does: it is not the run's then.

    Where the image is gone, the run's own name tells: hardgate names every container after its run.
    """
    labels = container["Labels"]
    try:
        image = client.inspect_image(container["ImageID"])
    except NotFound:
        return not any(labels[RUN_LABEL] in name for name in container["Names"])
    of_image = (image.get("Config") or {}).get("Labels") or {}
    return bool(of_image.get(OWNER_LABEL) == labels[OWNER_LABEL])


def _is_missing_or_busy(error: APIError) -> bool:
    return error.status_code in MISSING_OR_BUSY_STATUSES


def _tolerate_all(error: APIError) -> bool:
    del error
    return True


def _try_to_remove(remove: Callable[[], object], tolerated: Callable[[APIError], bool]) -> bool:
    try:
        remove()
    except APIError as error:
        if not tolerated(error):
            raise
        return False
    return True


def read_owner_file(marker: Path, *, of_any_user: bool = False) -> str:
    """Read who owns a folder; ValueError for what no run of this user can have written.

    `of_any_user` is for root, who brings gates to the homes of others; nobody else may do so.

    Anybody may make such a folder in /tmp: a pipe there would be waited for, a link to a device
    would be read without end.
    """
    may_any = of_any_user and os.geteuid() == 0
    if marker.parent.is_symlink() or (not may_any and marker.parent.lstat().st_uid != os.geteuid()):
        raise ValueError("the folder is another user's")
    descriptor = os.open(marker, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, encoding="utf-8") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not a file")
        return file.read(MAX_OWNER_CHARS)


def _remove_private_folders() -> Iterator[str]:
    for base in {tempfile.gettempdir(), "/tmp"}:  # noqa: S108
        for marker in Path(base).glob(f"{FOLDER_PREFIX}*/{OWNER_FILE}"):
            folder = marker.parent
            with contextlib.suppress(OSError, ValueError):
                owner = Owner.from_labels(json.loads(read_owner_file(marker)))
                if owner and owner.process.is_gone():
                    shutil.rmtree(folder)
                    yield f"folder {folder} of run {owner.run}"
        yield from _remove_empty_folders(Path(base))


def remove_gate_folders(condemned: Callable[[Owner], bool]) -> Iterator[str]:
    """Remove folders that plays brought gates to, in the homes of this machine's users.

    Root sees those of all users, each user its own. Beside each lie its job's variables.
    """
    for home in {entry.pw_dir for entry in pwd.getpwall()}:
        for marker in Path(home).glob(f"{GATE_FOLDER_PREFIX}*/{OWNER_FILE}"):
            folder = marker.parent
            with contextlib.suppress(OSError, ValueError):
                owner = Owner.from_labels(json.loads(read_owner_file(marker, of_any_user=True)))
                if owner and condemned(owner):
                    shutil.rmtree(folder)
                    Path(f"/run/{folder.name}.env").unlink(missing_ok=True)
                    yield f"folder {folder} of run {owner.run}"


def _remove_empty_folders(base: Path) -> Iterator[str]:
    """Remove what a run made that was killed before it could write whose the folder is.

    Only what is empty, this user's, and older than any run needs for that.
    """
    for folder in base.glob(f"{FOLDER_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            old = time.time() - found.st_mtime > EMPTY_SECONDS
            if found.st_uid == os.geteuid() and old and stat.S_ISDIR(found.st_mode):
                folder.rmdir()  # refuses what is not empty
                yield f"empty folder {folder}"
