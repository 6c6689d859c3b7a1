"""A stage of a Dockerfile in the making, and what its instructions did."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hardgate.pipeline.static.base_images import BaseImage
from hardgate.pipeline.static.dockerfile_reader import Instruction
from hardgate.pipeline.static.image_files import ImageFiles
from hardgate.pipeline.static.shell_state import Call, State
from hardgate.pipeline.static.shell_tree import Script
from hardgate.pipeline.static.shell_world import World

DEFAULT_SHELL = ("/bin/sh", "-c")
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


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


@dataclass(kw_only=True)
class Stage:
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
    gives: list["Stage"] = field(default_factory=list)
    """Stages that files of this one come from."""
    triggers: list[Instruction] = field(default_factory=list)
    """What ONBUILD keeps for a stage that is built on this one."""

    @property
    def values(self) -> dict[str, str]:
        """What an instruction's variables stand for; ENV goes before ARG."""
        return {"PATH": DEFAULT_PATH, **self.arguments, **self.environment}


def build_on(inner: Stage, line: int) -> Stage:
    """Begin a stage on another one, at a line."""
    return Stage(
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


def name_user(stage: Stage) -> str:
    """Name the user of the next instruction, without a group."""
    return stage.user.words[0].partition(":")[0] if stage.user else "root"


def list_runs_behind(last: Stage) -> Iterator[Run]:
    """Yield each RUN that the image rests on: of its last stage, and of those copied from."""
    told: set[int] = set()
    seen: list[Stage] = []
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
