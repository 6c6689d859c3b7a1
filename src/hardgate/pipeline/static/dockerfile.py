"""A Dockerfile as its last stage does it: one act after the other, with the lines they stand on."""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hardgate.pipeline.static.base_images import BaseImage, read_base
from hardgate.pipeline.static.dockerfile_reader import (
    BadDockerfileError,
    Instruction,
    read_document_mark,
    read_instructions,
)
from hardgate.pipeline.static.dockerfile_run import note_files, read_run
from hardgate.pipeline.static.dockerfile_stage import (
    DEFAULT_SHELL,
    Act,
    Run,
    Stage,
    Start,
    build_on,
    list_runs_behind,
    name_user,
)
from hardgate.pipeline.static.dockerfile_words import (
    BadWordError,
    Rules,
    expand_text,
    split_words,
)
from hardgate.pipeline.static.image_files import ImageFiles
from hardgate.pipeline.static.shell_machine import Machine
from hardgate.pipeline.static.shell_state import OTHER, UNKNOWN
from hardgate.pipeline.static.shell_world import TooManyWaysError

_EXPANDED = frozenset({"ADD", "COPY", "EXPOSE", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"})


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
    """Read the labels that a Dockerfile gives its image; none where it cannot be read.

    Nothing else of it is read, for `runtime` is installed without the reader of shell.
    """
    builder = _Builder(name="Dockerfile", context=Path(), agent_uid=0)
    try:
        instructions = read_instructions(text)
        return builder.build([one for one in instructions if one.keyword in _LABELLING]).labels
    except BadDockerfileError:
        return {}


_LABELLING = frozenset({"FROM", "ARG", "ENV", "LABEL"})
"""Instructions that a label depends on."""


class _Builder:
    """Goes through the instructions, stage by stage."""

    def __init__(self, *, name: str, context: Path, agent_uid: int) -> None:
        self.name = name
        self.context = context
        self.agent_uid = agent_uid
        self.globals: dict[str, str] = {}
        self.stages: list[Stage] = []

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
            runs=tuple(list_runs_behind(last)),
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
            stage = Stage(
                base=read_base(source),
                line=instruction.line,
                files=ImageFiles(context=self.context),
            )
        else:
            stage = build_on(inner, instruction.line)
        stage.name = named
        self.stages.append(stage)
        for trigger in inner.triggers if inner else ():
            self._do(stage, trigger)

    def _do(self, stage: Stage, instruction: Instruction) -> None:
        keyword = instruction.keyword
        doer = getattr(self, f"_do_{keyword.lower()}", None)
        if doer is not None:
            doer(stage, instruction)
            return
        words = _words(instruction, stage.values if keyword in _EXPANDED else {})
        stage.acts.append(Act(line=instruction.line, keyword=keyword, words=words))

    def _do_arg(self, stage: Stage, instruction: Instruction) -> None:
        for name, value in _pairs(instruction, stage.values):
            stage.arguments[name] = self.globals.get(name, "") if value is None else value

    def _do_env(self, stage: Stage, instruction: Instruction) -> None:
        for name, value in _pairs(instruction, stage.values):
            stage.environment[name] = value or ""

    def _do_label(self, stage: Stage, instruction: Instruction) -> None:
        for name, value in _pairs(instruction, stage.values):
            stage.labels[name] = value or ""

    def _do_shell(self, stage: Stage, instruction: Instruction) -> None:
        stage.shell = instruction.json or DEFAULT_SHELL

    def _do_user(self, stage: Stage, instruction: Instruction) -> None:
        user = _expanded(instruction.text, stage.values)
        stage.user = Act(line=instruction.line, keyword="USER", words=(user,))
        stage.acts.append(stage.user)

    def _do_workdir(self, stage: Stage, instruction: Instruction) -> None:
        folder = _expanded(instruction.text, stage.values)
        stage.folder = posixpath.normpath(posixpath.join(stage.folder, folder))
        stage.acts.append(
            Act(
                line=instruction.line,
                keyword="WORKDIR",
                words=(stage.folder,),
                user=name_user(stage),
            )
        )

    def _do_onbuild(self, stage: Stage, instruction: Instruction) -> None:
        if instruction.child:
            stage.triggers.append(replace(instruction.child, line=instruction.line))

    def _do_entrypoint(self, stage: Stage, instruction: Instruction) -> None:
        stage.entrypoint = _start(stage, instruction)
        stage.command = None

    def _do_cmd(self, stage: Stage, instruction: Instruction) -> None:
        stage.command = _start(stage, instruction)

    def _do_add(self, stage: Stage, instruction: Instruction) -> None:
        self._do_copy(stage, instruction)

    def _do_copy(self, stage: Stage, instruction: Instruction) -> None:
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
        stage: Stage,
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

    def _stage_of(self, origin: str) -> Stage | None:
        if origin.isdigit() and int(origin) < len(self.stages) - 1:
            return self.stages[int(origin)]
        named = (one for one in self.stages[:-1] if one.name and one.name == origin.lower())
        return next(named, None)

    def _do_run(self, stage: Stage, instruction: Instruction) -> None:
        mounts = (flag for flag in instruction.flags if flag.startswith("--mount="))
        origins = (match[1] for flag in mounts if (match := re.search(r"\bfrom=([^,]+)", flag)))
        stage.gives += filter(None, map(self._stage_of, origins))
        run = read_run(stage, instruction, self.name)
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
                user=call.user or name_user(stage),
            )
            stage.acts.append(act)
            note_files(stage, call, call.folder or stage.folder)


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


def _start(stage: Stage, instruction: Instruction) -> Start | None:
    if instruction.json is not None:
        words = instruction.json
        return Start(line=instruction.line, words=words) if words else None
    return Start(line=instruction.line, words=(*stage.shell, instruction.text))
