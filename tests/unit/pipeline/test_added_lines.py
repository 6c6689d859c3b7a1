"""Which lines of a file are new against its earlier versions."""

import time

import pytest

from hardgate.pipeline.added_lines import (
    CONTEXT_LINES,
    LONG_LINE_BYTES,
    MAX_COMPARED,
    find_added_lines,
)


def numbers(new: str, *old: str) -> list[int] | None:
    added = find_added_lines(new.encode(), [one.encode() for one in old])
    if added is None:
        return []
    return None if added.numbers is None else sorted(added.numbers)


@pytest.mark.parametrize(
    ("old", "new", "added"),
    [
        ("a\nb\n", "a\nb\n", []),
        ("a\nb\n", "a\nb\nc\n", [3]),
        ("a\nb\n", "c\na\nb\n", [1]),
        ("a\nb\nc\n", "a\nx\nc\n", [2]),
        ("a\nb\nc\n", "a\nc\n", []),
        ("a\nt\nb\n", "t\na\nt\nb\n", [1]),
        ("a\nt\nb\n", "a\nt\nb\nt\n", [4]),
        ("a\nt\nb\n", "a\nx\nt\nb\nt\n", [2, 5]),
        ("t\na\nb\n", "a\nb\nt\n", []),
        ("a", "a\nb", [2]),
        ("", "a\n", [1]),
    ],
)
def test_a_line_is_new_where_it_stands_more_often(old: str, new: str, added: list[int]) -> None:
    assert numbers(new, old) == added


def test_all_lines_of_a_new_file_are_new() -> None:
    assert numbers("a\nb\n") is None
    assert numbers("") == []


def test_of_a_merge_a_line_is_new_that_no_parent_had() -> None:
    assert numbers("mine\na\ntheirs\n", "mine\na\n", "a\ntheirs\n") == []
    assert numbers("mine\na\nevil\ntheirs\n", "mine\na\n", "a\ntheirs\n") == [3]


def test_the_text_keeps_line_numbers_and_a_few_lines_around() -> None:
    old = [f"line {number}" for number in range(1, 51)]
    new = [*old[:29], "new", *old[29:]]
    added = find_added_lines("\n".join(new).encode(), ["\n".join(old).encode()])
    assert added is not None
    lines = added.text.decode().split("\n")
    assert lines[29] == "new"
    assert [line for line in lines if line] == new[29 - CONTEXT_LINES : 30 + CONTEXT_LINES]


def test_a_finding_counts_where_one_of_its_lines_is_new() -> None:
    added = find_added_lines(b"a\nnew\nb\n", [b"a\nb\n"])
    assert added is not None
    assert added.has(2, 2, b"")
    assert added.has(1, 3, b"")
    assert not added.has(1, 1, b"")


def test_in_a_long_line_only_new_words_are_new() -> None:
    filler = ";".join(f"variable{number}=1" for number in range(LONG_LINE_BYTES))
    old = f'{filler};key="oldtoken12345"'
    added = find_added_lines(f'x=2;{old};other="newtoken12345"'.encode(), [old.encode()])
    assert added is not None
    assert added.has(1, 1, b"newtoken12345")
    assert not added.has(1, 1, b"oldtoken12345")
    assert added.has(1, 1, b"short")


def test_in_a_short_line_an_old_word_is_new() -> None:
    added = find_added_lines(b"again: oldtoken12345\n", [b"x" * 2000 + b" oldtoken12345\n"])
    assert added is not None
    assert added.has(1, 1, b"oldtoken12345")


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (b"\n" * (MAX_COMPARED + 1), b"a\n"),
        (b"a\nb\n", b"\n" * (MAX_COMPARED + 1)),
    ],
)
def test_of_too_many_lines_all_count_as_new(new: bytes, old: bytes) -> None:
    begun = time.process_time()
    added = find_added_lines(new, [old])
    assert added is not None
    assert added.numbers is None
    assert time.process_time() - begun < 5
