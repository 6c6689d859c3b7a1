"""Linux capabilities by name, and which of them an engine cannot grant."""

from collections.abc import Callable, Iterable
from pathlib import Path

CAPABILITY_NAMES = tuple(
    """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
    SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME
    SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
    WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
    """.split()
)
"""In the order of the kernel's bits (linux/capability.h)."""

StartsWithout = Callable[[frozenset[str]], bool]
"""Tells whether a container starts with every capability but these."""


def read_missing_capabilities() -> frozenset[str]:
    """Name what this process's own bounding set lacks: a first guess at what the engine's does."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            bounding = int(line.split()[1], 16)
            return frozenset(
                name for bit, name in enumerate(CAPABILITY_NAMES) if not bounding >> bit & 1
            )
    return frozenset()


def find_ungrantable_capabilities(
    starts: StartsWithout, guess: Iterable[str]
) -> frozenset[str] | None:
    """Find the smallest set that an engine cannot grant; None where leaving out does not help.

    Containers are started for it: one where the guess is one capability and right, else about
    eight for each that is lacking.
    """
    guessed = frozenset(guess)
    if guessed and starts(guessed):
        alone = len(guessed) == 1
        return (
            guessed
            if alone
            else _narrow_candidates(starts, left_out=guessed, candidates=sorted(guessed))
        )
    everything = frozenset(CAPABILITY_NAMES)
    if not starts(everything):
        return None
    return _narrow_candidates(starts, left_out=everything, candidates=sorted(everything))


def _narrow_candidates(
    starts: StartsWithout, *, left_out: frozenset[str], candidates: list[str]
) -> frozenset[str]:
    """Give back by halves what can be granted."""
    if not candidates or starts(left_out - frozenset(candidates)):
        return left_out - frozenset(candidates)
    if len(candidates) == 1:
        return left_out
    middle = len(candidates) // 2
    left_out = _narrow_candidates(starts, left_out=left_out, candidates=candidates[:middle])
    return _narrow_candidates(starts, left_out=left_out, candidates=candidates[middle:])
