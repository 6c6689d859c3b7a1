"""Signs a statement, and checks a signature: DSSE by securesystemslib, keys by cryptography."""

import json
from pathlib import Path

from hardgate.attest.statement import PAYLOAD_TYPE, Statement, StatementError, read_statement
from hardgate.errors import HardgateError, UsageError
from hardgate.system.regular_file import read_regular_file
from hardgate.text.strict_json import parse_strict_json

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import (
        load_pem_private_key,
        load_pem_public_key,
    )
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import Error as LibraryError
    from securesystemslib.signer import CryptoSigner, SSlibKey
except ImportError as missing:  # installed without the extra
    raise HardgateError(
        f"Signatures need a package that is not installed here: {missing.name}.",
        "Install hardgate with its extra 'pipeline'.",
    ) from missing

MAX_ATTESTATION_BYTES = 1024 * 1024
MAX_KEY_BYTES = 64 * 1024
KEY_KINDS = "Ed25519, ECDSA on P-256, P-384 or P-521, or RSA"
_KEY_ERRORS = (ValueError, TypeError, UnsupportedAlgorithm, LibraryError)


class SignatureError(HardgateError):
    """No signature of the key's is on the statement."""


def read_signer(key: bytes) -> CryptoSigner:
    """Read a private key (PEM, not encrypted, of one of `KEY_KINDS`)."""
    try:
        return CryptoSigner(load_pem_private_key(key, None))
    except _KEY_ERRORS as error:
        raise UsageError(
            "The key to sign with cannot be read.",
            f"Give a private key ({KEY_KINDS}) as PEM without a passphrase: "
            "'openssl genpkey -algorithm ed25519'.",
        ) from error


def read_public_key(file: Path) -> SSlibKey:
    """Read a public key (PEM)."""
    try:
        return SSlibKey.from_crypto(load_pem_public_key(read_key_file(file)))
    except _KEY_ERRORS as error:
        raise UsageError(
            f"Key '{file}' is not a public key that is known here.",
            f"Give one of {KEY_KINDS} as PEM: 'openssl pkey -in KEY -pubout'.",
        ) from error


def read_key_file(file: Path) -> bytes:
    """Read a key's file; where secrets are mounted it is a link. Raises UsageError."""
    try:
        return read_regular_file(file, MAX_KEY_BYTES, follow_link=True)
    except OSError as error:
        raise UsageError(f"Key '{file}' cannot be read: {error.strerror or error}.") from error


def sign_statement(statement: bytes, signer: CryptoSigner) -> bytes:
    """Put a statement into an envelope, and sign it."""
    envelope = Envelope(payload=statement, payload_type=PAYLOAD_TYPE, signatures={})
    envelope.sign(signer)
    return json.dumps(envelope.to_dict(), indent=2).encode() + b"\n"


def open_envelope(data: bytes, key: SSlibKey) -> Statement:
    """Give the statement that a key signed; raises SignatureError where it did not."""
    if len(data) > MAX_ATTESTATION_BYTES:
        raise StatementError(f"The attestation is larger than {MAX_ATTESTATION_BYTES} bytes.")
    try:
        envelope = Envelope.from_dict(parse_strict_json(data))
        if not isinstance(envelope.payload_type, str):
            raise TypeError("payloadType is not text")
    except (ValueError, LookupError, TypeError, AttributeError, LibraryError) as error:
        raise StatementError(
            f"The attestation is not a DSSE envelope ({type(error).__name__}).",
            "Give the 'attestation.json' that 'hardgate validate --sign-key' wrote.",
        ) from error
    try:
        envelope.verify([key], threshold=1)
    except _KEY_ERRORS as error:
        raise SignatureError(
            "The attestation is not signed by this key.", "Ask who wrote it, and do not deploy."
        ) from error
    if envelope.payload_type != PAYLOAD_TYPE:
        raise StatementError(f"The envelope holds '{envelope.payload_type}', and no statement.")
    return read_statement(envelope.payload)
