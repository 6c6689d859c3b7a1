"""Puts a finished file in its place, or nothing."""

import os
from contextlib import suppress
from pathlib import Path

from hardgate.errors import HardgateError


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, onto the disk, and rename it: whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise HardgateError(
            f"Report '{path}' could not be written: {error.strerror or error}.",
            "Make room or choose another folder with '--out', and run the gate again.",
        ) from error
