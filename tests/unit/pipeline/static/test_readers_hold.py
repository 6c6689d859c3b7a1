"""No input crashes or hangs a reader, and how a text is laid out changes no answer.

Nothing that is made here is run: texts are read, and gone through in thought.
"""

import re
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardgate.pipeline.static.config import read_config
from hardgate.pipeline.static.dockerfile import read_dockerfile
from hardgate.pipeline.static.dockerfile_reader import BadDockerfileError
from hardgate.pipeline.static.expression import BadExpressionError, Context, evaluate
from hardgate.pipeline.static.jq_filter import run_jq
from hardgate.pipeline.static.makefile import read_makefile
from hardgate.pipeline.static.shell_arithmetic import calculate
from hardgate.pipeline.static.shell_filters import run_filter
from hardgate.pipeline.static.shell_machine import Machine
from hardgate.pipeline.static.shell_reader import TooLargeError, read_script
from hardgate.pipeline.static.shell_state import OTHER, State
from hardgate.pipeline.static.shell_ways import set_options
from hardgate.pipeline.static.shell_world import TooManyWaysError, World
from hardgate.pipeline.static.workflow import read_action, read_workflow
from hardgate.schema.document import Refusal

BOUNDED = settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""The same examples on each run: a red test stays red."""
SHELL = st.sampled_from(
    ["watched", "true", "false", "x=1", "x=(a b)", "x+=(c)", '"${x[@]}"', "$((x + 1))", "((x++))",
     "if", "then", "else", "fi", "for d in", "do", "done", "while read -r d; do", "case $x in",
     "a) ;;", "esac", "{", "}", "(", ")", "|", "||", "&&", ";", "\n", "&", "!", "<<E\n", "E\n",
     "<<< a", "< <(ls)", "`", "'", '"', "\\", "\\\n", "$", "${x:-y}", "${x#", "$(", "#", "exec",
     "trap 'exit 0' EXIT", "set -e", "su agent -c", "xargs", "grep -q a", "jq -e .", "make t4",
     "eval", "f() {", "return 1", "exit $?", "\ue0fe", "\ue0fb", "\0", "é", "[ -f a ]", "[["]
)  # fmt: skip
DOCKER = st.sampled_from(
    ["FROM a", "FROM a AS b", "FROM b", "COPY --from=b x /y", "COPY <<E /x", "E", "RUN ls || true",
     "RUN <<E", "RUN [\"a\"]", "USER 1", "ENV A=$B", "ENV A ${B:-", "ARG", "SHELL [\"bash\"]",
     "ENTRYPOINT [\"/x\"]", "ENTRYPOINT x", "CMD", "ONBUILD RUN ls", "# escape=`", "\\",
     "WORKDIR $A", "RUN --mount=type=bind,from=b ls", "HEALTHCHECK", "\u2028", "RUN echo \\",
     "LABEL a=\"b"]
)  # fmt: skip
YAML = st.sampled_from(
    ["on: push", "on: [push, pull_request]", "jobs:", "  a:", "    if: ${{ always() }}",
     "    needs: [a]", "    steps:", "      - run: ls", "      - uses: ./x", "    strategy:",
     "      matrix: {a: [1]}", "&a", "*a", "- ", "{", "}", "[", ": ", "'", '"', "\t", "!!x", "? a",
     "runs: {using: composite, steps: []}", "tier: 4", "name: x", "env: {A: b}", "\0", "---", "|\n"]
)  # fmt: skip
EXPRESSION = st.sampled_from(
    ["needs", ".a", ".*", "[", "]", "(", ")", "'x'", "1", "==", "!=", "&&", "||", "!", ",", "<",
     "always()", "contains(", "fromJSON(", "toJSON(", "format('{0}'", "'{", "null", "\ue0fe"]
)  # fmt: skip
FILTER = st.sampled_from([*".[]|,()", ".a", "all(", "select(", '"x"', "not", "=="])
MAKE = st.sampled_from(
    ["all:", "\tls", "a: b", "A = $(A)", "$(", "\\", "-include x", "define", "\t-@$$x", ".PHONY: a",
     "a b: ; ls"]
)  # fmt: skip
NOISE = st.text(max_size=60)


def lay_out(pieces: st.SearchStrategy[str], between: str, most: int) -> st.SearchStrategy[str]:
    """Make texts of pieces, some of them with noise in between."""
    return st.lists(st.one_of(pieces, pieces, pieces, NOISE), max_size=most).map(between.join)


def go_through(text: str, *options: str) -> frozenset[tuple[bool, bool]]:
    """Give whether a script may end well, with a command in it that fails, and without it."""
    world = World(watches=lambda call: call.name == "watched", read_makefile=lambda _: None)
    try:
        ended = Machine(world).finish(read_script(text), set_options(State(), options))
    except (TooManyWaysError, TooLargeError):
        return frozenset()
    return frozenset((one.failed, one.status in {"0", OTHER}) for one in ended)


@BOUNDED
@given(text=lay_out(SHELL, " ", 14))
def test_any_script_is_read_and_gone_through(text: str) -> None:
    go_through(text, "-e")


@BOUNDED
@given(text=lay_out(DOCKER, "\n", 12))
def test_any_dockerfile_is_read_or_refused(text: str) -> None:
    with suppress(BadDockerfileError):
        read_dockerfile(text, name="Dockerfile", context=Path("/nonexistent"), agent_uid=1000)


@BOUNDED
@given(text=lay_out(YAML, "\n", 14))
def test_any_workflow_action_and_config_is_read_or_refused(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    for read in (lambda: read_workflow(data, ".github/workflows/a.yml"), lambda: read_action(data)):
        with suppress(Refusal):
            read()
    read_config(data)


@BOUNDED
@given(text=lay_out(EXPRESSION, " ", 12))
def test_any_expression_has_a_value_or_is_none(text: str) -> None:
    with suppress(BadExpressionError):
        evaluate(text, Context(roots={"needs": {"a": {"result": "failure"}}}))


@BOUNDED
@given(text=lay_out(FILTER, " ", 14))
def test_any_filter_is_answered_or_left_open(text: str) -> None:
    run_jq(["jq", "-e", text], '{"a": [1, {"b": null}]}')


@BOUNDED
@given(pattern=lay_out(st.sampled_from([*"()[]{}*+?|^$.\\-a", "[:alpha:]", r"\("]), "", 14))
def test_any_pattern_is_searched_or_left_open(pattern: str) -> None:
    for flag in ("-E", "-G", "-F"):
        run_filter(
            ["grep", flag, "--", pattern], "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n" * 5
        )


@BOUNDED
@given(text=lay_out(st.sampled_from([*"()+-*/%&|!<>=?:~^1", "n", "n++", "<<", "**", "0x"]), "", 14))
def test_any_arithmetic_has_a_value_or_is_unknown(text: str) -> None:
    calculate(text, lambda _: "3")


@BOUNDED
@given(text=lay_out(MAKE, "\n", 14))
def test_any_makefile_is_read_or_left_open(text: str) -> None:
    read_makefile(text)


SAMPLES = (
    "watched || true\necho end\n",
    "set -e\nwatched\necho end\n",
    "if watched; then\necho a\nelse\nexit 1\nfi\n",
    "rc=0\nwatched || rc=$?\nexit $rc\n",
    "for d in a b; do\nwatched\ndone\necho end\n",
    "n=0\nwatched || n=$((n + 1))\n[ $n = 0 ]\n",
    "f() {\nwatched\n}\nf | cat\n",
    "x=(a b)\nfor d in \"${x[@]}\"; do\nwatched && continue\nexit 2\ndone\n",
)  # fmt: skip
LAYOUTS = st.lists(st.sampled_from(["\n", "\n\n", "\n# it's || true\n", "\n   ", "\n\t \n", " \n"]),
                   min_size=12, max_size=12)  # fmt: skip


@BOUNDED
@given(sample=st.sampled_from(SAMPLES), layouts=LAYOUTS)
def test_layout_of_a_script_changes_no_answer(sample: str, layouts: list[str]) -> None:
    ends = iter(layouts * 2)
    written = re.sub("\n", lambda _: next(ends), sample)
    assert go_through(written) == go_through(sample)


@BOUNDED
@given(sample=st.sampled_from(SAMPLES), at=st.integers(min_value=0, max_value=40))
def test_a_continued_line_changes_no_answer(sample: str, at: int) -> None:
    blanks = [match.start() for match in re.finditer(" ", sample)]
    place = blanks[at % len(blanks)]
    written = f"{sample[:place]} \\\n {sample[place + 1 :]}"
    assert go_through(written) == go_through(sample)


DOCKERFILE = "FROM a\nRUN set -e; apt-get install -y b && ls\nENV A=b C=d\nCOPY x /y\nUSER agent\n"


@BOUNDED
@given(
    layouts=st.lists(st.sampled_from(["\n", "\n\n", "\n# a \\\n", "\n  "]), min_size=5, max_size=5),
    joins=st.lists(st.sampled_from([" ", "  ", " \\\n", " \\\n# a\n  "]), min_size=20, max_size=20),
)
def test_layout_of_a_dockerfile_changes_no_act(layouts: list[str], joins: list[str]) -> None:
    def acts(text: str) -> list[tuple[str, tuple[str, ...]]]:
        file = read_dockerfile(text, name="D", context=Path("/nonexistent"), agent_uid=1000)
        return [(act.keyword, act.words) for act in file.acts]

    blanks, ends = iter(joins), iter(layouts)
    written = re.sub("[ \n]", lambda m: next(blanks if m[0] == " " else ends), DOCKERFILE)
    assert acts(written) == acts(DOCKERFILE)
