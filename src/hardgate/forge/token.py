"""The token for a forge's API: from the environment or a file, and never from the command line."""

from collections.abc import Mapping
from pathlib import Path

from hardgate.errors import HardgateError

TOKEN_VARIABLE = "HARDGATE_FORGE_TOKEN"  # noqa: S105 - a name
FORGE_RIGHTS = (
    "It needs the right to start workflows and to read the repository: 'write:repository' on Gitea "
    "and Forgejo, 'actions: write' and 'contents: read' on GitHub"
)
MAX_TOKEN_CHARS = 4096


class TokenError(HardgateError):
    """There is no token, or what is there cannot be one."""


def read_forge_token(environ: Mapping[str, str], file: Path | None) -> str:
    """Give the token; a file that is named counts before the environment."""
    if file is not None:
        return read_token_file(file)
    if not environ.get(TOKEN_VARIABLE, "").strip():
        raise TokenError(
            "There is no token for the forge's API, so nothing can be asked of it.",
            f"Set {TOKEN_VARIABLE}, or name a file with '--token-file'. {FORGE_RIGHTS}.",
        )
    return _validate_token(environ[TOKEN_VARIABLE], TOKEN_VARIABLE)


def read_token_file(file: Path) -> str:
    """Give the one line of a file that holds a token."""
    return _validate_token(_read_text(file), f"File '{file}'")


def _read_text(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as text:
            return text.read(MAX_TOKEN_CHARS + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise TokenError(
            f"The token's file '{file}' cannot be read: {error}.", "Name another file."
        ) from error


def _validate_token(text: str, where: str) -> str:
    token = text.strip()
    # What is not printable could end a header's line, and begin another.
    if not token or len(token) > MAX_TOKEN_CHARS or not token.isascii() or not token.isprintable():
        raise TokenError(f"{where} holds no token.", f"It has to be one line. {FORGE_RIGHTS}.")
    if " " in token:
        raise TokenError(f"{where} holds more than a token.", "Leave it alone on its line.")
    return token
