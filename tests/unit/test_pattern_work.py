"""The counting matcher finds what is slow, and agrees with `re` on what is quick."""

import pytest

from tests.unit.pattern_work import Matcher, find_costly_text

SLOW = (
    r"(?:a+)+$",
    r"\w+\s*://",
    r"x.*?y",
    r"\s*=\s*(.+?)\s*\Z",
    r"(?:a|aa)+b",
    r"^\s*\w+\s+[^=]+=",
)
QUICK = (r"^a++$", r"\bword\b", r"[^:]{0,20}:", r"^#\s*+(\w++)", r"(?:(?!b)a)*+b?")


@pytest.mark.full  # it is beside the tests of all patterns, which are full, too
@pytest.mark.parametrize("pattern", SLOW)
def test_a_pattern_that_works_longer_than_its_text_is_found(pattern: str) -> None:
    assert find_costly_text(pattern)


@pytest.mark.parametrize("pattern", QUICK)
def test_a_quick_pattern_is_not(pattern: str) -> None:
    assert not find_costly_text(pattern)


def test_the_matcher_stops_where_anybody_would() -> None:
    matcher = Matcher(r"abc", 0, 1000)

    assert 0 < matcher.match("abx") < matcher.search_all("ab" * 50) < 1000
