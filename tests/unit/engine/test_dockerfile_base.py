"""Which image BASE_IMAGE stands for, read as the builders read it."""

import pytest

from hardgate.engine.dockerfile_base import read_base_reference


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("ARG BASE_IMAGE=team/base:3\nFROM ${BASE_IMAGE}\n", "team/base:3"),
        ("ARG BASE_IMAGE=team/base:3\nFROM $BASE_IMAGE AS one\n", "team/base:3"),
        ('arg BASE_IMAGE="team/base:3"\nfrom "$BASE_IMAGE"\n', "team/base:3"),
        ("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n", ""),
        ("ARG BASE_IMAGE=\nFROM ${BASE_IMAGE}\n", ""),
        ("ARG BASE_IMAGE\nFROM ${BASE_IMAGE:-team/base:4}\n", "team/base:4"),
        ("ARG R=host:5000/t\nARG BASE_IMAGE=${R}/base\nFROM ${BASE_IMAGE}\n", "host:5000/t/base"),
        ("ARG R=a BASE_IMAGE=$R/base:1\nFROM --platform=$X ${BASE_IMAGE}\n", "a/base:1"),
        ("ARG BASE_IMAGE=one\nARG BASE_IMAGE=two\nFROM ${BASE_IMAGE}\n", "two"),
        ("# syntax=x\n# a comment\nARG \\\n  # why\n\n  BASE_IMAGE=a\nFROM \\\n $BASE_IMAGE", "a"),
        ("# escape=`\nARG `\n BASE_IMAGE=a\nFROM `\n $BASE_IMAGE\n", "a"),
        ("\ufeffARG BASE_IMAGE=a\r\nFROM ${BASE_IMAGE}\r\n", "a"),
        ("FROM x AS y\nFROM z\n", None),
        ("ARG BASE_IMAGE=a\nFROM debian\n", None),
        ("ARG BASE_IMAGE=a\nFROM debian AS x\nFROM ${BASE_IMAGE}\n", "a"),
        ("FROM debian\nARG BASE_IMAGE=a\nRUN echo $BASE_IMAGE\n", None),
        ("FROM debian\nARG BASE_IMAGE=a\nFROM ${BASE_IMAGE}\n", None),
        ("ARG BASE_IMAGE=a\nFROM ${BASE_IMAGE}:3\n", None),
        ("ARG BASE_IMAGE_2=a\nFROM ${BASE_IMAGE_2}\n", None),
        ("ARG BASE_IMAGE=a\nFROM b\nRUN <<E\nFROM $BASE_IMAGE\nE\nCOPY a b\n", None),
        ("ARG BASE_IMAGE=a\nFROM b\nCOPY <<-'E' /x\nFROM $BASE_IMAGE\n\tE\nFROM $BASE_IMAGE", "a"),
        ("# ARG BASE_IMAGE=a\nFROM ${BASE_IMAGE}\n", None),
        ("", None),
        ("FROM\n", None),
    ],
)
def test_a_from_line_that_is_the_argument_alone_has_its_value(
    text: str, reference: str | None
) -> None:
    assert read_base_reference(text, {}) == reference


def test_a_callers_argument_overrules_the_default_that_others_are_made_of() -> None:
    text = "ARG R=here\nARG BASE_IMAGE=${R}/base\nFROM ${BASE_IMAGE}\n"
    assert read_base_reference(text, {"R": "there"}) == "there/base"


def test_arguments_that_nobody_declared_count_for_nothing() -> None:
    text = "ARG BASE_IMAGE=${R}base\nFROM ${BASE_IMAGE}\n"
    assert read_base_reference(text, {"R": "there/"}) == "base"
