"""The parts of a pipe in their script's order, in whatever order they were traced."""

from itertools import permutations

import pytest

from hardgate.diagnosis.analysis.data_flow import order_pipe_parts
from hardgate.diagnosis.analysis.step import ProbeStep

PIPES = [
    ("echo '{\"a\":1}' | jq -e .a >/dev/null 2>&1", ['echo {"a":1}', "jq -e .a"]),
    (
        'curl -s -H "Authorization: Bearer $t" http://127.0.0.1:8080/x 2>/dev/null | grep -q x',
        ["curl -s -H Authorization: Bearer abc http://127.0.0.1:8080/x", "grep -q x"],
    ),
    ("ps -e | grep a | grep -v b", ["ps -e", "grep a", "grep -v b"]),
    ("x=$(id -u | tr -d 0)", ["id -u", "tr -d 0"]),
    ("if ! ps -e |\n  grep -q dockerd; then exit 1; fi", ["ps -e", "grep -q dockerd"]),
    ("LC_ALL=C sort /etc/passwd | head -n 1", ["LC_ALL=C sort /etc/passwd", "head -n 1"]),
]


def order(texts: list[str], script: str) -> list[str]:
    return [step.text for step in order_pipe_parts([ProbeStep(text=t) for t in texts], script)]


@pytest.mark.parametrize(("script", "texts"), PIPES)
def test_parts_are_put_into_the_scripts_order(script: str, texts: list[str]) -> None:
    for traced in permutations(texts):
        assert order(list(traced), script) == texts
        around = ["test -d /", *traced, "exit 1"]
        assert order(around, script) == ["test -d /", *texts, "exit 1"]


def test_each_round_of_a_loop_is_put_in_order_by_itself() -> None:
    script = "for n in 1 2; do echo $n | grep -q x; done"
    traced = ["echo 1", "grep -q x", "grep -q x", "echo 2"]
    assert order(traced, script) == ["echo 1", "grep -q x", "echo 2", "grep -q x"]


@pytest.mark.parametrize(
    ("script", "traced"),
    [
        ("grep a x; echo b", ["grep a x", "echo b"]),
        ("true || false; cat a", ["false", "true"]),
        ("cat a | cat b", ["cat", "cat"]),
        ("echo a | grep a; grep b", ["grep b", "echo a"]),
        ("", ["b", "a"]),
    ],
)
def test_what_is_no_pipe_or_not_clear_stays_as_it_was_traced(
    script: str, traced: list[str]
) -> None:
    assert order(traced, script) == traced
