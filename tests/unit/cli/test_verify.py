"""What a signed attestation proves, and of what; whatever else it is proves nothing."""

import base64
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hardgate.attest.dsse import MAX_ATTESTATION_BYTES, read_signer, sign_statement
from hardgate.attest.statement import Statement, encode_statement, read_statement
from hardgate.cli.main import main
from hardgate.errors import ExitCode
from hardgate.pipeline.session_result import SESSIONS

IMAGE, CONTENT, CONTRACT = "1" * 64, "2" * 64, "3" * 64
GREEN = Statement(
    session="validate",
    exit_code=ExitCode.HELD,
    content=CONTENT,
    image=IMAGE,
    contract=CONTRACT,
    contract_name="t4.yaml",
    passed=("contract", *SESSIONS),
)
RED = replace(GREEN, exit_code=ExitCode.BROKEN, passed=("contract",), failed=("t4",))
WITHOUT_T4 = tuple(name for name in GREEN.passed if name != "t4")


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
    for statement in (
        GREEN,
        RED,
        replace(GREEN, image="", contract="", warned=("x",), annotations={"a": "b"}),
    ):
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
    "one without a session": (replace(GREEN, passed=WITHOUT_T4), (), 1),
    "one that was allowed to miss it": (replace(GREEN, passed=WITHOUT_T4, warned=("t4",)), (), 1),
    "of nothing": (replace(GREEN, passed=()), (), 1),
    "of a digest in capitals": (GREEN, ("--image", f"SHA256:{IMAGE}"), 0),
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
    "a type that is not text": lambda envelope: envelope.update(payloadType=5),
    "a payload that is not text": lambda envelope: envelope.update(payload=5),
    "a signature that is not a mapping": lambda envelope: envelope.update(signatures=["x"]),
    "a signature twice": lambda envelope: envelope.update(signatures=envelope["signatures"] * 2),
    "another's signature alone": lambda envelope: envelope["signatures"][0].update(keyid="x"),
    "two signatures, none of the key's": lambda envelope: envelope.update(
        signatures=[{"keyid": "x", "sig": "AAAA"}, {"keyid": "y", "sig": "AAAA"}]
    ),
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
    "passed, and warned of the same": lambda s: s["predicate"].update(warnedTests=["t4"]),
    "a session that is not text": lambda s: s["predicate"].update(passedTests=[["t4"]]),
    "an exit code that is none": lambda s: s["predicate"]["configuration"][0]["annotations"].update(
        {"hardgate.exit_code": "0x0"}
    ),
    "two configurations": lambda s: s["predicate"].update(
        configuration=s["predicate"]["configuration"] * 2
    ),
    "another kind, which is not text": lambda s: s.update(_type=["x"], predicateType={}),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_signed_contradiction_proves_nothing(
    tmp_path: Path, keys: tuple[bytes, bytes], name: str
) -> None:
    statement = json.loads(encode_statement(GREEN))
    CONTRADICTIONS[name](statement)
    assert verify(tmp_path, keys, json.dumps(statement).encode()) == 1


def twice(statement: bytes, key: str) -> bytes:
    """Say the same key before what is there: most readers take the last."""
    return statement.replace(f'"{key}":'.encode(), f'"{key}": 0, "{key}":'.encode(), 1)


@pytest.mark.parametrize("key", ["digest", "result", "_type", "hardgate.exit_code"])
def test_a_key_that_stands_twice_in_what_is_signed_proves_nothing(
    tmp_path: Path, keys: tuple[bytes, bytes], key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(tmp_path, keys, twice(encode_statement(GREEN), key)) == 1
    assert "stands twice" in capsys.readouterr().out


NOT_ENVELOPES: Mapping[str, Callable[[bytes], bytes]] = {
    "a key twice": lambda data: twice(data, "payloadType"),
    "deep": lambda _: b"[" * 10**5,
    "a number": lambda _: b"5",
    "digits without end": lambda _: b"9" * 10**4,
    "more behind it": lambda data: data + b"{}",
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("name", NOT_ENVELOPES)
def test_what_is_no_envelope_proves_nothing(
    tmp_path: Path, keys: tuple[bytes, bytes], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    signed = sign_statement(encode_statement(GREEN), read_signer(keys[0]))
    (tmp_path / "attestation.json").write_bytes(NOT_ENVELOPES[name](signed))
    (tmp_path / "key.pub").write_bytes(keys[1])
    words = ["verify", str(tmp_path / "attestation.json"), "--key", str(tmp_path / "key.pub")]
    assert main(words) == 1
    assert "is not a DSSE envelope" in capsys.readouterr().out


def test_a_signature_of_somebody_else_beside_the_keys_own_takes_nothing_from_it(
    tmp_path: Path, keys: tuple[bytes, bytes]
) -> None:
    def add(envelope: dict[str, Any]) -> None:
        envelope["signatures"].insert(0, {"keyid": "another", "sig": "AAAA"})

    assert verify(tmp_path, keys, encode_statement(GREEN), change=add) == 0


EMPTY = {
    "an image that nobody set": ("--image", ""),
    "an image of blanks": ("--image", "  "),
    "a digest without digits": ("--image", "sha256:"),
    "a part of a digest": ("--image", "sha256:1111"),
    "a contract that nobody set": ("--contract-sha256", ""),
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_wish_is_a_wrong_command_and_no_wish_less(
    tmp_path: Path, keys: tuple[bytes, bytes], name: str
) -> None:
    """`--image "$IMAGE"` of a variable that nobody set; here of a statement without an image."""
    assert verify(tmp_path, keys, encode_statement(replace(GREEN, image="")), *EMPTY[name]) == 2


def make_other_keys() -> dict[str, tuple[bytes, bool]]:
    """Give public keys of each kind, and whether signatures can be checked by it here."""
    public: Mapping[str, Any] = {
        "RSA": rsa.generate_private_key(65537, 2048).public_key(),
        "ECDSA": ec.generate_private_key(ec.SECP256R1()).public_key(),
        "ECDSA on another curve": ec.generate_private_key(ec.SECP256K1()).public_key(),
        "X25519": X25519PrivateKey.generate().public_key(),
    }
    written = {
        name: key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for name, key in public.items()
    }
    ssh = Ed25519PrivateKey.generate().public_key()
    written["OpenSSH's form"] = ssh.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return {name: (pem, name in {"RSA", "ECDSA"}) for name, pem in written.items()}


def test_a_key_of_another_kind_proves_nothing_or_is_refused(
    tmp_path: Path, keys: tuple[bytes, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    for name, (public, is_known) in {**make_other_keys(), "private": (keys[0], False)}.items():
        code = verify(tmp_path, (keys[0], public), encode_statement(GREEN))
        assert code == (1 if is_known else 2), name
        printed = capsys.readouterr()
        assert "Give one of Ed25519" in printed.err or is_known, name
        assert keys[0].decode().splitlines()[1] not in printed.out + printed.err, name


@pytest.mark.parametrize("which", ["attestation.json", "key.pub"])
@pytest.mark.parametrize("kind", ["gone", "a folder", "a pipe", "too large"])
def test_a_file_that_cannot_be_read_is_a_wrong_command(
    tmp_path: Path, keys: tuple[bytes, bytes], which: str, kind: str
) -> None:
    assert verify(tmp_path, keys, encode_statement(GREEN)) == 0
    file = tmp_path / which
    file.unlink()
    if kind == "a folder":
        file.mkdir()
    elif kind == "a pipe":
        os.mkfifo(file)
    elif kind == "too large":
        file.write_bytes(b" " * (MAX_ATTESTATION_BYTES + 1))
    words = ["verify", str(tmp_path / "attestation.json"), "--key", str(tmp_path / "key.pub")]
    assert main(words) == 2


def test_a_key_that_is_mounted_as_a_link_is_read(tmp_path: Path, keys: tuple[bytes, bytes]) -> None:
    assert verify(tmp_path, keys, encode_statement(GREEN)) == 0
    (tmp_path / "key.pub").rename(tmp_path / "mounted")
    (tmp_path / "key.pub").symlink_to("mounted")
    words = ["verify", str(tmp_path / "attestation.json"), "--key", str(tmp_path / "key.pub")]
    assert main(words) == 0


@pytest.mark.parametrize("content", [b"", b"no key"])
def test_a_key_to_sign_with_that_is_none_is_refused_and_not_left_out(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "key").write_bytes(content)
    assert main(["validate", "--out", "out", "--sign-key", "key"]) == 2


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
