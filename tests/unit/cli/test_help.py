"""Help lists what people do, and a shell completes what help lists."""

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import pytest

from hardgate.cli.commands import COMMANDS, Purpose, format_command_list
from hardgate.cli.completion import SHELLS
from hardgate.cli.main import main
from hardgate.cli.parser import CommandParser


def complete(line: str) -> list[str]:
    """Give what a shell is offered at the end of a line, as argcomplete's scripts ask for it."""
    read, write = os.pipe()
    with os.fdopen(read) as answers:
        subprocess.run(
            ["/bin/bash", "-c", f'exec "$0" -m hardgate 8>&{write} 9>/dev/null', sys.executable],
            env={
                **os.environ,
                "_ARGCOMPLETE": "1",
                "_ARGCOMPLETE_IFS": "\n",
                "COMP_LINE": line,
                "COMP_POINT": str(len(line)),
                "COMP_TYPE": "9",
            },
            pass_fds=(write,),
            check=True,
            capture_output=True,
        )
        os.close(write)
        return [word.strip() for word in answers.read().splitlines()]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_module_a_sentence_and_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = COMMANDS[name]
    assert callable(import_module(f"hardgate.cli.{name}").main)
    assert command.about[0].islower()
    assert not command.about.endswith(".")
    assert f" {name}" in command.example
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert f"usage: hardgate {name}" in printed


class ParserFoundError(Exception):
    """Carries a command's parser out of the command."""


@pytest.mark.parametrize(
    "words",
    [
        *([name] for name in COMMANDS if name != "contract"),
        *(["contract", part] for part in ("check", "diff", "schema")),
        ["probe", "NAME", "--run", "RUN"],
    ],
    ids=" ".join,
)
def test_each_option_says_what_it_is_for(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def give_parser(parser: CommandParser, _argv: Sequence[str]) -> NoReturn:
        raise ParserFoundError(parser)

    monkeypatch.setattr(CommandParser, "parse_argv", give_parser)
    with pytest.raises(ParserFoundError) as found:
        import_module(f"hardgate.cli.{words[0]}").main(words[1:])
    unexplained = {
        action.dest: action.help
        for action in found.value.args[0]._actions
        if len((action.help or "").partition(" (default")[0].split()) < 2
    }
    assert unexplained == {}


def test_help_has_each_command_once_below_what_people_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.rstrip(":") for line in lines if line.endswith(":")] == [
        purpose.value for purpose in Purpose
    ]
    listed = [line.split()[0] for line in format_command_list().splitlines() if line[:2] == "  "]
    assert sorted(listed) == sorted(COMMANDS)
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("line", "offered", "not_offered"),
    [
        ("hardgate ", "validate", "--help"),
        ("hardgate val", "validate", "gate"),
        ("hardgate gate --contr", "--contract-sha256", "--tier"),
        ("hardgate gate --host ", "nested", "--nested"),
        ("hardgate completion ", "fish", "gate"),
    ],
)
def test_a_shell_is_offered_what_fits(line: str, offered: str, not_offered: str) -> None:
    words = complete(line)
    assert offered in words
    assert not_offered not in words


@pytest.mark.parametrize("line", ["hardgate nothing --x", "hardgate gate 'open", "hardgate xyz"])
def test_a_shell_is_offered_nothing_where_nothing_fits(line: str) -> None:
    assert complete(line) == []


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shells_script_asks_this_program(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "hardgate" in script
    assert "_ARGCOMPLETE" in script
    if shell == "bash":
        subprocess.run(["/bin/bash", "-n"], input=script, text=True, check=True)


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "tcsh" in capsys.readouterr().err
