"""The last line is written and read back by one value; what several things are worth is one sum."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardgate.errors import ExitCode, combine_exit_codes
from hardgate.text.headline import Headline, exit_code_word, read_headline_story

STORIES = (
    st.text(st.characters(categories=("L", "N", "P", "Zs"), exclude_characters="\xa0"), min_size=1)
    .map(lambda text: " ".join(text.split()))
    .filter(bool)
)


@pytest.mark.parametrize("subject", ["", "FLEET", "CONTRACT DIFF"])
@pytest.mark.parametrize("code", ExitCode)
def test_a_line_is_read_back_as_it_was_written(subject: str, code: ExitCode) -> None:
    headline = Headline(subject=subject, exit_code=code, story="1 of 2 held: a; b (exit 7) too")
    assert Headline.parse_line(str(headline)) == headline


@given(story=STORIES, code=st.sampled_from(ExitCode))
def test_whatever_a_story_holds_its_line_is_one_and_its_code_the_last(
    story: str, code: ExitCode
) -> None:
    line = str(Headline(exit_code=code, story=story))
    assert line.splitlines() == [line]
    assert line.endswith(f"(exit {int(code)})")
    read = Headline.parse_line(line)
    assert read is not None
    assert read.exit_code is code


@pytest.mark.parametrize(
    "line",
    [
        "",
        "HARDGATE GREEN: all held",
        "HARDGATE GREEN: all held (exit 1)",
        "HARDGATE BLUE: all held (exit 0)",
        "HARDGATE GREEN: all held (exit 9)",
        "x HARDGATE GREEN: all held (exit 0)",
        "HARDGATE GREEN: a\nb (exit 0)",
    ],
)
def test_any_other_line_is_none_and_its_own_story(line: str) -> None:
    assert Headline.parse_line(line) is None
    assert read_headline_story(line) == line


def test_each_code_has_a_word_of_its_own() -> None:
    assert len({exit_code_word(code) for code in ExitCode}) == len(ExitCode)


@given(st.lists(st.sampled_from(ExitCode)))
def test_only_green_alone_adds_up_to_green_and_a_miss_is_never_lost(codes: list[ExitCode]) -> None:
    total = combine_exit_codes(codes)
    assert (total is ExitCode.HELD) is (set(codes) == {ExitCode.HELD})
    assert (total is ExitCode.BROKEN) is (ExitCode.BROKEN in codes)
