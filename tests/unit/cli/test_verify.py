"""What a signed attestation proves, and of what; whatever else it is proves nothing."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hardgate.attest.dsse import read_signer, sign_statement
from hardgate.attest.statement import Statement, encode_statement, read_statement
from hardgate.cli.main import main
from hardgate.errors import ExitCode

IMAGE, CONTENT, CONTRACT = "1" * 64, "2" * 64, "3" * 64
GREEN = Statement(
    session="validate",
    exit_code=ExitCode.HELD,
    content=CONTENT,
    image=IMAGE,
    contract=CONTRACT,
    contract_name="t4.yaml",
    passed=("contract", "static", "t4"),
)
RED = replace(GREEN, exit_code=ExitCode.BROKEN, passed=("contract",), failed=("t4",))


@pytest.fixture(scope="module")
def keys() -> tuple[bytes, bytes]:
    """Make a private and a public key."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem, public


def verify(
    folder: Path, keys: tuple[bytes, bytes], statement: bytes, *words: str, change: Any = None
) -> int:
    envelope = json.loads(sign_statement(statement, read_signer(keys[0])))
    if change:
        change(envelope)
    (folder / "attestation.json").write_text(json.dumps(envelope))
    (folder / "key.pub").write_bytes(keys[1])
    return main(
        ["verify", str(folder / "attestation.json"), "--key", str(folder / "key.pub"), *words]
    )


def test_a_statement_reads_as_it_was_written() -> None:
    for statement in (GREEN, RED, replace(GREEN, image="", contract="", annotations={"a": "b"})):
        assert read_statement(encode_statement(statement)) == statement


PROVED: Mapping[str, tuple[Statement, tuple[str, ...], int]] = {
    "a green one": (GREEN, (), 0),
    "of this image": (GREEN, ("--image", f"sha256:{IMAGE}"), 0),
    "by this contract": (GREEN, ("--contract-sha256", CONTRACT), 0),
    "of another image": (GREEN, ("--image", f"sha256:{CONTENT}"), 1),
    "by another contract": (GREEN, ("--contract-sha256", IMAGE), 1),
    "of no image, where one is asked for": (
        replace(GREEN, image=""),
        ("--image", f"sha256:{IMAGE}"),
        1,
    ),
    "a red one": (RED, (), 1),
    "an unknown one": (replace(RED, exit_code=ExitCode.UNKNOWN), (), 3),
    "an interrupted one": (replace(RED, exit_code=ExitCode.TERMINATED), (), 3),
    "one session's own": (replace(GREEN, session="t4"), (), 1),
}


@pytest.mark.parametrize("name", PROVED)
def test_what_is_proved_is_what_is_asked_for(
    tmp_path: Path, keys: tuple[bytes, bytes], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    statement, words, code = PROVED[name]
    assert verify(tmp_path, keys, encode_statement(statement), *words) == code
    assert capsys.readouterr().out.strip().endswith(f"(exit {code})")


def repack(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], None]:
    """Change what is in the envelope, and leave its signature."""

    def apply(envelope: dict[str, Any]) -> None:
        payload = json.loads(base64.b64decode(envelope["payload"]))
        change(payload)
        envelope["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()

    return apply


FORGED: Mapping[str, Callable[[dict[str, Any]], object]] = {
    "another image": repack(lambda p: p["subject"][1]["digest"].update(sha256=CONTENT)),
    "another result": repack(lambda p: p["predicate"].update(result="FAILED")),
    "no signature": lambda envelope: envelope.update(signatures=[]),
    "another type": lambda envelope: envelope.update(payloadType="text/plain"),
    "a broken signature": lambda envelope: envelope["signatures"][0].update(sig="AAAA"),
    "no payload": lambda envelope: envelope.pop("payload"),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_was_changed_after_the_signature_proves_nothing(
    tmp_path: Path, keys: tuple[bytes, bytes], name: str
) -> None:
    assert verify(tmp_path, keys, encode_statement(GREEN), change=FORGED[name]) == 1


def test_another_key_proves_nothing(tmp_path: Path, keys: tuple[bytes, bytes]) -> None:
    other = Ed25519PrivateKey.generate().public_key()
    public = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert verify(tmp_path, (keys[0], public), encode_statement(GREEN)) == 1


CONTRADICTIONS: Mapping[str, Callable[[dict[str, Any]], object]] = {
    "passed, and exit 1": lambda s: s["predicate"]["configuration"][0]["annotations"].update(
        {"hardgate.exit_code": "1"}
    ),
    "passed, and one failed": lambda s: s["predicate"].update(failedTests=["t4"]),
    "two images": lambda s: s["subject"].append(s["subject"][1]),
    "no sha256": lambda s: s["subject"][1]["digest"].update(sha256="1"),
    "another predicate": lambda s: s.update(predicateType="https://example.org/x"),
    "no predicate": lambda s: s.pop("predicate"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_signed_contradiction_proves_nothing(
    tmp_path: Path, keys: tuple[bytes, bytes], name: str
) -> None:
    statement = json.loads(encode_statement(GREEN))
    CONTRADICTIONS[name](statement)
    assert verify(tmp_path, keys, json.dumps(statement).encode()) == 1


def test_a_key_that_is_none_is_a_wrong_command(tmp_path: Path, keys: tuple[bytes, bytes]) -> None:
    assert verify(tmp_path, (keys[0], b"no key"), encode_statement(GREEN)) == 2
    assert main(["verify", str(tmp_path / "gone"), "--key", str(tmp_path / "gone")]) == 2


def test_validate_signs_its_word_and_verify_reads_it(
    tmp_path: Path, keys: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a template without any answers: red, signed, and told as red."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "key.pub").write_bytes(keys[1])
    monkeypatch.setenv("HARDGATE_SIGN_KEY", keys[0].decode())
    assert main(["validate", "--out", "out"]) == 1
    attestation = tmp_path / "out" / "attestation.json"
    assert main(["verify", str(attestation), "--key", "key.pub"]) == 1
    read = read_statement(base64.b64decode(json.loads(attestation.read_text())["payload"]))
    assert (read.session, read.exit_code) == ("validate", ExitCode.BROKEN)
    assert read.content
    assert "static" in read.failed
    stated = read_statement((tmp_path / "out" / "statement.json").read_bytes())
    assert (stated.content, stated.failed) == (read.content, read.failed)
