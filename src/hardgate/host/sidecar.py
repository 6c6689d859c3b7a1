"""A helper of ours beside the test host, on the caller's engine: a server that the run needs."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence

import docker
from docker.errors import APIError

from hardgate.engine.exec_stream import ExecStream
from hardgate.errors import HostError
from hardgate.host.test_host import ROLE_LABEL
from hardgate.system.ownership import Owner

LISTENING_LINE = b"listening\n"
LISTEN_SECONDS = 30.0
MAX_TOLD_BYTES = 4096


def name_sidecar(owner: Owner, role: str) -> str:
    """Name a run's container of this role."""
    return f"hardgate-{owner.run}-{role}"


def start_sidecar(
    client: docker.APIClient,
    image: str,
    owner: Owner,
    role: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    make_input: Callable[[str], bytes] | None = None,
) -> str:
    """Start one, and give its address; it goes with the run, by its labels.

    `make_input` gives the lines that it reads on its standard input, from its address. It reads
    them up to an empty one, and says on standard output that it listens.
    """
    created = str(
        client.create_container(
            image,
            list(command),
            name=name_sidecar(owner, role),
            labels=owner.labels | {ROLE_LABEL: role},
            environment=dict(environment or {}),
            stdin_open=make_input is not None,
            host_config=client.create_host_config(auto_remove=True, mem_limit="64m", pids_limit=32),
        )["Id"]
    )
    try:
        wanted = {"stdin": 1, "stdout": 1, "stream": 1}
        attached = client.attach_socket(created, params=wanted) if make_input else None
        client.start(created)
        networks: Mapping[str, Mapping[str, str]] = client.inspect_container(created)[
            "NetworkSettings"
        ]["Networks"]
    except APIError as error:
        raise HostError(
            f"The run's own {role} could not be started.", evidence=str(error.explanation or error)
        ) from error
    address = next((net["IPAddress"] for net in networks.values() if net["IPAddress"]), "")
    if not address:
        raise HostError(
            f"The run's own {role} has no address.", "Is there a default bridge network?"
        )
    if make_input and attached:
        with contextlib.closing(ExecStream("", attached)) as stream:
            stream.send_input(make_input(address) + b"\n")
            _await_listening(stream, role)
    return address


def _await_listening(stream: ExecStream, role: str) -> None:
    told = b""
    with contextlib.suppress(OSError):
        for _, data in stream.read_frames(time.monotonic() + LISTEN_SECONDS):
            told = (told + data)[-MAX_TOLD_BYTES:]
            if LISTENING_LINE in told:
                return
    raise HostError(
        f"The run's own {role} does not listen.", evidence=told.decode(errors="replace")
    )
