"""A sudoers file is read as sudoers(5) says; what it does not tell is not guessed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardgate.pipeline.static.shell_state import UNKNOWN
from hardgate.pipeline.static.sudoers_text import may_become_root


def is_agent(who: str) -> bool:
    """The user is `coder`, of uid 1000 and the group `wheel`."""
    return who in {"ALL", "coder", "#1000", "%wheel"}


def read(text: str) -> bool | None:
    return may_become_root(text, is_agent, command="nsenter")


@pytest.mark.parametrize(
    "text",
    [
        "coder ALL=(ALL) NOPASSWD: ALL",
        "coder\tALL = (ALL:ALL) NOPASSWD:ALL",
        "coder ALL=NOPASSWD: ALL",
        "coder ALL=(www-data, postgres, root) NOPASSWD: ALL",
        "coder ALL=(www-data) NOPASSWD: /bin/ls, (bin, root : adm, wheel) ALL",
        "#1000 ALL=(root) NOPASSWD: ALL",
        "%wheel ALL=(ALL) NOPASSWD: ALL  # all of them",
        "ALL ALL=(ALL) NOPASSWD: ALL",
        "other, coder ALL=(ALL) NOPASSWD: ALL",
        "coder ALL=(ALL) NOPASSWD: /usr/bin/apt-get, /usr/bin/nsenter",
        "coder ALL=(ALL) NOPASSWD: SETENV: ALL",
        "coder ALL=(ALL) CWD=/tmp NOPASSWD: ALL",
        "coder ALL=(ALL) ALL\nDefaults !authenticate",
        "coder ALL=(ALL) ALL\ncoder ALL=(ALL) NOPASSWD: ALL",
        "coder \\\n  ALL=(ALL) \\\n  NOPASSWD: ALL",
        "User_Alias STAFF = other, coder\nSTAFF ALL=(ALL) NOPASSWD: ALL",
        "Cmnd_Alias WAY = /usr/bin/nsenter\ncoder ALL=(ALL) NOPASSWD: WAY",
        "root ALL=(ALL) ALL\n\n@includedir /etc/sudoers.d\ncoder ALL=(ALL) NOPASSWD: ALL",
        "coder ALL=(ALL) NOPASSWD: ALL, !/bin/su",
    ],
)
def test_a_line_that_lets_the_user_do_all_is_seen(text: str) -> None:
    assert read(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# coder ALL=(ALL) NOPASSWD: ALL",
        "coder ALL=(ALL) ALL",
        "coder ALL=(ALL) PASSWD: ALL",
        "other ALL=(ALL) NOPASSWD: ALL",
        "#1001 ALL=(ALL) NOPASSWD: ALL",
        "coder ALL=(ALL) NOPASSWD: /usr/bin/apt-get",
        "coder ALL=(ALL) NOPASSWD: /usr/bin/apt-get, PASSWD: ALL",
        "coder ALL=(www-data) NOPASSWD: ALL",
        "coder ALL=(www-data, postgres, bin) NOPASSWD: ALL",
        "coder ALL=(ALL) NOPASSWD: ALL\ncoder ALL=(ALL) ALL",
        "coder ALL=(ALL) NOPASSWD: ALL, !/usr/bin/nsenter",
        "ALL, !coder ALL=(ALL) NOPASSWD: ALL",
        "Cmnd_Alias SHUT = /sbin/halt\ncoder ALL=(ALL) NOPASSWD: SHUT",
        "coder ALL=(ALL) ALL  # NOPASSWD: ALL",
        "Defaults env_keep += NOPASSWD",
    ],
)
def test_a_line_that_asks_or_means_something_else_is_none(text: str) -> None:
    assert read(text) is False


@pytest.mark.parametrize(
    "text",
    [
        f"{UNKNOWN} ALL=(ALL) NOPASSWD: ALL",
        "STAFF ALL=(ALL) NOPASSWD: ALL",
        "coder ALL=(ALL) NOPASSWD: WAYS",
        "coder devbox=(ALL) NOPASSWD: ALL",
        "coder ALL=(ALL) NOPASSWD: /usr/bin/nsenter -t 1 *",
        "coder ALL=(ALL) NOPASSWD: /usr/bin/*",
        "Cmnd_Alias A = B\nCmnd_Alias B = A\ncoder ALL=(ALL) NOPASSWD: A",
    ],
)
def test_what_the_text_does_not_tell_is_not_told(text: str) -> None:
    assert read(text) is None


WORDS = st.sampled_from(
    [
        *("coder", "other", "%wheel", "#1000", "#1001", "ALL", "STAFF", "!coder", "root"),
        *("ALL=(ALL)", "ALL=(root)", "ALL=", "=", "(", ")", "host=(x:y)", "NOPASSWD:", "PASSWD:"),
        *("/usr/bin/nsenter", "/bin/ls", "!/usr/bin/nsenter", ",", ":", "#", "\\", '"', "Defaults"),
        *("!authenticate", "User_Alias", "Cmnd_Alias", "STAFF = coder", "@includedir /x"),
    ]
)
LINES = st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=6)


@given(st.text() | LINES.map("\n".join))
def test_no_text_ends_the_reader(text: str) -> None:
    assert read(text) in {True, False, None}


@given(LINES)
def test_comments_blank_lines_and_spaces_change_no_answer(lines: list[str]) -> None:
    plain = [line for line in lines if not line.endswith("\\")]
    spread = "\n\n# a comment\n".join(re.sub(" ", " \t ", line) + "  " for line in plain)
    assert read(spread) == read("\n".join(plain))


@given(LINES)
def test_a_line_that_goes_on_below_changes_no_answer(lines: list[str]) -> None:
    plain = [line for line in lines if "\\" not in line and "#" not in line]
    broken = "\n".join(line.replace(" ", " \\\n ") for line in plain)
    assert read(broken) == read("\n".join(plain))


def test_a_long_text_is_read_in_a_bounded_time() -> None:
    assert read("coder ALL=(ALL) " + "NOPASSWD: /bin/ls, " * 20_000) is False
    assert read("(" * 100_000) is False
    assert read("A" * 100_000 + ":" * 100_000) is False
