"""What a base is called, and how it is made of another image."""

from pathlib import Path

from hardgate.engine import base_image
from hardgate.engine.base_image import dockerfile, machine_authorities

CERTIFICATE = b"-----BEGIN CERTIFICATE-----\n"


def test_a_machine_without_authorities_of_its_own_has_the_plain_tag(tmp_path: Path) -> None:
    assert machine_authorities([tmp_path / "nowhere"]) == {}
    assert base_image._suffix({}) == ""


def test_other_authorities_are_another_base(tmp_path: Path) -> None:
    (tmp_path / "one.crt").write_bytes(CERTIFICATE + b"1")
    first = machine_authorities([tmp_path])
    (tmp_path / "one.crt").write_bytes(CERTIFICATE + b"2")
    assert base_image._suffix(first) != base_image._suffix(machine_authorities([tmp_path]))


def test_authorities_are_read_wherever_a_distribution_keeps_them(tmp_path: Path) -> None:
    debian, fedora = tmp_path / "debian", tmp_path / "fedora"
    (debian / "of us").mkdir(parents=True)
    fedora.mkdir()
    (debian / "of us" / "root.crt").write_bytes(CERTIFICATE)
    (debian / "readme.txt").write_bytes(b"no certificate")
    (debian / "binary.crt").write_bytes(b"\x30\x82")
    (fedora / "root.pem").write_bytes(CERTIFICATE)
    assert list(machine_authorities([debian, fedora])) == ["of us-root.crt", "root.crt"]


def test_a_base_without_authorities_only_gets_its_labels() -> None:
    assert dockerfile("debian:trixie-slim", {"hardgate.base": "x"}, {}) == (
        'FROM debian:trixie-slim\nLABEL hardgate.base="x"\n'
    )


def test_authorities_are_copied_by_name_whatever_they_are_called() -> None:
    text = dockerfile("a", {}, {"my own.crt": b"", 'a"b.crt': b""})
    assert 'COPY ["my own.crt", "a\\"b.crt", "/usr/local/share/ca-certificates/"]' in text
    assert "\nRUN update-ca-certificates\n" in text
