"""The text in a file's bytes: encodings with and without a mark, and text in binary files."""

import codecs
import random
import time

import pytest

from hardgate.pipeline.file_text import read_file_text

LINES = "first line of a file\nKEY=value-äöü\nlast line\n"
MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("encoding", MARKS)
@pytest.mark.parametrize("marked", [True, False])
def test_unicode_is_read_with_and_without_a_mark(encoding: str, marked: bool) -> None:
    data = (MARKS[encoding] if marked else b"") + LINES.encode(encoding)
    text = read_file_text(data)
    assert text.readings[0].decode() == LINES
    assert not text.unread


def test_latin_1_is_read() -> None:
    text = read_file_text(LINES.encode("latin-1"))
    assert text.readings[0].decode() == LINES
    assert not text.unread


def test_a_mark_and_letters_without_a_nul_are_utf_16() -> None:
    text = read_file_text(codecs.BOM_UTF16_LE + "漢字".encode("utf-16-le"))
    assert text.readings[0].decode() == "漢字"


@pytest.mark.parametrize(
    "data",
    [
        LINES.encode("utf-16-le") + b"TOKEN=appended\n",
        codecs.BOM_UTF16_LE + LINES.encode("utf-16-le") + b"TOKEN=appended\n",
        b"TOKEN=appended\n" + LINES.encode("utf-16-le"),
        b"\0" + b"TOKEN=appended\n",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9 + b"\nTOKEN=appended\n",
        b"\xff\xfe\x00\x01" + "TOKEN=appended\n".encode("utf-16-le"),
        "漢字漢字漢字漢字 TOKEN=appended".encode("utf-16-le"),
    ],
    ids=["mixed", "mixed with mark", "mixed the other way", "one NUL", "png", "wide", "chinese"],
)
def test_a_text_among_others_is_in_some_reading(data: bytes) -> None:
    assert any(b"TOKEN=appended" in reading for reading in read_file_text(data).readings)


@pytest.mark.parametrize("encoding", [*MARKS, "latin-1"])
def test_a_line_keeps_its_number_in_each_reading(encoding: str) -> None:
    for reading in read_file_text(LINES.encode(encoding)).readings:
        assert reading.split(b"\n")[1].startswith(b"KEY=value")


def test_no_reading_has_a_nul_or_is_not_utf_8() -> None:
    draw = random.Random(7)  # noqa: S311 - any bytes will do
    for size in (0, 1, 2, 3, 5, 100, 10_000):
        for reading in read_file_text(draw.randbytes(size)).readings:
            reading.decode()
            assert b"\0" not in reading


@pytest.mark.parametrize(
    ("data", "unread"),
    [
        (b"", ""),
        (b"plain\n", ""),
        (b"\x1b[31mred\x1b[0m\n", ""),
        (b"\x7fELF\x02\x01\x01" + bytes(99), "binary"),
        (bytes(range(1, 256)), "binary"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            "a pointer to a file in Git LFS",
        ),
    ],
)
def test_what_is_not_all_read_is_named(data: bytes, unread: str) -> None:
    assert read_file_text(data).unread == unread


def test_what_stands_behind_backslashes_is_read_without_them_too() -> None:
    text = read_file_text(b'{"source": ["key = \\"a\\/b\\"\\n"]}\n')
    assert text.readings[-1] == b'{"source": ["key = "a/b" "]}\n'
    assert len(read_file_text(b"plain\\n").readings) == 1


def test_a_file_of_nothing_but_backslashes_is_read_in_little_time() -> None:
    begun = time.process_time()
    read_file_text(b'\\"' * 20_000_000)
    assert time.process_time() - begun < 10
