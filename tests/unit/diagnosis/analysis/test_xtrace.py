"""A shell's own trace is read as it is, whichever shell wrote it."""

import pytest

from hardgate.diagnosis.analysis.xtrace import (
    Comparison,
    UnaryTest,
    is_same_command,
    parse_assignment,
    parse_comparison,
    parse_unary_test,
    parse_xtrace,
)


def test_what_is_written_below_a_command_is_its_own() -> None:
    told = parse_xtrace("before\n+ cat /x\ncat: /x: no\n\n++ id -u\n+ [ 0 = 1 ]\n")
    assert [(one.text, one.output) for one in told] == [
        ("cat /x", ("cat: /x: no",)),
        ("id -u", ()),
        ("[ 0 = 1 ]", ()),
    ]


@pytest.mark.parametrize(
    ("text", "sides", "holds"),
    [
        ("[ 0 = 1000 ]", ("0", "=", "1000"), False),
        ("[  = 1000 ]", ("", "=", "1000"), False),
        ("[ 1000 =  ]", ("1000", "=", ""), False),
        ("'[' '' = 1000 ']'".replace("'['", "[").replace("']'", "]"), ("", "=", "1000"), False),
        ("test a != b", ("a", "!=", "b"), True),
        ("[ 2 -ge 4 ]", ("2", "-ge", "4"), False),
        ("[ 4 -ge 4 ]", ("4", "-ge", "4"), True),
        ("[ x -gt 1 ]", ("x", "-gt", "1"), None),
        ("[[ ab == a* ]]", ("ab", "==", "a*"), None),
    ],
)
def test_a_comparison_is_read(text: str, sides: tuple[str, str, str], holds: bool | None) -> None:
    left, operator, right = sides
    compared = parse_comparison(text)
    assert compared == Comparison(left=left, operator=operator, right=right)
    assert compared.holds is holds


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[ -d /host ]", UnaryTest(operator="-d", operand="/host", negated=False)),
        ("[ ! -e /x y ]", UnaryTest(operator="-e", operand="/x y", negated=True)),
        ("test -n ", UnaryTest(operator="-n", operand="", negated=False)),
    ],
)
def test_a_question_is_read(text: str, wanted: UnaryTest) -> None:
    assert parse_unary_test(text) == wanted


@pytest.mark.parametrize("text", ["[ a = b -a c = d ]", "cat /x", "[ -d /x -o -d /y ]"])
def test_what_is_neither_is_not_guessed(text: str) -> None:
    assert parse_comparison(text) is None
    assert parse_unary_test(text) is None


def test_an_assignment_is_read() -> None:
    assert parse_assignment("t='a b'") == ("t", "a b")
    assert parse_assignment("[ a = b ]") is None


def test_a_command_is_the_same_in_other_quotes_and_cut() -> None:
    assert is_same_command("curl -H Authorization: x", "curl -H 'Authorization: x'")
    assert is_same_command("cat /a/b/c", "cat /a/b…")
    assert not is_same_command("cat /a", "cat /b")
