"""A base is made on a real engine, and nothing that is the user's changes by it."""

import io
import lzma
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from hardgate.engine import base_image
from hardgate.engine.base_image import BASE_STEP, ensure_base
from hardgate.engine.client import Engine, find_engine
from hardgate.engine.image import find_image_digest
from hardgate.errors import UsageError
from hardgate.report.console import Console
from tests.integration.names import unique

pytestmark = pytest.mark.independent

OURS = unique("hardgate-test/own-base")
USERS = unique("hardgate-test/users")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Give the caller's engine; the bases made on it have a name of these tests, and go."""
    monkeypatch.setattr(base_image, "BASE_REPOSITORY", OURS)
    engine = find_engine()
    yield engine
    client = engine.open_client()
    for image in client.images():
        for name in image["RepoTags"] or ():
            if name.startswith((f"{OURS}:", f"{USERS}:")):
                client.remove_image(name)


def root(content: str) -> bytes:
    """Make a root file system that nothing can run in."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        member = tarfile.TarInfo("etc/content")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content.encode()))
    return written.getvalue()


def import_image(client: docker.APIClient, content: str, name: str) -> str:
    repository, _, tag = name.partition(":")
    client.import_image_from_data(root(content), repository=repository, tag=tag)
    return str(find_image_digest(client, name))


def test_a_root_file_system_is_taken_once_for_its_content(engine: Engine, tmp_path: Path) -> None:
    said: list[str] = []
    console = Console(io.StringIO())
    file = tmp_path / "a base.tar.xz"
    file.write_bytes(lzma.compress(root("one")))
    first = ensure_base(engine, file=file, report_progress=said.append, open_step=console.step)
    assert list(console.steps) == [BASE_STEP]
    assert "a root file system" in said[0]
    said.clear()
    copy = tmp_path / "copy"
    copy.write_bytes(file.read_bytes())
    again = Console(io.StringIO())
    tag = ensure_base(engine, file=copy, report_progress=said.append, open_step=again.step)
    assert tag == first
    assert list(again.steps) == []
    assert not [line for line in said if line.startswith("Taking")]
    assert engine.open_client().inspect_image(first)["Config"]["Labels"]["hardgate.base"] == "file"


def test_another_content_is_another_base(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "base.tar"
    file.write_bytes(root("one"))
    first = ensure_base(engine, file=file, report_progress=print)
    file.write_bytes(root("two"))
    assert ensure_base(engine, file=file, report_progress=print) != first


def test_a_saved_image_is_loaded_and_the_users_names_keep_their_meaning(
    engine: Engine, tmp_path: Path
) -> None:
    client, file = engine.open_client(), tmp_path / "saved.tar"
    saved = import_image(client, "saved", f"{USERS}:1")
    with file.open("wb") as stream:
        stream.writelines(client.get_image(f"{USERS}:1"))
    other = import_image(client, "other", f"{USERS}:1")
    tag = ensure_base(engine, file=file, report_progress=print)
    assert find_image_digest(client, tag) == saved
    assert find_image_digest(client, f"{USERS}:1") == other


def test_a_name_that_only_the_saved_image_has_does_not_stay(engine: Engine, tmp_path: Path) -> None:
    client, file = engine.open_client(), tmp_path / "saved.tar"
    saved = import_image(client, "gone", f"{USERS}:2")
    with file.open("wb") as stream:
        stream.writelines(client.get_image(f"{USERS}:2"))
    client.remove_image(f"{USERS}:2")
    assert find_image_digest(client, ensure_base(engine, file=file, report_progress=print)) == saved
    assert find_image_digest(client, f"{USERS}:2") is None


def test_a_file_that_is_no_base_is_refused_before_the_engine_sees_it(
    engine: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "words.tar"
    file.write_text("just words")
    with pytest.raises(UsageError, match="is not a base"):
        ensure_base(engine, file=file, report_progress=print)
