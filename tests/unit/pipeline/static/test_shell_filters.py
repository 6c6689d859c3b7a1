"""What programs print, arithmetic comes to, and Makefiles run, beside the answers of real ones."""

import json

import pytest

from hardgate.pipeline.static.jq_filter import run_jq
from hardgate.pipeline.static.makefile import Request, read_makefile, read_request
from hardgate.pipeline.static.shell_arithmetic import calculate, update_variable
from hardgate.pipeline.static.shell_filters import run_filter
from hardgate.pipeline.static.shell_state import FAILED, OTHER, UNKNOWN

NEEDS = json.dumps({"a": {"result": "failure"}, "b": {"result": "success"}})
ANSWERS = [
    ('all(.result == "success")', "false\n", "1"),
    ('any(.[]; .result == "failure") | not', "false\n", "1"),
    ("[.[].result] | length == 2", "true\n", "0"),
    ('to_entries[] | select(.value.result != "success") | .key', "a\n", "0"),
    ('.[] | select(.result == "skipped")', "", "4"),
    ('.["b"].result, .a.result', "success\nfailure\n", "0"),
    ('map(.result) | unique | join(",")', "failure,success\n", "0"),
    ('.a.none // "x"', "x\n", "0"),
    ('with_entries(select(.value.result | IN("failure"))) | keys | length', "1\n", "0"),
    ('map(.result | startswith("f"))', "[\n  true,\n  false\n]\n", "0"),
]
"""Of jq 1.6, with '-er'."""


@pytest.mark.parametrize(("program", "text", "status"), ANSWERS)
def test_jq_answers_as_jq_does(program: str, text: str, status: str) -> None:
    answer = run_jq(["jq", "-er", program], NEEDS)
    assert answer is not None
    assert (answer.text, answer.status) == (text, status)


UNREAD = ["$x", ".a as $x | $x", "def f: f; f", "input", '"\\(.a)"', "(", ".a.result.c", "{a}"]


@pytest.mark.parametrize("program", [*UNREAD, *["|".join([piece] * 60) for piece in (
    "[.,.]", "[.[],.[]]", "(.,.)")], "[" + " or ".join([".[].result"] * 30) + "]"])  # fmt: skip
def test_a_filter_that_is_not_read_is_left_open(program: str) -> None:
    assert run_jq(["jq", program], NEEDS) is None


def test_jq_fails_by_its_answer_only_where_it_is_asked_to() -> None:
    quiet = run_jq(["jq", "all(.result)"], NEEDS)
    asked = run_jq(["jq", "--exit-status", ".a.none"], NEEDS)
    assert quiet is not None
    assert asked is not None
    assert (quiet.status, asked.status) == ("0", "1")


GREPS = [
    (["-q", "b"], "a\nb\n", "", "0"),
    (["-v", "a"], "a\nb\n", "b\n", "0"),
    (["-c", "x"], "a\n", "0\n", "1"),
    (["-E", "a|b"], "a\nb\n", "a\nb\n", "0"),
    (["a|b"], "a\nb\n", "", "1"),
    ([r"a\|b"], "a\nb\n", "a\nb\n", "0"),
    (["-F", "a.b"], "axb\na.b\n", "a.b\n", "0"),
    (["-i", "-e", "A", "-e", "c"], "a\nb\nc\n", "a\nc\n", "0"),
    (["-x", "a"], "ab\na\n", "a\n", "0"),
    (["-w", "a"], "ab\na b\n", "a b\n", "0"),
    (["-o", "[0-9]*"], "a12b3\n", "12\n3\n", "0"),
    (["-E", "a{2}"], "aa\n", "aa\n", "0"),
    (["x"], "", "", "1"),
]
"""Of GNU grep 3.8."""


@pytest.mark.parametrize(("words", "stdin", "text", "status"), GREPS)
def test_grep_searches_as_grep_does(words: list[str], stdin: str, text: str, status: str) -> None:
    answer = run_filter(["grep", *words], stdin)
    assert answer is not None
    assert (answer.text, answer.status) == (text, status)


@pytest.mark.parametrize("words", [["-E", "(a*)*b"], ["-E", "(a+)+b"], ["-P", "a"], ["a", "file"],
                                   ["-E", r"(a)\1"], ["-E", "["], [UNKNOWN]])  # fmt: skip
def test_a_search_that_is_not_read_is_left_open(words: list[str]) -> None:
    assert run_filter(["grep", *words], "aaa\n") is None


def test_what_is_printed_is_known_where_shells_agree() -> None:
    printed = {
        "echo": run_filter(["echo", "-n", "a", "b"], None),
        "lines": run_filter(["printf", "%s\\n", "a", "b"], None),
        "through": run_filter(["tr", "-d", "b"], "abc\n"),
    }
    assert {name: answer and answer.text for name, answer in printed.items()} == {
        "echo": "a b",
        "lines": "a\nb\n",
        "through": "ac\n",
    }
    assert run_filter(["echo", "a\\nb"], None) is None
    assert run_filter(["printf", "%d", "1"], None) is None
    assert run_filter(["cat", "file"], "a") is None


NUMBERS = {"n": "3", "o": "010", "e": FAILED, "s": OTHER, "u": UNKNOWN}


@pytest.mark.parametrize(
    ("text", "value"),
    [("n + 1", "4"), ("(n+1)*2", "8"), ("-7 / 2", "-3"), ("-7 % 2", "-1"), ("$n << 2", "12"),
     ("o", "8"), ("n > 2 && !0", "1"), ("unset", "0"), ("e", FAILED), ("e | 0", FAILED),
     ("e + n", FAILED), ("e == 0", "0"), ("e > 0", "1"), ("e & 0", "0"), ("e & s", OTHER),
     ("s | e", FAILED), ("s | 0", OTHER), ("u + 1", UNKNOWN), ("u || 1", "1"), ("1 / 0", UNKNOWN),
     ("n = 4", UNKNOWN), ("(" * 99, UNKNOWN), ("9" * 40, UNKNOWN), ("1 << 99", UNKNOWN)],
)  # fmt: skip
def test_arithmetic_comes_to_what_bash_makes_of_it(text: str, value: str) -> None:
    assert calculate(text, lambda name: NUMBERS.get(name, "")) == value


def test_arithmetic_sets_variables() -> None:
    def value_of(name: str) -> str:
        return NUMBERS.get(name, "")

    assert update_variable("n++", value_of) == ("n", "4", "3")
    assert update_variable("++n", value_of) == ("n", "4", "4")
    assert update_variable("n += e", value_of) == ("n", FAILED, FAILED)
    assert update_variable("n == 3", value_of) is None


MAKEFILE = """\
# A comment.
NAME ?= static
GATE = nox -s $(NAME)
.PHONY: all t4
all: t4 lint  # both
t4: deps
\t@echo begin $$HOME
\t-$(GATE)
lint: ; ruff check \\
  --quiet
deps:
"""


def list_recipe(text: str, *words: str) -> list[tuple[int, str, bool]]:
    request = read_request(["make", *words], ".")
    file = read_makefile(text)
    assert request
    assert file
    return [(line.number, line.text, line.ignored) for line in file.iter_lines(request)]


def test_a_makefile_runs_what_a_target_needs_first() -> None:
    assert list_recipe(MAKEFILE) == [
        (7, "echo begin $HOME", False),
        (8, "nox -s static", True),
        (9, "ruff check    --quiet", False),
    ]
    assert list_recipe(MAKEFILE, "t4", "NAME=t4")[1] == (8, "nox -s t4", True)
    assert all(ignored for *_, ignored in list_recipe(MAKEFILE, "-i"))


@pytest.mark.parametrize(
    "text",
    [
        "include more.mk\n",
        "ifdef X\nall:\nendif\n",
        ".ONESHELL:\nall:\n",
        "SHELL = python3\nall:\n",
        "$(foreach x,y,z)\n",
    ],
)
def test_a_makefile_that_is_not_read_is_left_open(text: str) -> None:
    assert read_makefile(text) is None


def test_make_that_only_shows_what_it_would_do_runs_nothing() -> None:
    assert read_request(["make", "-n", "t4"], ".") is None
    request = read_request(["make", "-C", "ci", "-f", "gate.mk", "t4", "A=b"], "x")
    assert request == Request(
        folder="x/ci", file="gate.mk", targets=("t4",), variables={"A": "b"}, goes_on=False
    )
    with pytest.raises(KeyError):
        list_recipe(MAKEFILE, "nothing")
