"""Lines that somebody else wrote are cut to a length that patterns may be tried on."""

from hardgate.text.bounded import MAX_LINE_CHARS, bound_lines, bound_value, last_lines


def test_a_line_without_end_keeps_its_start_and_its_end() -> None:
    bounded = bound_lines("begin " + "x" * 20_000_000 + " end")

    assert bounded.startswith("begin ")
    assert bounded.endswith(" end")
    assert "characters…" in bounded
    assert len(bounded) < MAX_LINE_CHARS + 40


def test_lines_that_are_short_enough_stay_as_they_are() -> None:
    text = "\n".join(["short"] * 5000)

    assert bound_lines(text) == text


def test_every_string_of_a_value_is_bounded_and_nothing_else() -> None:
    value = {"a": ["x" * 9000, 7, None], "b": {"c": "y"}}

    bounded = bound_value(value, max_chars=100)

    assert len(bounded["a"][0]) < 200
    assert bounded["a"][1:] == [7, None]
    assert bounded["b"] == {"c": "y"}


def test_the_last_lines_are_kept() -> None:
    assert last_lines(["a", "b", "c"], 2) == ["b", "c"]
