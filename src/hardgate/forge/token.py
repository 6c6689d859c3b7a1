"""The token for a forge's API: from the environment or a file, and never from the command line."""

from collections.abc import Mapping
from pathlib import Path

from hardgate.errors import HardgateError

VARIABLE = "HARDGATE_FORGE_TOKEN"
RIGHTS = (
    "It needs the right to start workflows and to read the repository: 'write:repository' on Gitea "
    "and Forgejo, 'actions: write' and 'contents: read' on GitHub"
)
LONGEST = 4096


class TokenError(HardgateError):
    """There is no token, or what is there cannot be one."""


def read_token(environ: Mapping[str, str], file: Path | None) -> str:
    """Give the token; a file that is named counts before the environment."""
    if file is not None:
        return read_secret(file)
    if not environ.get(VARIABLE, "").strip():
        raise TokenError(
            "There is no token for the forge's API, so nothing can be asked of it.",
            f"Set {VARIABLE}, or name a file with '--token-file'. {RIGHTS}.",
        )
    return _checked(environ[VARIABLE], VARIABLE)


def read_secret(file: Path) -> str:
    """Give the one line of a file that holds a token."""
    return _checked(_read(file), f"File '{file}'")


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as text:
            return text.read(LONGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise TokenError(
            f"The token's file '{file}' cannot be read: {error}.", "Name another file."
        ) from error


def _checked(text: str, where: str) -> str:
    token = text.strip()
    # What is not printable could end a header's line, and begin another.
    if not token or len(token) > LONGEST or not token.isascii() or not token.isprintable():
        raise TokenError(f"{where} holds no token.", f"It has to be one line. {RIGHTS}.")
    if " " in token:
        raise TokenError(f"{where} holds more than a token.", "Leave it alone on its line.")
    return token
