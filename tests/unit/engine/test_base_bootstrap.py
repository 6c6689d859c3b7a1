"""A base's root file system that is made while an engine is installed."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from hardgate.ansible.play import PlayInterruptedError
from hardgate.engine import base_bootstrap, base_image
from hardgate.engine.base_bootstrap import EarlyRoot, begin_bootstrap
from hardgate.errors import PlaybookError

Play = Callable[..., None]
SECONDS = 10.0


def replace_play(monkeypatch: pytest.MonkeyPatch, play: Play) -> None:
    monkeypatch.setattr(base_bootstrap, "run_playbook", play)


def write_root(_: str, values: Mapping[str, Any], **__: Any) -> None:
    Path(values["base_image_file"]).write_bytes(b"root")


def fail(*_: Any, **__: Any) -> None:
    raise PlaybookError("mmdebstrap never came.", "Look at APT.")


def test_what_was_begun_is_there_once_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_play(monkeypatch, write_root)
    with begin_bootstrap() as early:
        file = early.wait_for_file()
        assert file is not None
        assert file.read_bytes() == b"root"
    assert not file.exists()


def test_it_waits_for_a_program_that_another_play_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    replace_play(
        monkeypatch, lambda _, values, **__: seen.append(values["base_image_tool_seconds"])
    )
    with begin_bootstrap() as early:
        early.wait_for_file()
    base_bootstrap.bootstrap_root(Path("base.tar"))
    assert seen == [base_bootstrap.TOOL_SECONDS, 0]


def test_what_is_not_needed_any_more_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def wait_for_interrupt(*_: Any, interrupt: Callable[[], bool], **__: Any) -> None:
        begun.set()
        deadline = time.monotonic() + SECONDS
        while not interrupt():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        raise PlayInterruptedError("Play 'base.yml' was broken off: it was interrupted.")

    replace_play(monkeypatch, wait_for_interrupt)
    with begin_bootstrap() as early:
        assert begun.wait(SECONDS)
        assert not early.made.done()
    assert isinstance(early.made.exception(), PlayInterruptedError)


def test_trouble_of_the_one_in_the_with_ends_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_play(monkeypatch, fail)
    with pytest.raises(KeyError), begin_bootstrap() as early:
        raise KeyError
    assert early.made.done()


class ImportingClient:
    """An engine that takes root file systems."""

    def __init__(self) -> None:
        self.imported: list[bytes] = []

    def import_image_from_data(self, data: Any, **_: Any) -> None:
        self.imported.append(b"".join(data))


@pytest.mark.parametrize(("early_play", "imported"), [(write_root, b"root"), (fail, b"late")])
def test_one_that_could_not_be_made_early_is_made_now(
    early_play: Play, imported: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ImportingClient()
    said: list[str] = []
    monkeypatch.setattr(base_image, "bootstrap_root", lambda file: file.write_bytes(b"late"))
    replace_play(monkeypatch, early_play)
    with begin_bootstrap() as early:
        base_image.import_bootstrapped_base(
            cast("docker.APIClient", client), "hardgate/base:x", early, said.append
        )
    assert client.imported == [imported]
    assert bool(said) is (imported == b"late")


def test_trouble_that_is_no_plays_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise OSError("No space left on device")

    replace_play(monkeypatch, crash)
    with begin_bootstrap() as early, pytest.raises(OSError, match="No space left"):
        EarlyRoot(file=early.file, made=early.made).wait_for_file()
