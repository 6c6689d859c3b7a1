"""A play over an inventory's hosts, to whatever end: what broke it off is a value, no exception.

The hosts are given hardgate's source, packed into the run's private folder.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardgate.ansible.events import PlayEvent
from hardgate.ansible.inventory import Inventory
from hardgate.ansible.play import mark_unsafe, run_playbook
from hardgate.engine.guarded_folder import open_guarded_folder
from hardgate.errors import ExitCode, HardgateError, explain_crash
from hardgate.remote.source_archive import pack_source
from hardgate.system.interruption import Interrupted, raise_on_signals
from hardgate.system.ownership import Owner, ProcessIdentity

FOLDER_LIFE_SECONDS = 24 * 3600
"""After these what the run left here is debris, whatever it does."""


@dataclass(frozen=True, kw_only=True)
class PlayFailure:
    """What broke a play off; nothing where it came to its end, whatever its hosts did."""

    interrupted: ExitCode | None = None
    """What a signal makes of the exit code."""
    problem: HardgateError | None = None
    """Why the play as a whole came to nothing, or not to its end."""


def play_on_hosts(
    playbook: str,
    variables: Callable[[Path], Mapping[str, Any]],
    *,
    inventory: Inventory,
    run_id: str,
    on_event: Callable[[PlayEvent], None],
) -> PlayFailure:
    """Play; `variables` gives the playbook's own, told where the source is packed.

    The hosts are told whose the folders are that the play makes there.
    """
    owner = Owner(
        run=run_id,
        process=ProcessIdentity.of_current_process(),
        deadline=int(time.time()) + FOLDER_LIFE_SECONDS,
    )
    with raise_on_signals():
        try:
            with open_guarded_folder(owner) as folder:
                source = folder / "source.tar"
                pack_source(source)
                run_playbook(
                    playbook,
                    {
                        "remote_gate_owner": owner.labels,
                        **{key: mark_unsafe(value) for key, value in variables(source).items()},
                    },
                    inventory=inventory,
                    on_event=on_event,
                    directory=folder,
                )
        except Interrupted as interruption:
            return PlayFailure(interrupted=interruption.exit_code)
        except HardgateError as error:
            return PlayFailure(problem=error)
        except Exception as error:
            return PlayFailure(problem=explain_crash(error))
    return PlayFailure()
