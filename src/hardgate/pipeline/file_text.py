"""Finds the text in a file's bytes, whatever its name says: encodings, and text in binary files.

A text keeps the lines of its file, so that a line's number in the one is its number in the other.
"""

import codecs
import string
from collections.abc import Iterator
from dataclasses import dataclass, replace

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the half of it
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES = 65_536
_KEPT_CONTROLS = b"\t\n\r\f\x1b"
_PRINTABLE = frozenset(string.printable.encode()) | frozenset(_KEPT_CONTROLS)
_BLANKED = bytes(code if code in _PRINTABLE else ord(" ") for code in range(256))
"""Translates what is not an ASCII text to spaces."""
_CONTROLS = bytes(code for code in range(ord(" ")) if code not in _KEPT_CONTROLS)
_MAX_CONTROLS = 0.02
"""Share of control characters from which on a file without NULs is not a text."""
_ESCAPES = ((b'\\"', b'"'), (b"\\'", b"'"), (b"\\/", b"/"), (b"\\n", b" "))
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_MAX_POINTER_BYTES = 1024


@dataclass(frozen=True, kw_only=True)
class FileText:
    """What of a file can be read."""

    readings: tuple[bytes, ...]
    """The file's text in UTF-8, first as it is most likely meant."""
    unread: str = ""
    """What the file is where the readings are not all of it, such as 'binary'."""


def read_file_text(data: bytes) -> FileText:
    """Read bytes as text; a binary file's text is what stands in it as ASCII or UTF-16.

    Where there are quotes behind backslashes, as in a notebook's source, another reading is
    without the backslashes.
    """
    text = _read_bytes(data)
    first = text.readings[0]
    if b'\\"' not in first and b"\\/" not in first:
        return text
    for escaped, plain in _ESCAPES:
        first = first.replace(escaped, plain)
    return replace(text, readings=(*text.readings, first))


def _read_bytes(data: bytes) -> FileText:
    if data.startswith(_LFS_POINTER) and len(data) <= _MAX_POINTER_BYTES:
        return FileText(readings=(data,), unread="a pointer to a file in Git LFS")
    if b"\0" not in data:
        return _read_without_nulls(data)
    encoding = _find_mark(data) or _guess_wide_encoding(data[:_SAMPLE_BYTES])
    # Beside it also the bytes without NULs: two programs may have written in two encodings.
    stripped = data.replace(b"\0", b"").translate(_BLANKED)
    if encoding.startswith(("utf-16", "utf-32")):
        return FileText(readings=(_decode(data, encoding), stripped))
    return FileText(readings=(data.translate(_BLANKED), stripped), unread="binary")


def _read_without_nulls(data: bytes) -> FileText:
    if data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
    elif encoding := _find_mark(data):  # only of letters that have no NUL, such as Chinese ones
        return FileText(readings=(_decode(data, encoding), data.translate(_BLANKED)))
    try:
        data.decode()
    except UnicodeDecodeError:
        if _count_controls(data[:_SAMPLE_BYTES]) > _MAX_CONTROLS:
            return FileText(readings=(data.translate(_BLANKED),), unread="binary")
        return FileText(readings=(data.decode("latin-1").encode(),))
    return FileText(readings=(data,))


def _find_mark(data: bytes) -> str:
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "")


def _guess_wide_encoding(sample: bytes) -> str:
    """Tell UTF-16 and UTF-32 without a mark by where their NULs are; empty for what is neither."""
    shares = list(_share_of_nulls(sample))
    low, high = 0.1, 0.4
    big = [share > high for share in shares]
    small = [share < low for share in shares]
    if big[0] and big[1] and small[3]:
        return "utf-32-be"
    if small[0] and big[2] and big[3]:
        return "utf-32-le"
    if big[0] and big[2] and small[1] and small[3]:
        return "utf-16-be"
    if small[0] and small[2] and big[1] and big[3]:
        return "utf-16-le"
    return ""


def _share_of_nulls(sample: bytes) -> Iterator[float]:
    """Yield the share of NULs among every fourth byte, from the first four bytes on."""
    for offset in range(4):
        column = sample[offset::4]
        yield column.count(0) / len(column) if column else 0.0


def _decode(data: bytes, encoding: str) -> bytes:
    mark = next((mark for mark, name in _MARKS if name == encoding and data.startswith(mark)), b"")
    text = data[len(mark) :].decode(encoding, errors="replace")
    return text.encode(errors="replace").replace(b"\0", b" ")


def _count_controls(sample: bytes) -> float:
    return 1 - len(sample.translate(None, _CONTROLS)) / max(len(sample), 1)
