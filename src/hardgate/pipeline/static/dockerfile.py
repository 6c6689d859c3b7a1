"""A Dockerfile as its last stage does it: one act after the other, with the lines they stand on."""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from hardgate.pipeline.static.base_images import BaseImage, read_base
from hardgate.pipeline.static.dockerfile_reader import (
    BadDockerfileError,
    Instruction,
    read_document_mark,
    read_instructions,
)
from hardgate.pipeline.static.dockerfile_words import (
    BadWordError,
    Rules,
    expand_text,
    split_words,
)
from hardgate.pipeline.static.image_files import ImageFiles
from hardgate.pipeline.static.shell_machine import Machine
from hardgate.pipeline.static.shell_reader import Lines, TooLargeError, lines_of, read_script
from hardgate.pipeline.static.shell_state import OTHER, UNKNOWN, Call, State, is_known
from hardgate.pipeline.static.shell_tree import Script, Simple, Text, Word
from hardgate.pipeline.static.shell_ways import set_options, shebang_of, shell_options
from hardgate.pipeline.static.shell_world import SourceFile, TooManyWaysError, World
from hardgate.pipeline.static.shell_wrappers import EXPAND_BRACES, SHELLS

DEFAULT_SHELL = ("/bin/sh", "-c")
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_EXPANDED = frozenset({"ADD", "COPY", "EXPOSE", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"})


@dataclass(frozen=True, kw_only=True)
class Act:
    """What one instruction, or one command of a RUN, does."""

    line: int
    keyword: str
    words: tuple[str, ...] = ()
    """Of a RUN's command, without wrappers; else the arguments, sources and target absolute."""
    flags: Mapping[str, str] = field(default_factory=dict)
    call: Call | None = None
    certain: bool = True
    """It is done on every way through its RUN."""
    user: str = "root"
    """Who does it."""

    @property
    def name(self) -> str:
        """The command of a RUN, without its folder; else the keyword."""
        if self.keyword != "RUN" or not self.words:
            return self.keyword
        return self.words[0].rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A RUN in shell form, ready to be gone through again."""

    line: int
    script: Script
    state: State
    world: World


@dataclass(frozen=True, kw_only=True)
class Start:
    """ENTRYPOINT or CMD."""

    line: int
    words: tuple[str, ...]
    """In exec form; the shell form is that of a shell."""


@dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """A Dockerfile that was read, for the rules to look at."""

    name: str
    """From the repository's root."""
    agent_uid: int
    base: BaseImage
    line: int
    """Of the last stage's FROM."""
    acts: tuple[Act, ...]
    runs: tuple[Run, ...]
    files: ImageFiles
    variables: Mapping[str, str]
    """ENV at the end: what the workspace starts with."""
    folder: str
    user: Act | None
    """The USER that counts; None where there is none."""
    entrypoint: Start | None
    command: Start | None
    labels: Mapping[str, str]
    unread: tuple[int, ...]
    """Lines of what no reader can follow, such as a RUN of a shell that is none."""


def read_dockerfile(text: str, *, name: str, context: Path, agent_uid: int) -> Dockerfile:
    """Read a Dockerfile; raises BadDockerfileError."""
    return _Builder(name=name, context=context, agent_uid=agent_uid).build(read_instructions(text))


def read_labels(text: str) -> Mapping[str, str]:
    """Read the labels that a Dockerfile gives its image; none where it cannot be read."""
    try:
        file = read_dockerfile(text, name="Dockerfile", context=Path(), agent_uid=0)
    except BadDockerfileError:
        return {}
    return file.labels


@dataclass(kw_only=True)
class _Stage:
    """A stage in the making."""

    base: BaseImage
    line: int
    files: ImageFiles
    name: str = ""
    acts: list[Act] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: Act | None = None
    shell: tuple[str, ...] = DEFAULT_SHELL
    entrypoint: Start | None = None
    command: Start | None = None
    labels: dict[str, str] = field(default_factory=dict)
    unread: list[int] = field(default_factory=list)
    gives: list["_Stage"] = field(default_factory=list)
    """Stages that files of this one come from."""
    triggers: list[Instruction] = field(default_factory=list)
    """What ONBUILD keeps for a stage that is built on this one."""

    @property
    def values(self) -> dict[str, str]:
        """What an instruction's variables stand for; ENV goes before ARG."""
        return {"PATH": DEFAULT_PATH, **self.arguments, **self.environment}


class _Builder:
    """Goes through the instructions, stage by stage."""

    def __init__(self, *, name: str, context: Path, agent_uid: int) -> None:
        self.name = name
        self.context = context
        self.agent_uid = agent_uid
        self.globals: dict[str, str] = {}
        self.stages: list[_Stage] = []

    def build(self, instructions: Sequence[Instruction]) -> Dockerfile:
        """Do all, and give what the last stage is."""
        for instruction in instructions:
            if instruction.keyword == "FROM":
                self._from(instruction)
            elif not self.stages:
                self._global(instruction)
            else:
                self._do(self.stages[-1], instruction)
        if not self.stages:
            raise BadDockerfileError(1, "it has no FROM")
        last = self.stages[-1]
        return Dockerfile(
            name=self.name,
            agent_uid=self.agent_uid,
            base=last.base,
            line=last.line,
            acts=tuple(last.acts),
            runs=tuple(_runs_behind(last)),
            files=last.files,
            variables=dict(last.environment),
            folder=last.folder,
            user=last.user,
            entrypoint=last.entrypoint,
            command=last.command,
            labels=dict(last.labels),
            unread=tuple(last.unread),
        )

    def _global(self, instruction: Instruction) -> None:
        if instruction.keyword != "ARG":
            raise BadDockerfileError(instruction.line, f"{instruction.keyword} stands before FROM")
        for name, value in _pairs(instruction, self.globals):
            self.globals[name] = value or ""

    def _from(self, instruction: Instruction) -> None:
        words = instruction.text.split()
        if not words:
            raise BadDockerfileError(instruction.line, "FROM names no image")
        named = words[2].lower() if len(words) > 2 and words[1].upper() == "AS" else ""  # noqa: PLR2004
        source = _expanded(words[0], self.globals)
        inner = next((one for one in reversed(self.stages) if one.name == source.lower()), None)
        if inner is None or not inner.name:
            stage = _Stage(
                base=read_base(source),
                line=instruction.line,
                files=ImageFiles(context=self.context),
            )
        else:
            stage = _built_on(inner, instruction.line)
        stage.name = named
        self.stages.append(stage)
        for trigger in inner.triggers if inner else ():
            self._do(stage, trigger)

    def _do(self, stage: _Stage, instruction: Instruction) -> None:
        keyword = instruction.keyword
        doer = getattr(self, f"_do_{keyword.lower()}", None)
        if doer is not None:
            doer(stage, instruction)
            return
        words = _words(instruction, stage.values if keyword in _EXPANDED else {})
        stage.acts.append(Act(line=instruction.line, keyword=keyword, words=words))

    def _do_arg(self, stage: _Stage, instruction: Instruction) -> None:
        for name, value in _pairs(instruction, stage.values):
            stage.arguments[name] = self.globals.get(name, "") if value is None else value

    def _do_env(self, stage: _Stage, instruction: Instruction) -> None:
        for name, value in _pairs(instruction, stage.values):
            stage.environment[name] = value or ""

    def _do_label(self, stage: _Stage, instruction: Instruction) -> None:
        for name, value in _pairs(instruction, stage.values):
            stage.labels[name] = value or ""

    def _do_shell(self, stage: _Stage, instruction: Instruction) -> None:
        stage.shell = instruction.json or DEFAULT_SHELL

    def _do_user(self, stage: _Stage, instruction: Instruction) -> None:
        user = _expanded(instruction.text, stage.values)
        stage.user = Act(line=instruction.line, keyword="USER", words=(user,))
        stage.acts.append(stage.user)

    def _do_workdir(self, stage: _Stage, instruction: Instruction) -> None:
        folder = _expanded(instruction.text, stage.values)
        stage.folder = posixpath.normpath(posixpath.join(stage.folder, folder))
        stage.acts.append(
            Act(
                line=instruction.line,
                keyword="WORKDIR",
                words=(stage.folder,),
                user=_user_of(stage),
            )
        )

    def _do_onbuild(self, stage: _Stage, instruction: Instruction) -> None:
        if instruction.child:
            stage.triggers.append(replace(instruction.child, line=instruction.line))

    def _do_entrypoint(self, stage: _Stage, instruction: Instruction) -> None:
        stage.entrypoint = _start(stage, instruction)
        stage.command = None

    def _do_cmd(self, stage: _Stage, instruction: Instruction) -> None:
        stage.command = _start(stage, instruction)

    def _do_add(self, stage: _Stage, instruction: Instruction) -> None:
        self._do_copy(stage, instruction)

    def _do_copy(self, stage: _Stage, instruction: Instruction) -> None:
        flags = _flags(instruction, stage.values)
        words = _words(instruction, stage.values)
        if len(words) < 2:  # noqa: PLR2004 - a source and a target
            return
        *sources, target = words
        is_folder = target.endswith(("/", "/.")) or target == "."
        target = posixpath.normpath(posixpath.join(stage.folder, target))
        self._place(stage, instruction, flags, sources, target, is_folder=is_folder)
        stage.acts.append(
            Act(
                line=instruction.line,
                keyword=instruction.keyword,
                words=(*sources, target + "/" * (is_folder and target != "/")),
                flags=flags,
            )
        )

    def _place(
        self,
        stage: _Stage,
        instruction: Instruction,
        flags: Mapping[str, str],
        sources: Sequence[str],
        target: str,
        *,
        is_folder: bool,
    ) -> None:
        plain = []
        for source in sources:
            mark = read_document_mark(source) if instruction.documents else None
            if mark is None:
                plain.append(source)
                continue
            found = next(one for one in instruction.documents if one.name == mark.name)
            path = posixpath.join(target, mark.name) if is_folder else target
            content = found.content
            if found.expands:
                content = _expanded(content, stage.values, keep_quotes=True)
            stage.files.add_text(path, content)
        origin = flags.get("from", "")
        inner = self._stage_of(origin)
        stage.gives += [inner] if inner else []
        address = any(re.match(r"https?://|git@|.*\.git(#|$)", one) for one in plain)
        if plain:
            stage.files.add_copy(
                tuple(plain),
                target,
                is_folder=is_folder,
                stage=inner.files if inner else None,
                foreign=(bool(origin) and inner is None) or address,
            )

    def _stage_of(self, origin: str) -> _Stage | None:
        if origin.isdigit() and int(origin) < len(self.stages) - 1:
            return self.stages[int(origin)]
        named = (one for one in self.stages[:-1] if one.name and one.name == origin.lower())
        return next(named, None)

    def _do_run(self, stage: _Stage, instruction: Instruction) -> None:
        mounts = (flag for flag in instruction.flags if flag.startswith("--mount="))
        origins = (match[1] for flag in mounts if (match := re.search(r"\bfrom=([^,]+)", flag)))
        stage.gives += filter(None, map(self._stage_of, origins))
        run = _read_run(stage, instruction, self.name)
        if run is None:
            stage.unread.append(instruction.line)
            return
        machine = Machine(run.world)
        try:
            ended = machine.finish(run.script, run.state)
        except TooManyWaysError:
            stage.unread.append(instruction.line)
            ended = []
        well = [one.must for one in ended if one.status in {"0", OTHER}]
        must = frozenset.intersection(*well) if well else frozenset()
        if any(one.opaque for one in ended):
            stage.unread.append(instruction.line)
        stage.runs.append(run)
        for call in machine.calls:
            act = Act(
                line=call.line if call.file == self.name else instruction.line,
                keyword="RUN",
                words=call.argv,
                call=call,
                certain=call in must,
                user=call.user or _user_of(stage),
            )
            stage.acts.append(act)
            _note_files(stage, call, call.folder or stage.folder)


def _runs_behind(last: _Stage) -> Iterator[Run]:
    """Yield each RUN that the image rests on: of its last stage, and of those copied from."""
    told: set[int] = set()
    seen: list[_Stage] = []
    waiting = [last]
    while waiting:
        stage = waiting.pop(0)
        if any(stage is one for one in seen):
            continue
        seen.append(stage)
        waiting += stage.gives
        for run in stage.runs:
            if run.line not in told:
                yield run
        told |= {run.line for run in stage.runs}


def _built_on(inner: _Stage, line: int) -> _Stage:
    return _Stage(
        base=inner.base,
        line=line,
        files=inner.files.copy(),
        acts=list(inner.acts),
        runs=list(inner.runs),
        gives=list(inner.gives),
        environment=dict(inner.environment),
        folder=inner.folder,
        user=inner.user,
        shell=inner.shell,
        entrypoint=inner.entrypoint,
        command=inner.command,
        labels=dict(inner.labels),
        unread=list(inner.unread),
    )


def _user_of(stage: _Stage) -> str:
    return stage.user.words[0].partition(":")[0] if stage.user else "root"


def _expanded(text: str, values: Mapping[str, str], *, keep_quotes: bool = False) -> str:
    """Expand; what cannot be expanded stays unknown."""
    try:
        return expand_text(text, values, Rules(keep_quotes=keep_quotes))
    except BadWordError:
        return UNKNOWN


def _words(instruction: Instruction, values: Mapping[str, str]) -> tuple[str, ...]:
    if instruction.json is not None:
        return tuple(_expanded(word, values) for word in instruction.json)
    words = re.split(r"[\t\v\f\r ]+", instruction.text) if instruction.text else []
    if instruction.documents:
        return tuple(word if "<<" in word else _expanded(word, values) for word in words)
    return tuple(_expanded(word, values) for word in words)


def _flags(instruction: Instruction, values: Mapping[str, str]) -> dict[str, str]:
    pairs = (flag.removeprefix("--").partition("=") for flag in instruction.flags)
    return {name: _expanded(value, values) for name, _, value in pairs}


def _pairs(instruction: Instruction, values: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Yield names and values of ARG and ENV; None where ARG gives no default."""
    try:
        words = split_words(instruction.text, {}, Rules(keep_quotes=True, keep_escapes=True,
                                                        keep_unset=True))  # fmt: skip
    except BadWordError:
        return
    if instruction.keyword in {"ENV", "LABEL"} and words and "=" not in words[0]:
        name, rest = [*instruction.text.split(maxsplit=1), ""][:2]
        yield name, _expanded(rest.strip(), values)
        return
    for word in words:
        name, equals, value = word.partition("=")
        yield name, _expanded(value, values) if equals else None


def _start(stage: _Stage, instruction: Instruction) -> Start | None:
    if instruction.json is not None:
        words = instruction.json
        return Start(line=instruction.line, words=words) if words else None
    return Start(line=instruction.line, words=(*stage.shell, instruction.text))


def _read_run(stage: _Stage, instruction: Instruction, name: str) -> Run | None:
    """Prepare a RUN; None where it is no shell's."""
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


def _state(stage: _Stage, options: Sequence[str]) -> State:
    variables = {**stage.values, "PWD": stage.folder}
    user = _user_of(stage)
    uid = "0" if user in {"root", "0"} else user
    expands = stage.shell[0].rpartition("/")[2] in EXPAND_BRACES
    return set_options(State(variables=variables, user=uid, expands_braces=expands), options)


def _world(stage: _Stage, name: str) -> World:
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


def _note_files(stage: _Stage, call: Call, folder: str) -> None:
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
