"""Scripts run in thought, beside what a real shell does with them."""

import random
import re
import stat
import subprocess
from pathlib import Path

import pytest

from hardgate.pipeline.static.shell_machine import Machine
from hardgate.pipeline.static.shell_reader import read_script
from hardgate.pipeline.static.shell_state import OTHER, UNKNOWN, Call, State, is_known
from hardgate.pipeline.static.shell_ways import set_options
from hardgate.pipeline.static.shell_world import SourceFile, TooManyWaysError, World
from hardgate.pipeline.static.shell_wrappers import unwrap

WATCHED = "watched"
RUN_SECONDS = 10


def final_states(text: str, *options: str, world: World | None = None) -> list[State]:
    """Run a script in thought, with one command in it that always fails."""
    watching = world or World(watches=lambda call: call.name == WATCHED)
    machine = Machine(watching)
    return machine.finish(read_script(text), set_options(State(), options))


def may_pass(text: str, *options: str) -> bool:
    """Tell whether the script may end well although the command was run, and has failed."""
    ended = final_states(text, *options)
    return any(state.failed and state.status in {"0", OTHER} for state in ended)


def may_do_without(text: str, *options: str) -> bool:
    """Tell whether the script may end well without running the command."""
    ended = final_states(text, *options)
    return any(not state.ran and state.status in {"0", OTHER} for state in ended)


PASSING = [
    "watched || true",
    "A=b watched || true",
    "timeout 5 watched || (echo failed)",
    "watched || code=$?",
    "if watched; then echo; fi",
    "if ! watched; then echo; fi",
    "! watched",
    "watched & sleep 0",
    "trap 'exit 0' EXIT; watched",
    "trap 'exit 0' ERR; watched",
    "watched | cat",
    "watched; echo",
    "set +e; watched; echo",
    "watched && echo; echo",
    "export A=$(watched)",
    "sh -c 'watched || true'",
    "for n in 1 2; do watched && break; true; done",
    "while read -r x; do watched; true; done <<< a",
    "echo $(watched)",
    "f() { watched; echo; }; f",
    "eval 'watched || true'",
    "case x in x) watched;; esac; true",
    "cat < <(watched)",
]


@pytest.mark.parametrize("text", PASSING)
def test_a_failure_that_is_passed_by_is_seen(text: str) -> None:
    assert may_pass(text)


KEEPING = [
    "watched",
    "watched || exit 1",
    "watched || { echo; exit 1; }",
    "watched || exit",
    "rc=0; watched || rc=$?; exit $rc",
    "if ! watched; then exit 1; fi",
    "watched & wait $!",
    "set -o pipefail; watched | cat",
    "watched | cat; exit ${PIPESTATUS[0]}",
    "until watched; do :; done",
    "f() { exit 1; }; watched || f",
    "s=ok; watched || s=bad; [ $s = ok ]",
    "(watched) || exit 1",
    "trap 'rc=$?; echo; exit $rc' EXIT; watched",
    "watched || watched",
    'if [ x = "$Y" ]; then set +e; watched; r=$?; fi; if [ x = "$Y" ]; then exit $r; fi',
    "su agent -c 'watched'",
    "exec watched",
    "rc=0; watched || rc=1; if (( rc != 0 )); then exit 1; fi",
    "watched || [[ $? -eq 0 ]]",
    "OUT=$(watched)",
]


@pytest.mark.parametrize("text", KEEPING)
def test_a_failure_that_is_kept_is_not_taken_for_lost(text: str) -> None:
    assert not may_pass(text)


def test_errexit_looks_at_what_a_real_shell_looks_at() -> None:
    assert not may_pass("watched; echo", "-e")
    assert may_pass("watched && true; echo", "-e")
    assert not may_pass("f() { watched && true; }; f; echo", "-e")
    assert not may_pass("(watched && true); echo", "-e")
    assert may_pass("if true; then watched && true; fi; echo", "-e")
    assert may_pass("{ watched; echo; } || true", "-e")


def test_a_path_without_the_command_is_seen() -> None:
    assert may_do_without('if [ -n "$X" ]; then watched; fi')
    assert may_do_without("command -v docker || exit 0; watched")
    assert may_do_without("if false; then watched; fi")
    assert not may_do_without("if true; then watched; fi")
    assert not may_do_without("[ -f x ] || exit 1; watched", "-e")
    assert not may_do_without("for n in 1; do watched; done")


def test_a_function_from_elsewhere_cannot_be_told() -> None:
    ended = final_states(". ./lib.sh; watched || stop_here")
    assert {state.status for state in ended if state.failed} == {UNKNOWN}
    assert {s.status for s in final_states("watched || die no") if s.failed} == {UNKNOWN}


def test_what_the_grammar_does_not_know_cannot_be_told() -> None:
    for text in ("cat <<A <<B\nx\nA\ny\nB\nwatched || true", "a )) ; watched || true"):
        assert all(state.astray for state in final_states(text))
    assert not any(state.astray for state in final_states("exec 3<>file; watched || true"))


def test_files_are_followed() -> None:
    files = {"/ci/gate.sh": "#!/bin/sh -e\nwatched\necho\n", "/lib.sh": "stop() { exit 3; }\n"}

    def read_file(path: str, folder: str) -> SourceFile | None:
        text = files.get(path if path.startswith("/") else f"{folder}/{path}".replace("./", ""))
        return SourceFile(name=path, text=text) if text is not None else None

    world = World(watches=lambda call: call.name == WATCHED, read_file=read_file)
    for text, kept in (
        ("/ci/gate.sh", True),
        ("cd /ci && ./gate.sh", True),
        ("bash -e /ci/gate.sh", True),
        ("bash /ci/gate.sh", False),  # the first line's options are not read then
    ):
        failed = [state for state in final_states(text, world=world) if state.failed]
        assert failed
        assert all((state.status != "0") is kept for state in failed), text
    assert not any(
        state.status == "0" for state in final_states(". /lib.sh; watched || stop", world=world)
    )


@pytest.mark.parametrize(
    ("text", "argv", "user"),
    [
        ("timeout -k 5 50m nox -s t4", "nox -s t4", ""),
        ("env -u A -S 'x y' z", "x y z", ""),
        ("env -u A B=c x", "x", ""),
        ("sudo -E -u agent A=b cmd -u x", "cmd -u x", "agent"),
        ("gosu agent:agent run -x", "run -x", "agent:agent"),
        ("setpriv --reuid=1000 --regid 1000 --init-groups -- run", "run", "1000"),
        ("setpriv --reuid 1000 run", "run", "1000"),
        ("chroot --userspec=agent / run", "run", "agent"),
        ("runuser -u agent -- run", "run", "agent"),
        ("nice -n 5 ionice -c2 nohup run", "run", ""),
        ("xargs -r -n 1 apt-get install", "apt-get install", ""),
        ("tini -g -- run", "run", ""),
        ("command -v x", "command -v x", ""),
        ("gosu agent", "gosu agent", ""),
        ("time", "time", ""),
    ],
)
def test_wrappers_are_taken_off(text: str, argv: str, user: str) -> None:
    import shlex  # noqa: PLC0415 - of this test alone

    unwrapped = unwrap(shlex.split(text))
    assert (" ".join(unwrapped.argv), unwrapped.user) == (argv, user)


def test_words_are_known_or_marked() -> None:
    def argv_of(text: str) -> tuple[str, ...]:
        machine = Machine(World(unset_is_empty=True))
        machine.finish(read_script(text), State(arguments=("a b", "c"), user="0"))
        return [call for call in machine.calls if call.name == "show"][-1].argv[1:]

    assert argv_of('x="1 2"; show $x "$x" ${x%% *} ${y:-z} ${y}') == ("1", "2", "1 2", "1", "z")
    assert argv_of('show "$@" $# $1') == ("a b", "c", "2", "a", "b")
    assert argv_of('set -- gosu "$@"; shift; show "$@"') == ("a b", "c")
    assert argv_of('show "$(id -u)" "$(dirname /a/b)"') == ("0", "/a")
    assert argv_of("A='x y'; show $A/b") == ("x", "y/b")
    assert not is_known(argv_of("show $(date)")[0])


def test_a_script_with_too_many_ways_ends_in_time() -> None:
    nested = "f() { f; f; }; f"
    with pytest.raises(TooManyWaysError):
        final_states(nested)
    final_states("\n".join(f"if [ -f {n} ]; then x{n}=1; fi" for n in range(200)))


COMMANDS = ("watched", "true", "false", "echo x", "rc=$?", "exit 0", "exit 1", "exit $rc", "set +e",
            "set -e", "set -o pipefail", ":", "exit", "f", "[ $rc = 0 ]", "cat")  # fmt: skip
SHAPES = ("{a}; {b}", "{a} && {b}", "{a} || {b}", "! {a}", "( {a} )", "{{ {a}; }}",
          "{a} | {{ cat; {b}; }}",
          "if {a}; then {b}; fi", "if {a}; then {b}; else {c}; fi", "for n in 1 2; do {a}; done",
          "x=$({a})", "export x=$({a})", "f() {{ {a}; }}", "trap '{d}' EXIT",
          "while {a}; do {b}; break; done", "until {a}; do {b}; break; done", "{a}\n{b}",
          "case $rc in 0) {a};; *) {b};; esac", "bash -c '{d}'", "{a} || {{ {b}; {c}; }}",
          "sh -ec '{d}'", "{a} |& {{ cat; {b}; }}", "echo $({a})", "eval '{d}'")  # fmt: skip


def make_script(made: random.Random, depth: int) -> str:
    """Make a script of the pieces that decide what becomes of a status.

    Who reads a pipe reads all of it: else it is chance whether its writer is ended half-way.
    """
    if depth == 0 or made.random() < 0.2:
        return made.choice(COMMANDS)
    parts = {name: make_script(made, depth - 1) for name in "abc"}
    return made.choice(SHAPES).format(**parts, d=made.choice(COMMANDS[:5]))


def test_no_real_shell_ends_well_where_it_was_told_that_it_cannot(tmp_path: Path) -> None:
    """One direction alone: it may be told that a way is open which this shell does not go."""
    program = tmp_path / WATCHED
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 3\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    made = random.Random(4)  # noqa: S311 - scripts to run, no secret
    wrong = []
    for _ in range(120):
        text = "rc=0\nf() { true; }\n" + "\n".join(make_script(made, 3) for _ in range(2))
        options = ["-e"] if made.random() < 0.5 else []
        (tmp_path / "ran").unlink(missing_ok=True)
        if text.count("f() {") > 1 and re.search(r"\bf\b(?!\()", text):
            continue  # It could call itself for ever.
        finished = subprocess.run(
            ["bash", *options, "-c", text],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=RUN_SECONDS,
        )
        ran, well = (tmp_path / "ran").exists(), finished.returncode == 0
        if not well:
            continue
        told = may_pass(text, *options) if ran else may_do_without(text, *options)
        unsure = any(s.status == UNKNOWN or s.astray for s in final_states(text, *options))
        if not told and not unsure:
            wrong.append((options, text))
    assert wrong == []


def test_calls_carry_their_place() -> None:
    machine = Machine(World(file="x.sh"))
    machine.finish(read_script("a\n\nsudo -u agent b <<E >out\nhi\nE\n"), State())
    first, second = machine.calls
    assert (first.file, first.line, first.argv) == ("x.sh", 1, ("a",))
    assert isinstance(second, Call)
    assert (second.line, second.user, second.writes, second.stdin) == (3, "agent", ("out",), "hi\n")


DECIDED = [
    ("[[ abc == a* ]]", True),
    ("[[ abc == 'a*' ]]", False),
    (r"[[ abc == a\* ]]", False),
    ('p="a*"; [[ abc == $p ]]', True),
    ('p="a*"; [[ abc == "$p" ]]', False),
    ("[[ a.c =~ ^a.c$ ]]", True),
    ("[[ abc =~ ^(abc|d)$ ]]", True),
    ("[[ b != [^a] ]]", False),
    ("x=; [[ $x == '' ]]", True),
    ("case abc in 'a*') false;; *) true;; esac", True),
    ("case abc in a*) false;; *) true;; esac", False),
    ("case abc in a*) ;& x) false;; esac", False),
]
"""Answers of bash 5.2."""


@pytest.mark.parametrize(("text", "holds"), DECIDED)
def test_a_pattern_matches_as_bash_matches_it(text: str, holds: bool) -> None:
    ended = final_states(f"set -- a; {text}")
    assert {state.status == "0" for state in ended} == {holds}


@pytest.mark.parametrize(
    "text", ["[[ aab == +(a)b ]]", "[[ aaa =~ (a*)*b ]]", "[[ abc =~ '^a.c$' ]]"]
)
def test_a_pattern_that_is_not_read_is_left_open(text: str) -> None:
    assert {state.status for state in final_states(text)} == {"0", "1"}


def test_a_script_is_called_by_its_own_name_and_a_sourced_file_by_that_ones() -> None:
    files = {"/lib.sh": SourceFile(name="lib.sh", text='show "$BASH_SOURCE" "$0"\n')}
    machine = Machine(World(file="x.sh", read_file=lambda path, _folder: files.get(path)))
    text = 'show "$BASH_SOURCE" "$0"\n. /lib.sh\nshow "${BASH_SOURCE[0]}" "$0"\n'
    machine.finish(read_script(text), State(script="/entrypoint.sh"))
    shown = [call.argv[1:] for call in machine.calls if call.name == "show"]
    assert shown == [
        ("/entrypoint.sh", "/entrypoint.sh"),
        ("/lib.sh", "/entrypoint.sh"),
        ("/entrypoint.sh", "/entrypoint.sh"),
    ]
