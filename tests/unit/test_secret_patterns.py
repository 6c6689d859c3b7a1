"""Shapes that output is cleared of: every measured kind, in every form, and no digest."""

import time

import pytest

from hardgate.secret_patterns import find_shapes
from tests.scanners.harmless import DIGESTS, LOCKS
from tests.scanners.shapes import BASE64, FORMS, SHAPES, draw


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", SHAPES)
def test_a_credential_is_found(kind: str, form: str) -> None:
    shape = SHAPES[kind]
    assert any(find_shapes(FORMS[form](shape.variable, shape.make())))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["AWS secret", "Azure storage"])
def test_a_key_that_begins_as_a_path_does_is_found(kind: str, form: str) -> None:
    """One of 64 does."""
    value = {"AWS secret": "/" + draw(BASE64, 37) + "A1", "Azure storage": ""}[kind]
    value = value or f"AccountName=x;AccountKey=/{draw(BASE64, 83)}A1==;"
    assert any(find_shapes(FORMS[form](SHAPES[kind].variable, value)))


@pytest.mark.parametrize(
    "line",
    [
        "token: /var/lib/hardgate/runner/secrets/1/A",
        "SECRET=/run/secrets/Agent1/token",
        "api_key: /" + "a" * 39,
    ],
)
def test_a_path_is_not_taken_for_a_key(line: str) -> None:
    assert not list(find_shapes(line))


def test_no_digest_and_no_line_of_a_lock_is_found() -> None:
    lines = [make() for make in (*DIGESTS, *LOCKS)]
    assert [line for line in lines if any(find_shapes(line))] == []


TEXTS = {
    "a quote without an end": "secret:" + '"' + "a" * 1_000_000,
    "many names": 'token:"' * 150_000,
    "many dots": "M" + "a." * 500_000,
    "any digits": draw("0123456789abcdef.", 1_000_000),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_the_time_grows_with_the_text_alone(kind: str) -> None:
    begun = time.process_time()
    list(find_shapes(TEXTS[kind]))
    assert time.process_time() - begun < 20
