"""What a base is called, and how it is made of another image."""

from collections.abc import Callable
from pathlib import Path
from typing import Self, cast

import pytest

from hardgate.engine import base_image
from hardgate.engine.base_image import ensure_base, read_machine_authorities, render_base_dockerfile
from hardgate.engine.client import Engine

CERTIFICATE = b"-----BEGIN CERTIFICATE-----\n"


class Cached:
    """An engine that has every image already, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def open_client(self) -> Self:
        return self

    def inspect_image(self, name: str) -> dict[str, str]:
        self.asked.append(name)
        return {"Id": "sha256:1"}


@pytest.fixture
def tag_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], str]:
    """Give the base's tag on a machine whose own authority is of a content; empty for none."""

    def tag(content: str) -> str:
        if content:
            (tmp_path / "one.crt").write_bytes(CERTIFICATE + content.encode())
        authorities = read_machine_authorities([tmp_path])
        monkeypatch.setattr(base_image, "read_machine_authorities", lambda: authorities)
        engine = Cached()
        given = ensure_base(cast("Engine", engine), report_progress=print)
        assert engine.asked == [given]
        return given

    return tag


def test_a_machine_without_authorities_of_its_own_has_the_plain_tag(
    tag_with: Callable[[str], str], tmp_path: Path
) -> None:
    assert read_machine_authorities([tmp_path / "nowhere"]) == {}
    assert tag_with("") == "hardgate/base:trixie"


def test_other_authorities_are_another_base(tag_with: Callable[[str], str]) -> None:
    plain, first, second, again = map(tag_with, ("", "1", "2", "1"))
    assert len({plain, first, second}) == 3
    assert first == again
    assert first.startswith("hardgate/base:trixie-")


def test_authorities_are_read_wherever_a_distribution_keeps_them(tmp_path: Path) -> None:
    debian, fedora = tmp_path / "debian", tmp_path / "fedora"
    (debian / "of us").mkdir(parents=True)
    fedora.mkdir()
    (debian / "of us" / "root.crt").write_bytes(CERTIFICATE)
    (debian / "readme.txt").write_bytes(b"no certificate")
    (debian / "binary.crt").write_bytes(b"\x30\x82")
    (fedora / "root.pem").write_bytes(CERTIFICATE)
    assert list(read_machine_authorities([debian, fedora])) == ["of us-root.crt", "root.crt"]


def test_a_base_without_authorities_only_gets_its_labels() -> None:
    assert render_base_dockerfile("debian:trixie-slim", {"hardgate.base": "x"}, {}) == (
        'FROM debian:trixie-slim\nLABEL hardgate.base="x"\n'
    )


def test_authorities_are_copied_by_name_whatever_they_are_called() -> None:
    text = render_base_dockerfile("a", {}, {"my own.crt": b"", 'a"b.crt': b""})
    assert 'COPY ["my own.crt", "a\\"b.crt", "/usr/local/share/ca-certificates/"]' in text
    assert "\nRUN update-ca-certificates\n" in text
