"""A play over an inventory's hosts, to whatever end: what broke it off is a value, no exception.

The hosts are given hardgate's source, packed into the run's private folder.
"""

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardgate.ansible.inventory import Inventory
from hardgate.ansible.play import Event, play, unsafe
from hardgate.engine.guarded_folder import guarded_folder
from hardgate.engine.ownership import Owner, Process
from hardgate.errors import ExitCode, HardgateError
from hardgate.interruption import Interrupted, signals_raised
from hardgate.remote.source_archive import pack_source

LIFE_SECONDS = 24 * 3600
"""After these what the run left here is debris, whatever it does."""


@dataclass(frozen=True, kw_only=True)
class Break:
    """What broke a play off; nothing where it came to its end, whatever its hosts did."""

    interrupted: ExitCode | None = None
    """What a signal makes of the exit code."""
    problem: HardgateError | None = None
    """Why the play as a whole came to nothing, or not to its end."""


def play_elsewhere(
    playbook: str,
    variables: Callable[[Path], Mapping[str, Any]],
    *,
    inventory: Inventory,
    run_id: str,
    on_event: Callable[[Event], None],
) -> Break:
    """Play; `variables` gives the playbook's own, told where the source is packed."""
    owner = Owner(run=run_id, process=Process.current(), deadline=int(time.time()) + LIFE_SECONDS)
    with signals_raised():
        try:
            with guarded_folder(owner) as folder:
                source = folder / "source.tar"
                pack_source(source)
                play(
                    playbook,
                    {key: unsafe(value) for key, value in variables(source).items()},
                    inventory=inventory,
                    on_event=on_event,
                    directory=folder,
                )
        except Interrupted as interruption:
            return Break(interrupted=interruption.exit_code)
        except HardgateError as error:
            return Break(problem=error)
        except Exception as error:
            return Break(
                problem=HardgateError(
                    f"Hardgate itself failed: {type(error).__name__}: {error}.",
                    "Please report it, with the evidence.",
                    evidence=traceback.format_exc(),
                )
            )
    return Break()
