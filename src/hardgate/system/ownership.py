"""Who made a thing, and whether that run is still alive: told by labels, never by a name.

See D19 and D20 in ARCHITECTURE.md.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RUN_LABEL = "hardgate.run"
OWNER_LABEL = "hardgate.owner"
DEADLINE_LABEL = "hardgate.deadline"
UPTIME_LABEL = "hardgate.deadline-uptime"
KEEP_LABEL = "hardgate.keep"


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity:
    """A process that cannot be mistaken for a later one with the same id."""

    boot: str
    """The kernel's boot id: another machine's process, or an earlier boot's, has another."""
    namespace: str
    """Its PID namespace: a pid says nothing in another one."""
    pid: int
    started: int
    """Clock ticks after boot."""

    def __str__(self) -> str:
        """Write it as one label's value."""
        return f"{self.boot}/{self.namespace}/{self.pid}/{self.started}"

    @classmethod
    def from_label(cls, text: str) -> "ProcessIdentity | None":
        """Read a label's value; None where it is not one of ours."""
        boot, _, rest = text.partition("/")
        namespace, _, rest = rest.partition("/")
        pid, _, started = rest.partition("/")
        if not (boot and namespace and pid.isdigit() and started.isdigit()):
            return None
        return cls(boot=boot, namespace=namespace, pid=int(pid), started=int(started))

    @classmethod
    def of_current_process(cls) -> "ProcessIdentity":
        """Describe this process."""
        return cls(
            boot=read_boot_id(),
            namespace=_read_pid_namespace(),
            pid=os.getpid(),
            started=read_start_time(os.getpid()) or 0,
        )

    def is_gone(self) -> bool | None:
        """Tell whether it has ended; None where that cannot be seen from here."""
        if self.boot != read_boot_id() or self.namespace != _read_pid_namespace():
            return None
        try:
            started = read_start_time(self.pid)
        except PermissionError:
            return None
        if started is None and _is_hidden(self.pid):
            return None
        return started != self.started


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The run that a container, a volume or a folder belongs to."""

    run: str
    process: ProcessIdentity
    deadline: int
    """Seconds of the Unix clock, after which it is debris whatever its process does."""
    uptime_deadline: int | None = None
    """The same in seconds since the boot of its process's machine, where a label gives it: that
    clock does not jump."""
    keep: bool = False
    """It outlives its process on purpose (--keep)."""

    @property
    def labels(self) -> dict[str, str]:
        """Give the labels for everything that the run creates."""
        labels = {
            RUN_LABEL: self.run,
            OWNER_LABEL: str(self.process),
            DEADLINE_LABEL: str(self.deadline),
            UPTIME_LABEL: str(self._compute_uptime_deadline()),
        }
        return labels | ({KEEP_LABEL: "true"} if self.keep else {})

    @classmethod
    def from_labels(cls, labels: Mapping[str, str]) -> "Owner | None":
        """Read labels; None where they are not all there, so that a look-alike stays."""
        process = ProcessIdentity.from_label(labels.get(OWNER_LABEL, ""))
        deadline = labels.get(DEADLINE_LABEL, "")
        if process is None or not labels.get(RUN_LABEL) or not deadline.isdigit():
            return None
        uptime = labels.get(UPTIME_LABEL, "")
        return cls(
            run=labels[RUN_LABEL],
            process=process,
            deadline=int(deadline),
            uptime_deadline=int(uptime) if uptime.isdigit() else None,
            keep=labels.get(KEEP_LABEL) == "true",
        )

    def is_dead(self, now: float | None = None) -> bool:
        """Tell whether what it owns is debris. What cannot be seen counts as alive.

        `now` is the Unix clock to go by; on the machine and boot of the process it does not count.
        """
        if self._is_overdue(time.time() if now is None else now):
            return True
        return not self.keep and self.process.is_gone() is True

    def _is_overdue(self, now: float) -> bool:
        """Compare with the clock since boot where it is the same boot: NTP and a resumed virtual
        machine move the other one by hours.
        """
        if self.uptime_deadline is not None and self.process.boot == read_boot_id():
            return time.monotonic() > self.uptime_deadline
        return now > self.deadline

    def _compute_uptime_deadline(self) -> int:
        if self.uptime_deadline is not None:
            return self.uptime_deadline
        return max(0, int(time.monotonic() + self.deadline - time.time()))


def read_start_time(pid: int) -> int | None:
    """Read when a process started, in clock ticks after boot; None where /proc has none.

    /proc hides other users' processes where it is mounted with `hidepid`: see `_is_hidden`.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def measure_process_age() -> float:
    """Give the seconds that this process has lived, as far as the kernel tells; else 0."""
    started = read_start_time(os.getpid())
    if started is None:
        return 0.0
    ticks = os.sysconf("SC_CLK_TCK")
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started / ticks)


def _is_hidden(pid: int) -> bool:
    """Tell whether the kernel has a process that /proc does not show (`hidepid`, see proc(5)).

    A signal of 0 is not hidden by it: see kill(2).
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # It is another user's.
    return not Path(f"/proc/{pid}").exists()


def read_boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _read_pid_namespace() -> str:
    return str(Path("/proc/self/ns/pid").stat().st_ino)
