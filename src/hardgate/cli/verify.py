"""`hardgate verify`: what was proved of an image, by which contract, and signed with which key."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from hardgate.attest.dsse import (
    MAX_ATTESTATION_BYTES,
    SignatureError,
    open_envelope,
    read_public_key,
)
from hardgate.attest.statement import Statement, StatementError
from hardgate.cli.parser import CommandParser
from hardgate.engine.client import find_engine
from hardgate.engine.image import find_image_digest
from hardgate.errors import ExitCode, HardgateError, UsageError
from hardgate.pipeline.session_result import SESSIONS
from hardgate.pipeline.validate import CONTRACT_GROUP
from hardgate.schema.source import SHA256_DIGITS, read_pin
from hardgate.system.regular_file import read_regular_file
from hardgate.text.headline import Headline
from hardgate.text.plain import one_line


def main(argv: Sequence[str]) -> int:
    """Check the signature, then what is asked for; print what the statement proves."""
    parser = CommandParser("verify", "Check what a signed attestation proves of an image.")
    parser.add_argument(
        "attestation",
        type=Path,
        metavar="ATTESTATION",
        help="file that 'validate --sign-key' wrote (attestation.json)",
    )
    parser.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="public key of the signer (PEM)"
    )
    parser.add_argument(
        "--image",
        type=read_image_name,
        metavar="REF",
        help="image that must be the attested one: a digest, or a name on this engine",
    )
    parser.add_argument(
        "--contract-sha256",
        type=read_pin,
        metavar="HEX",
        help="SHA-256 of the contract that must have been used",
    )
    values = parser.parse_argv(argv)
    key = read_public_key(values.key)
    try:
        statement = open_envelope(_read_attestation(values.attestation), key)
    except (SignatureError, StatementError) as error:
        return _conclude(ExitCode.BROKEN, str(error))
    print(f"Signed with key {key.keyid}, which '{values.key}' holds.")
    for line in describe_statement(statement):
        print(one_line(line))
    digest = _find_digest(values.image) if values.image else ""
    problems = list(find_problems(statement, digest, values.contract_sha256 or ""))
    if problems:
        return _conclude(ExitCode.BROKEN, " ".join(problems))
    if statement.exit_code is not ExitCode.HELD:
        broken = statement.exit_code is ExitCode.BROKEN
        code = ExitCode.BROKEN if broken else ExitCode.UNKNOWN
        return _conclude(code, f"{statement.session} ended in exit {int(statement.exit_code)}")
    return _conclude(ExitCode.HELD, f"{len(statement.passed)} of {len(statement.passed)} held")


def describe_statement(statement: Statement) -> Iterator[str]:
    """Yield a line for each thing that a statement says."""
    yield f"session   {statement.session}: exit {int(statement.exit_code)}"
    yield f"image     {f'sha256:{statement.image}' if statement.image else 'none'}"
    yield f"content   {f'sha256:{statement.content}' if statement.content else 'not known'}"
    yield f"contract  {statement.contract_name} sha256:{statement.contract or 'none'}"
    yield f"held      {', '.join(statement.passed) or 'nothing'}"
    if statement.warned:
        yield f"allowed   {', '.join(statement.warned)}"
    if statement.failed:
        yield f"not held  {', '.join(statement.failed)}"
    for name, text in sorted(statement.annotations.items()):
        yield f"{name:<9} {text}"
    if statement.url:
        yield f"written   {statement.url}"


def find_problems(statement: Statement, digest: str, contract: str) -> Iterator[str]:
    """Yield why a statement proves something else than is asked for."""
    if statement.session != "validate":
        yield f"It states what '{statement.session}' found, and is not the last word."
    elif statement.exit_code is ExitCode.HELD:
        whole = (CONTRACT_GROUP, *SESSIONS)
        if left_out := [name for name in whole if name not in statement.passed]:
            yield f"It does not prove {', '.join(left_out)}."
    if digest and digest.removeprefix("sha256:") != statement.image:
        yield f"It is about another image than '{digest}'."
    if contract and contract.lower() != statement.contract:
        yield f"It was judged by another contract than '{contract}'."


def _read_attestation(file: Path) -> bytes:
    try:
        return read_regular_file(file, MAX_ATTESTATION_BYTES, follow_link=True)
    except OSError as error:
        raise UsageError(f"'{file}' cannot be read: {error.strerror or error}.") from error


def read_image_name(text: str) -> str:
    """Read what `--image` is given; an empty one is a variable that nobody set, and no wish."""
    name = text.strip()
    algorithm, colon, digits = name.partition(":")
    if not name:
        raise UsageError("The image to look for is empty.", "Name it, or leave '--image' out.")
    if not colon or algorithm.lower() != "sha256":
        return name
    if len(digits) != SHA256_DIGITS or set(digits.lower()) - set("0123456789abcdef"):
        raise UsageError(
            f"'{text}' is not a digest.", f"Give 'sha256:' and {SHA256_DIGITS} digits."
        )
    return name.lower()


def _find_digest(reference: str) -> str:
    """Take a digest as it is; ask the engine here for any other name."""
    if reference.startswith("sha256:"):
        return reference
    digest = find_image_digest(find_engine().open_client(), reference)
    if digest is None:
        raise HardgateError(
            f"The engine here has no image '{reference}'.", "Pull it, or give its digest."
        )
    return digest


def _conclude(code: ExitCode, story: str) -> int:
    print(Headline(subject="VERIFY", exit_code=code, story=one_line(story.rstrip("."))))
    return int(code)
