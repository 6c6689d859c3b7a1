"""The files of a repository that its workflows call: workflows, actions, scripts and Makefiles."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hardgate.pipeline.static.gate_commands import Noxfile, read_noxfile
from hardgate.pipeline.static.makefile import NAMES, Makefile, Request, read_makefile
from hardgate.pipeline.static.shell_world import SourceFile
from hardgate.pipeline.static.shell_wrappers import SHELLS
from hardgate.pipeline.static.workflow import Step, Workflow, read_action, read_workflow
from hardgate.schema.document import Refusal


@dataclass(frozen=True, kw_only=True)
class Repository:
    """The files that workflows call, below the repository's top."""

    root: Path

    def read_workflow(self, path: str) -> Workflow | None:
        """Read a reusable workflow; None where there is none that can be read."""
        data = self.read_bytes(path)
        try:
            return read_workflow(data, posixpath.normpath(path)) if data is not None else None
        except Refusal:
            return None

    def read_action(self, path: str) -> tuple[str, tuple[Step, ...], Mapping[str, str]] | None:
        """Read a composite action: its file, steps and defaults."""
        for name in ("action.yml", "action.yaml"):
            file = posixpath.normpath(posixpath.join(path, name))
            data = self.read_bytes(file)
            if data is None:
                continue
            try:
                steps, defaults = read_action(data)
            except Refusal:
                return None
            return None if steps is None else (file, steps, defaults)
        return None

    def read_bytes(self, path: str) -> bytes | None:
        """Read a file that lies in the repository."""
        file = self.root / posixpath.normpath(path)
        try:
            inside = file.resolve().is_relative_to(self.root.resolve())
            return file.read_bytes() if inside and file.is_file() else None
        except (OSError, ValueError):
            return None

    def read_script(self, path: str, folder: str) -> SourceFile | None:
        """Read a script that a step runs."""
        name = posixpath.normpath(posixpath.join(folder or ".", path))
        data = self.read_bytes(name) if "/" in path or path.endswith((".sh", ".bash")) else None
        if data is None or b"\0" in data or name.endswith((".py", ".js", ".yml", ".yaml")):
            return None
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        words = text.partition("\n")[0].removeprefix("#!").split()
        if text.startswith("#!") and not any(w.rpartition("/")[2] in SHELLS for w in words):
            return None
        return SourceFile(name=name, text=text)

    def read_makefile(self, request: Request) -> tuple[str, Makefile] | None:
        """Find the Makefile that a call of make reads; None where it is not read here."""
        for name in [request.file] if request.file else NAMES:
            path = posixpath.normpath(posixpath.join(request.folder or ".", name))
            data = self.read_bytes(path)
            if data is not None:
                made = read_makefile(data.decode("utf-8", "replace"))
                return None if made is None else (path, made)
        return None

    @cached_property
    def noxfile(self) -> Noxfile:
        """What the noxfile tells."""
        data = self.read_bytes("noxfile.py")
        return read_noxfile(None if data is None else data.decode("utf-8", "replace"))
