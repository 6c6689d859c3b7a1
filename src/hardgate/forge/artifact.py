"""An artifact's zip, written by a machine that is on trial: read with bounds, and only in part."""

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from hardgate.forge.http import ForgeError

KEPT_FILES = frozenset({"answer.json", "junit.xml", "summary.json"})
MAX_ZIP_BYTES = 32 * 1024 * 1024
MAX_ENTRIES = 10_000
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_TOTAL_BYTES = 64 * 1024 * 1024
_ENCRYPTED_FLAG = 0x1


def unpack_artifact(name: str, data: bytes, folder: Path) -> list[Path]:
    """Write a zip's answers and reports below a folder, and nothing else of it."""
    written, remaining_bytes = [], MAX_TOTAL_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry, path in _select_entries(name, archive):
                with archive.open(entry) as file:
                    content = file.read(min(MAX_FILE_BYTES, remaining_bytes) + 1)
                if len(content) > min(MAX_FILE_BYTES, remaining_bytes):
                    raise _make_artifact_error(name, f"'{entry.filename}' is too large")
                remaining_bytes -= len(content)
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as new:
                    new.write(content)
                written.append(target)
    except OSError as error:
        raise _make_artifact_error(
            name, f"'{error.filename}' cannot be written ({error.strerror})"
        ) from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise _make_artifact_error(name, f"it cannot be read ({error})") from error
    return written


def _select_entries(
    name: str, archive: zipfile.ZipFile
) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise _make_artifact_error(name, f"it holds {len(entries):,} files")
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts or set("\\:\0") & set(entry.filename):
            raise _make_artifact_error(name, f"'{entry.filename}' leads out of it")
        if path.name not in KEPT_FILES or stat.S_ISLNK(entry.external_attr >> 16):
            continue
        if entry.flag_bits & _ENCRYPTED_FLAG:
            raise _make_artifact_error(name, f"'{entry.filename}' is encrypted")
        yield entry, path


def _make_artifact_error(name: str, why: str) -> ForgeError:
    return ForgeError(
        f"Artifact '{name}' is not taken: {why}.", "Look at what the workflow uploads."
    )
