"""No byte that a run prints or leaves holds the workspace's token, however a probe leaks it."""

import base64
import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.integration.conftest import Gate

TOKEN = f"wk/{secrets.token_urlsafe(24)}+{secrets.token_urlsafe(8)}=="
LEAKS = {
    "plain": "cat /configs/.auth_token; exit 1",
    "base64": "base64 /configs/.auth_token >&2; exit 1",
    "folded": "fold -w 11 /configs/.auth_token >&2; exit 1",
    "traced": 't=$(cat /configs/.auth_token); [ "$t" = x ]',
    "header": (
        'curl -fs -H "Authorization: Bearer $(cat /configs/.auth_token)" '
        "http://127.0.0.1:1/ >/dev/null 2>&1"
    ),
}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Build context of an image whose token is known to this test alone."""
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "Dockerfile").write_text(
        "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n"
        'CMD ["sh", "-c", "umask 077; printf %s \\"$THE_SECRET\\" > /configs/.auth_token; '
        'echo started with $THE_SECRET; exec sleep infinity"]\nHEALTHCHECK NONE\n'
    )
    return folder


def test_a_leaked_token_is_in_no_byte_of_a_run(
    gate: Gate, reference_tag: str, image: Path, make_contract: Callable[..., Path]
) -> None:
    ended = gate(
        *("--context", str(image), "--build-arg", f"BASE_IMAGE={reference_tag}"),
        *("--contract", str(make_contract(LEAKS)), "--env", f"THE_SECRET={TOKEN}"),
        *("--ready-timeout", "3", "-v"),
    )
    assert ended.names("fail") >= set(LEAKS)
    left = ended.output.encode() + b"".join(
        file.read_bytes() for file in ended.folder.rglob("*") if file.is_file()
    )
    assert b"started with" in left
    for form in (
        TOKEN,
        quote(TOKEN, safe=""),
        base64.b64encode(TOKEN.encode()).decode(),
        TOKEN[:20],
        TOKEN[-20:],
    ):
        assert form.encode() not in left
    joined = left.replace(b"\n", b"")
    assert TOKEN.encode() not in joined
