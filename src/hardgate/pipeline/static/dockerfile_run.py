"""A RUN of a Dockerfile as a script, and the files that its commands write."""

import posixpath
import re
from collections.abc import Sequence
from functools import cache

from hardgate.pipeline.static.dockerfile_reader import Instruction, read_document_mark
from hardgate.pipeline.static.dockerfile_stage import Run, Stage, name_user
from hardgate.pipeline.static.shell_reader import TooLargeError, lines_of, read_script
from hardgate.pipeline.static.shell_state import Call, State, is_known
from hardgate.pipeline.static.shell_tree import Script, Simple, Text, Word
from hardgate.pipeline.static.shell_ways import set_options, shebang_of, shell_options
from hardgate.pipeline.static.shell_word_reader import Lines
from hardgate.pipeline.static.shell_world import SourceFile, World
from hardgate.pipeline.static.shell_wrappers import EXPAND_BRACES, SHELLS


def read_run(stage: Stage, instruction: Instruction, name: str) -> Run | None:
    """Prepare a RUN; None where it is not a shell's."""
    text, shell = instruction.text, list(stage.shell)
    lines: Lines = instruction.line_at
    if instruction.json is not None:
        words = tuple(Word(parts=(Text(text=word, quoted=True),)) for word in instruction.json)
        script = Script(items=(Simple(line=instruction.line, words=words),) if words else ())
        return Run(
            line=instruction.line,
            script=script,
            state=_state(stage, []),
            world=_world(stage, name),
        )
    if instruction.documents:
        text, lines, shell = _with_documents(instruction, shell)
    if not shell or shell[0].rpartition("/")[2] not in SHELLS:
        return None
    try:
        script = read_script(text, lines)
    except TooLargeError:
        return None
    options, _ = shell_options(shell[1:])
    return Run(
        line=instruction.line,
        script=script,
        state=_state(stage, options),
        world=_world(stage, name),
    )


def _with_documents(instruction: Instruction, shell: list[str]) -> tuple[str, Lines, list[str]]:
    """Put here-documents where BuildKit puts them: one alone is the script itself."""
    first = instruction.documents[0]
    if len(instruction.text.split()) == 1 and read_document_mark(instruction.text):
        content = first.content
        own = shebang_of(content)
        return content, lines_of(content, first.line), own or shell
    text = instruction.text
    borders = [(len(text) + 1, first.line)]
    for document in instruction.documents:
        text += "\n" + document.text + document.name
        borders.append((len(text) + 1, document.line + document.text.count("\n") + 1))

    def line_at(offset: int) -> int:
        if offset <= len(instruction.text):
            return instruction.line_at(offset)
        return first.line + text[borders[0][0] : offset].count("\n")

    return text, line_at, shell


def _state(stage: Stage, options: Sequence[str]) -> State:
    variables = {**stage.values, "PWD": stage.folder}
    user = name_user(stage)
    uid = "0" if user in {"root", "0"} else user
    expands = stage.shell[0].rpartition("/")[2] in EXPAND_BRACES
    return set_options(State(variables=variables, user=uid, expands_braces=expands), options)


def _world(stage: Stage, name: str) -> World:
    files = stage.files.copy()

    @cache
    def read_file(path: str, folder: str) -> SourceFile | None:
        where = posixpath.normpath(posixpath.join(folder or "/", path))
        found = files.find(where)
        if found is None and "/" not in path and (command := files.find_command(path)):
            found = files.find(command)
        text = found.read() if found else None
        if text is None or not looks_like_shell(where, text):
            return None
        shown = str(found.path.name) if found and found.path else path
        return SourceFile(name=shown, text=text)

    return World(
        file=name,
        read_file=read_file,
        undecided=frozenset(),
        unset_is_empty=True,
    )


def looks_like_shell(path: str, text: str) -> bool:
    """Tell by the first line, else by the name's end."""
    words = shebang_of(text)
    if words:
        return words[0].rpartition("/")[2] in SHELLS
    return path.endswith((".sh", ".bash")) or not text.startswith(("#!", "\x7f", "\0"))


def note_files(stage: Stage, call: Call, folder: str) -> None:
    """Note what a command writes, copies, moves or links, where its words tell."""
    written = _written_text(call)
    for path in call.writes:
        if written is not None and is_known(path):
            stage.files.add_text(posixpath.normpath(posixpath.join(folder, path)), written)
    operands = [word for word in call.argv[1:] if not word.startswith("-")]
    if call.name in {"mv", "cp", "ln"} and len(operands) == 2:  # noqa: PLR2004 - from, to
        source, target = (posixpath.normpath(posixpath.join(folder, one)) for one in operands)
        if operands[1].endswith("/"):
            target = posixpath.join(target, posixpath.basename(source))
        stage.files.add_alias(target, source)
    if call.name == "install" and len(operands) >= 2 and "-d" not in call.argv:  # noqa: PLR2004
        source, target = (posixpath.normpath(posixpath.join(folder, one)) for one in operands[-2:])
        stage.files.add_alias(target, source)


def _written_text(call: Call) -> str | None:
    """Give what `echo`, `printf` or `cat <<EOF` print; None where it cannot be told."""
    words = [word for word in call.argv[1:] if not re.fullmatch(r"-[neE]+", word)]
    if call.name == "cat" and len(call.argv) == 1:
        return call.stdin
    if call.name == "echo":
        return " ".join(words).replace("\\n", "\n") + "\n"
    if call.name == "printf" and words:
        text = words[0].replace("\\n", "\n").replace("\\t", "\t").replace("%%", "%")
        for word in words[1:]:
            text = re.sub(r"%[sbq]", lambda _, w=word: w, text, count=1)  # type: ignore[misc]
        return text
    return None
