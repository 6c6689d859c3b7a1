"""What a sealed container's end leaves to the watchdog."""

import time
from pathlib import Path
from typing import cast

import docker
import pytest
from docker.errors import DockerException

from hardgate.host import sealed_container
from hardgate.system.ownership import Owner, ProcessIdentity


def test_an_engine_that_is_away_is_left_to_the_watchdog_with_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_away(_client: docker.APIClient, _run: str) -> tuple[str, ...]:
        raise DockerException("no answer")

    monkeypatch.setattr(sealed_container, "remove_run_debris", be_away)
    process = ProcessIdentity.of_current_process()
    owner = Owner(run="x", process=process, deadline=int(time.time()) + 60)
    folder = tmp_path / "private"
    folder.mkdir()
    assert sealed_container._take_down(cast(docker.APIClient, None), owner, folder) is False
    assert folder.exists()
