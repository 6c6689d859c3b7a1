"""A container that may do nothing: no network, no capabilities, nothing of the host."""

import io
import secrets
import shutil
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException, NotFound
from docker.types import LogConfig

from hardgate.engine import watchdog
from hardgate.engine.client import Engine
from hardgate.engine.exec import ENGINE_ERRORS, engine_error_text, execute_in_container
from hardgate.engine.reaper import make_private_folder, reap_debris, remove_run_debris
from hardgate.errors import HardgateError
from hardgate.model.observation import Execution
from hardgate.system.interruption import defer_signals
from hardgate.system.ownership import Owner, ProcessIdentity

LIFE_SECONDS = 2 * 3600
MAX_PROCESSES = 512
MAX_READ_BYTES = 16 * 2**20
"""Bytes that are read of a file in the container."""
_HOLD_SCRIPT = "while :; do sleep 60; done"


@dataclass(frozen=True, kw_only=True)
class SealedContainer:
    """One that runs, with nothing in it but what keeps it."""

    client: docker.APIClient
    id: str

    def put_archive(self, archive: Path) -> None:
        """Unpack a tar archive at the container's root."""
        with archive.open("rb") as stream:
            self.client.put_archive(self.id, "/", stream)

    def execute(
        self, command: Sequence[str], *, environment: Mapping[str, str], timeout: float
    ) -> Execution:
        """Run a command as the container's user; over `timeout` (seconds) the container ends."""
        return execute_in_container(
            self.client,
            self.id,
            command,
            timeout=timeout,
            environment=environment,
            end_process=lambda _: self._kill(),
        )

    def read_file(self, path: str) -> bytes | None:
        """Read a file; None where there is no plain one of at most MAX_READ_BYTES."""
        try:
            chunks, _ = self.client.get_archive(self.id, path)
        except NotFound:
            return None
        packed = b""
        for chunk in chunks:
            packed += chunk
            if len(packed) > MAX_READ_BYTES:
                return None
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            entry = archive.next()
            file = archive.extractfile(entry) if entry is not None and entry.isfile() else None
            return file.read() if file else None

    def _kill(self) -> None:
        with suppress(DockerException):
            self.client.kill(self.id)


@contextmanager
def open_sealed_container(engine: Engine, image: str, user: str) -> Iterator[SealedContainer]:
    """Start a container of an image, as `user`, for the length of a `with`.

    Its entrypoint does not run. Raises HardgateError where the engine cannot start it: an image
    without a shell, say.
    """
    owner = Owner(
        run=secrets.token_hex(4),
        process=ProcessIdentity.of_current_process(),
        deadline=int(time.time()) + LIFE_SECONDS,
    )
    client = engine.open_client()
    folder = make_private_folder(owner)
    warden = watchdog.start_watchdog(folder, owner.run, engine.url)
    try:
        reap_debris(client)
        yield SealedContainer(client=client, id=_start(client, image, user, owner))
    finally:
        with defer_signals():
            removed = _take_down(client, owner, folder)
            warden.stdin.close()  # type: ignore[union-attr]  # it was opened as a pipe
            if removed:
                warden.wait()


def _start(client: docker.APIClient, image: str, user: str, owner: Owner) -> str:
    settings = client.create_host_config(
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        pids_limit=MAX_PROCESSES,
        log_config=LogConfig(type="none"),
    )
    try:
        created = client.create_container(
            image,
            entrypoint=["sh", "-c", _HOLD_SCRIPT],
            name=f"hardgate-{owner.run}-sealed",
            labels=owner.labels,
            user=user,
            healthcheck={"Test": ["NONE"]},
            host_config=settings,
        )
        client.start(created["Id"])
    except ENGINE_ERRORS as error:
        raise HardgateError(
            "The engine could not start a container of the image.",
            "It is held by 'sh' and 'sleep': has the image both?",
            evidence=engine_error_text(error),
        ) from error
    return str(created["Id"])


def _take_down(client: docker.APIClient, owner: Owner, folder: Path) -> bool:
    """Remove container and folder; False where the engine does not answer: the watchdog goes on."""
    try:
        remove_run_debris(client, owner.run)
    except ENGINE_ERRORS:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return True
