"""The reader of Dockerfiles, held to BuildKit's own parser, and what it makes of lines."""

import random
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from hardgate.pipeline.static.dockerfile import read_labels
from hardgate.pipeline.static.dockerfile_reader import BadDockerfileError, read_instructions
from hardgate.pipeline.static.dockerfile_words import BadWordError, expand_text, split_words
from tests.unit.pipeline.static.buildkit import parse_by_buildkit

ROOT = Path(__file__).parents[4]
HAS_BUILDKIT = find_spec("dockerfile") is not None
"""Its wheel is for x86-64 alone; elsewhere our own expectations are all there is."""
FILES = [
    file
    for folder in ("image", "tests/integration")
    for file in (ROOT / folder).rglob("*Dockerfile*")
    if file.is_file()
]
PIECES = (
    *("RUN", "FROM x", "COPY a b", "ADD", "ENV a=b", "ONBUILD RUN", "run", "USER\tagent"),
    *('LABEL x="a <<EOF"', 'CMD ["a", "b"]', "ENTRYPOINT", "HEALTHCHECK CMD x", "<<EOF"),
    *("<<-EOF", "<<'EOF'", '<<"EOF"', "3<<EOF", "$((1<<4))", "<<<", "a <<b", "${x:-a <<EOF b}"),
    *("${x?a}", "$", "'", '"', "\\", "`", " ", "\t", "\n", "\n", "\n", "\n", "\r\n", "EOF"),
    *("EOF\n", "\tEOF\n", "# escape=`\n", "#escape = \\\n", "# c\n", "# syntax=a\n", "[", "]"),
    *("--mount=type=cache", "--from=a", "-- ", "--x='a b'", '--chown="q', "\\\n", "\\ \n"),
    *("\\\\\n", "`\n", '["a"]', "x=1", "\u2028", "\x1c", "\v", "\u00a0", "&&", "|| true", "é"),
    *("\ufeff", "${y+a}", "${z-x*}", "$1", "$@", "${", "}"),
)


def describe(text: str) -> Any:
    """Write what our reader makes of a text as the other process writes BuildKit's answer."""
    try:
        return [
            [
                one.keyword,
                one.child.keyword if one.child else "",
                (one.child or one).json is not None,
                one.line,
                one.end_line,
                list(one.flags),
                [] if one.child else [[document.name, document.text] for document in one.documents],
            ]
            for one in read_instructions(text)
        ]
    except BadDockerfileError as error:
        return error.problem


def compare(texts: list[str]) -> list[tuple[str, Any, Any]]:
    """Give the texts that both read, and read differently; what BuildKit refuses does not count."""
    theirs = parse_by_buildkit(texts) if HAS_BUILDKIT else [""] * len(texts)
    return [
        (text, answer, ours)
        for text, answer in zip(texts, theirs, strict=True)
        if not isinstance(answer, str) and (ours := describe(text)) != answer
    ]


def test_our_own_dockerfiles_are_read_as_buildkit_reads_them() -> None:
    texts = [file.read_text() for file in FILES]
    assert len(texts) > 5
    assert compare(texts) == []


@pytest.mark.parametrize("seed", range(2))
def test_generated_files_are_read_as_buildkit_reads_them(seed: int) -> None:
    """Its newer `${x#a}`, `${x%a}` and `${x/a/b}` are left out: the package holds an older one."""
    made = random.Random(seed)  # noqa: S311 - files to read, no secret
    texts = [
        "FROM a\n" * made.randint(0, 1)
        + "".join(
            made.choice(PIECES) + made.choice(("", " ", "\n")) for _ in range(made.randint(1, 12))
        )
        for _ in range(2000)
    ]
    assert compare(texts) == []


@pytest.mark.parametrize(
    "line",
    [
        'RUN echo "a << b"',
        "RUN x=$((1 << 4))",
        "RUN truncate --size=$((64<<20)) /x",
        "RUN cat <<< hello",
        'LABEL a="x <<y"',
        "LABEL a=<<y",
        "RUN echo '<<EOF'",
        "ENV A=<<EOF",
    ],
)
def test_what_begins_no_here_document_hides_nothing(line: str) -> None:
    read = read_instructions(f"FROM a\n{line}\nUSER agent\n")
    assert [one.keyword for one in read] == ["FROM", line.split(maxsplit=1)[0], "USER"]


def test_here_documents_end_at_their_names() -> None:
    (only,) = read_instructions("COPY <<-'A' <<B /x/\n\ta $b\n\tA\nb\nB\n")
    first, second = only.documents
    assert (first.name, first.content, first.expands, first.line) == ("A", "a $b\n", False, 2)
    assert (second.name, second.content, second.expands, second.line) == ("B", "b\n", True, 4)


def test_a_newer_substitution_does_not_hide_a_here_document() -> None:
    (only,) = read_instructions("RUN cat <<EOF >${x%/}/y\na\nEOF\n")
    assert only.documents[0].text == "a\n"


def test_an_escape_directive_counts_on_the_first_lines_alone() -> None:
    assert len(read_instructions("# escape=`\nRUN a `\n b\n")) == 1
    assert len(read_instructions("FROM a\n# escape=`\nRUN a `\nRUN b\n")) == 3


def test_each_character_knows_its_line() -> None:
    (only,) = read_instructions("RUN --mount=type=cache a \\\n  # note\n\n  && b\n")
    assert only.flags == ("--mount=type=cache",)
    assert [only.line_at(only.text.index(word)) for word in ("a", "b")] == [1, 4]


@pytest.mark.parametrize(
    "text",
    ["", "# only\n", "RUN <<EOF\na\n", "# escape=x\nFROM a\n", "#escape=`\n#escape=`\nFROM a"],
)
def test_what_buildkit_refuses_is_refused(text: str) -> None:
    with pytest.raises(BadDockerfileError):
        read_instructions(text)


def test_words_are_expanded_as_buildkit_does() -> None:
    values = {"A": "one two", "P": "a/b/c.txt", "E": ""}
    assert split_words("$A \"${A}\" '$A' x\\ y", values) == ["one", "two", "one two", "$A", "x y"]
    assert expand_text("${E:-d}${E-d}${X:-d}${A:+s}${X:+s}", values) == "dds"
    assert (
        expand_text("${P##*/} ${P%.*} ${P/b/x} ${P//?/.}", values)
        == "c.txt a/b/c a/x/c.txt " + "." * 9
    )
    with pytest.raises(BadWordError):
        expand_text("${A", values)


def test_labels_are_read_with_quotes_and_variables() -> None:
    text = 'FROM a\nARG V=1\nLABEL hardgate.smoke="MODE=a b" v=${V}\nLABEL old style\n'
    assert read_labels(text) == {"hardgate.smoke": "MODE=a b", "v": "1", "old": "style"}
    assert read_labels("# nothing\n") == {}


def test_deep_and_long_input_ends_in_time() -> None:
    depth = sys.getrecursionlimit() * 2
    for text in ("${a:-" * depth, "[" * depth, "'" * depth, "<<A " * 500):
        describe(f"FROM a\nRUN {text}\n")
        describe(f"FROM a\nLABEL {text}\n")
        read_labels(f"FROM a\nLABEL x={text}\n")


def test_labels_are_read_without_the_reader_of_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """`runtime` reads labels, and is installed without the extra that brings tree-sitter."""
    monkeypatch.setattr(
        "hardgate.pipeline.static.shell_reader._parser", lambda: pytest.fail("read")
    )
    lines = ["FROM a", "ENV M=1", "RUN x || y", "HEALTHCHECK CMD x", "ONBUILD RUN x", "CMD x"]
    text = "\n".join([*lines, 'LABEL hardgate.smoke="S=$M"'])
    assert read_labels(text) == {"hardgate.smoke": "S=1"}
