"""A test host that is up already, with the reference image: what the others are given."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hardgate.engine.client import find_engine

ROOT = Path(__file__).parents[2]
HARDGATE = (sys.executable, "-m", "hardgate")


@dataclass(frozen=True, kw_only=True)
class KeptHost:
    """The host, and how its engine is reached from here."""

    image: str
    folder: Path
    """Private, for files of the rows."""
    engine_url: str
    machine_urls: Mapping[str, str] = field(default_factory=dict)
    """Of engines in machines that are up, where a row needs them: see `stores`."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Give what a `docker` command here needs to speak to the host's engine."""
        return {**os.environ, "DOCKER_HOST": self.engine_url}


@contextmanager
def keep_host(folder: Path) -> Iterator[KeptHost]:
    """Leave a test host running, without its workspace, as long as the `with` lasts."""
    image = build_reference()
    out = folder / "kept"
    words = ["gate", "-q", "--keep", "--egress", "beacon", "--image", image, "--out", str(out)]
    subprocess.run([*HARDGATE, *words], check=True, stdout=subprocess.DEVNULL)
    run = json.loads((out / "summary.json").read_text())["id"]
    try:
        client = find_engine().open_client()
        process = client.inspect_container(f"hardgate-{run}")["State"]["Pid"]
        # The engine's own socket, and no relay: the others are to be as fast as they can be.
        url = f"unix:///proc/{process}/root/run/docker.sock"
        host = KeptHost(image=image, folder=folder, engine_url=url)
        remove = ["docker", "rm", "-fv", f"hardgate-{run}-workspace"]
        subprocess.run(remove, check=True, stdout=subprocess.DEVNULL, env=host.environment)
        yield host
    finally:
        subprocess.run([*HARDGATE, "reap", "--run", run], check=True, stdout=subprocess.DEVNULL)


def build_reference() -> str:
    """Build the reference image; give its digest."""
    words = [*HARDGATE, "build", "--context", str(ROOT / "image")]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
