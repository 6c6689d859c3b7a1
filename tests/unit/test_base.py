"""What a base is called, and how it is made of another image."""

from pathlib import Path

import pytest

from hardgate import base
from hardgate.base import dockerfile, machine_authorities
from hardgate.proxy import proxy_environment


def test_a_machine_without_authorities_of_its_own_has_the_plain_tag(tmp_path: Path) -> None:
    assert machine_authorities(tmp_path / "nowhere") == {}
    assert base._suffix({}) == ""


def test_other_authorities_are_another_base(tmp_path: Path) -> None:
    (tmp_path / "one.crt").write_bytes(b"1")
    (tmp_path / "readme.txt").write_bytes(b"no certificate")
    first = machine_authorities(tmp_path)
    assert first == {"one.crt": b"1"}
    (tmp_path / "one.crt").write_bytes(b"2")
    assert base._suffix(first) != base._suffix(machine_authorities(tmp_path))


def test_a_base_without_authorities_only_gets_its_labels() -> None:
    assert dockerfile("debian:trixie-slim", {"hardgate.base": "x"}, {}) == (
        'FROM debian:trixie-slim\nLABEL hardgate.base="x"\n'
    )


def test_authorities_are_copied_by_name_whatever_they_are_called() -> None:
    text = dockerfile("a", {}, {"my own.crt": b"", 'a"b.crt': b""})
    assert 'COPY ["my own.crt", "a\\"b.crt", "/usr/local/share/ca-certificates/"]' in text
    assert "\nRUN update-ca-certificates\n" in text


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, {}),
        ({"HTTP_PROXY": "http://p"}, {"http_proxy": "http://p", "HTTP_PROXY": "http://p"}),
        ({"no_proxy": "a,b"}, {"no_proxy": "a,b", "NO_PROXY": "a,b"}),
        ({"http_proxy": ""}, {}),
    ],
)
def test_a_proxy_is_given_under_both_spellings(
    environ: dict[str, str], expected: dict[str, str]
) -> None:
    assert proxy_environment(environ) == expected
