"""What dead runs left behind, and its removal: by label and owner, never by name or age alone."""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
from docker.errors import APIError, NotFound

from hardgate.ownership import RUN_LABEL, Owner

FOLDER_PREFIX = "hardgate-"
OWNER_FILE = "owner.json"


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
    (folder / OWNER_FILE).write_text(json.dumps(owner.labels))
    return folder


def remove_run_debris(client: docker.APIClient, run: str) -> tuple[str, ...]:
    """Remove all that one run made on an engine; give what was removed, a phrase each."""
    return tuple(_remove_labelled(client, lambda owner: owner.run == run))


def reap_debris(client: docker.APIClient) -> tuple[str, ...]:
    """Remove what dead runs left on an engine and in this machine's temporary folders."""
    removed = list(_remove_labelled(client, lambda owner: owner.is_dead()))
    return (*removed, *_remove_private_folders())


def _remove_labelled(client: docker.APIClient, condemned: Callable[[Owner], bool]) -> Iterator[str]:
    labelled = {"label": RUN_LABEL}
    for container in client.containers(all=True, filters=labelled):
        owner = Owner.from_labels(container.get("Labels") or {})
        if owner and condemned(owner) and _remove_labelled_container(client, container["Id"]):
            yield f"container {container['Names'][0].lstrip('/')} of run {owner.run}"
    for volume in client.volumes(filters=labelled)["Volumes"] or ():
        owner = Owner.from_labels(volume.get("Labels") or {})
        if owner and condemned(owner) and _remove_labelled_volume(client, volume["Name"]):
            yield f"volume {volume['Name']} of run {owner.run}"
    for network in client.networks(filters=labelled):
        owner = Owner.from_labels(network.get("Labels") or {})
        if owner and condemned(owner):
            with contextlib.suppress(NotFound):
                client.remove_network(network["Id"])
                yield f"network {network['Name']} of run {owner.run}"


def _remove_labelled_container(client: docker.APIClient, container: str) -> bool:
    try:
        client.remove_container(container, v=True, force=True)
    except NotFound:
        return False
    except APIError as error:
        # 409: it is being removed already, by its own AutoRemove or by another reaper.
        if error.status_code != 409:  # noqa: PLR2004
            raise
        return False
    return True


def _remove_labelled_volume(client: docker.APIClient, volume: str) -> bool:
    with contextlib.suppress(NotFound):
        client.remove_volume(volume, force=True)
        return True
    return False


def _remove_private_folders() -> Iterator[str]:
    for base in {tempfile.gettempdir(), "/tmp"}:  # noqa: S108
        for marker in Path(base).glob(f"{FOLDER_PREFIX}*/{OWNER_FILE}"):
            folder = marker.parent
            with contextlib.suppress(OSError, ValueError):
                owner = Owner.from_labels(json.loads(marker.read_text()))
                if owner and owner.process.is_gone():
                    shutil.rmtree(folder)
                    yield f"folder {folder} of run {owner.run}"
