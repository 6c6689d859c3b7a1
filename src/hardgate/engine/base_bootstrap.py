"""A base's root file system from the distribution's packages, by the role base_image.

It can be begun early: while an engine is being installed, nothing is known of its registry yet, and
of two cores one is idle. Where a registry then gives a base, what was begun is broken off. See D85
in ARCHITECTURE.md.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardgate.ansible.play import run_playbook
from hardgate.engine.proxy import read_proxy_environment
from hardgate.errors import PlaybookError
from hardgate.system.temporary_folder import temporary_folder

DEBIAN_SUITE = "trixie"
ROOT_FILE = "base.tar"
TOOL_SECONDS = 300
"""How long one that was begun early waits for its program, which the engine's play installs."""


@dataclass(frozen=True, kw_only=True)
class EarlyRoot:
    """A root file system that is being made."""

    file: Path
    made: "Future[None]"

    def wait_for_file(self) -> Path | None:
        """Give the file once it is whole; None where it could not be made so early."""
        try:
            self.made.result()
        except PlaybookError:
            return None
        return self.file


def bootstrap_root(
    file: Path, *, tool_seconds: int = 0, interrupt: Callable[[], bool] | None = None
) -> None:
    """Make a root file system (tar); raises PlaybookError where that cannot be done."""
    run_playbook(
        "base.yml",
        {
            "base_image_suite": DEBIAN_SUITE,
            "base_image_file": str(file),
            "base_image_environment": read_proxy_environment(),
            "base_image_tool_seconds": tool_seconds,
        },
        interrupt=interrupt,
    )


@contextmanager
def begin_bootstrap() -> Iterator[EarlyRoot]:
    """Have a root file system made beside what is done in the `with`; its end breaks that off."""
    over = threading.Event()
    with temporary_folder() as folder, ThreadPoolExecutor(max_workers=1) as worker:
        file = folder / ROOT_FILE
        made = worker.submit(bootstrap_root, file, tool_seconds=TOOL_SECONDS, interrupt=over.is_set)
        try:
            yield EarlyRoot(file=file, made=made)
        finally:
            over.set()
