"""JSON that two readers would read differently is read by none."""

import pytest

from hardgate.text.strict_json import parse_strict_json

REFUSED = {
    "a key twice": (b'{"exit_code": 1, "exit_code": 0}', "'exit_code' stands twice"),
    "a key twice, further down": (b'[{"a": {"b": 1, "c": 2, "b": 1}}]', "'b' stands twice"),
    "a key twice, once escaped": (b'{"a": 1, "\\u0061": 2}', "'a' stands twice"),
    "no number": (b'{"a": NaN}', "NaN is not a number"),
    "a number without end": (b"-Infinity", "-Infinity is not a number"),
    "a number that is too large": (b'{"a": 1e999}', "too large"),
    "digits without end": (b"9" * 5000, "digits"),
    "half a character": (b'"\\ud800"', "surrogates"),
    "half a character as a key": (b'{"\\udfff": 1}', "surrogates"),
    "another encoding": ('{"a": 1}'.encode("utf-16"), "utf-8"),
    "a mark before it": (b"\xef\xbb\xbf{}", "BOM"),
    "deep": (b"[" * 10**5, "deeply"),
    "deep mappings": (b'{"a":' * 10**5, "deeply"),
    "more behind it": (b"{} {}", "Extra data"),
    "nothing": (b"", "Expecting value"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_readers_differ_on_is_refused_and_said(name: str) -> None:
    data, why = REFUSED[name]
    with pytest.raises(ValueError, match=why):
        parse_strict_json(data)


def test_a_large_document_with_two_equal_keys_is_refused_at_once() -> None:
    keys = ", ".join(f'"{number}": 0' for number in range(100_000))
    with pytest.raises(ValueError, match="'7' stands twice"):
        parse_strict_json(f'{{{keys}, "7": 1}}')


def test_all_else_is_read_as_it_is() -> None:
    text = '{"a": [1, -2.5e3, true, null, "\\ud83d\\ude00 é"], "b": {"a": 1}}'
    assert parse_strict_json(text) == {"a": [1, -2500.0, True, None, "😀 é"], "b": {"a": 1}}
