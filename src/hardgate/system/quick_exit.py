"""The end of a process with no more to do: Python takes 0.05 s to forget all that it knows."""

import atexit
import os
import sys
from typing import NoReturn


def leave_process(code: int) -> NoReturn:
    """Do what was asked for at the exit, and leave, without taking down each object."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # it is None where it was closed before the start
                stream.flush()
        except (OSError, ValueError):  # nobody reads it any more
            code = code or 120  # as Python itself says it
    os._exit(code)
