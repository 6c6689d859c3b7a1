"""An artifact's zip, written by a machine that is on trial: read with bounds, and only in part."""

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from hardgate.forge.http import ForgeError

KEPT = frozenset({"answer.json", "junit.xml", "summary.json"})
ZIP_LIMIT = 32 * 1024 * 1024
ENTRIES = 10_000
FILE_LIMIT = 16 * 1024 * 1024
WHOLE_LIMIT = 64 * 1024 * 1024
_ENCRYPTED = 0x1


def unpack(name: str, data: bytes, folder: Path) -> list[Path]:
    """Write a zip's answers and reports below a folder, and nothing else of it."""
    written, room = [], WHOLE_LIMIT
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry, place in _wanted(name, archive):
                with archive.open(entry) as file:
                    text = file.read(min(FILE_LIMIT, room) + 1)
                if len(text) > min(FILE_LIMIT, room):
                    raise _unfit(name, f"'{entry.filename}' is too large")
                room -= len(text)
                target = folder / place
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as new:
                    new.write(text)
                written.append(target)
    except OSError as error:
        raise _unfit(name, f"'{error.filename}' cannot be written ({error.strerror})") from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise _unfit(name, f"it cannot be read ({error})") from error
    return written


def _wanted(name: str, archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    entries = archive.infolist()
    if len(entries) > ENTRIES:
        raise _unfit(name, f"it holds {len(entries):,} files")
    for entry in entries:
        place = PurePosixPath(entry.filename)
        if place.is_absolute() or ".." in place.parts or set("\\:\0") & set(entry.filename):
            raise _unfit(name, f"'{entry.filename}' leads out of it")
        if place.name not in KEPT or stat.S_ISLNK(entry.external_attr >> 16):
            continue
        if entry.flag_bits & _ENCRYPTED:
            raise _unfit(name, f"'{entry.filename}' is encrypted")
        yield entry, place


def _unfit(name: str, why: str) -> ForgeError:
    return ForgeError(
        f"Artifact '{name}' is not taken: {why}.", "Look at what the workflow uploads."
    )
