"""A server's processes as the kernel sees them: processor time and memory, from ``/proc``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Process:
    """One running process: when it was ``started``, in ticks, tells it from a later one of the same number.

    ``cpu_seconds`` includes its children that have ended and were waited for.
    """

    pid: int
    parent: int
    session: int
    started: int
    cpu_seconds: float


def tree(root: int) -> list[Process]:
    """The process ``root``, all below it, and whatever else is of its session."""
    members: dict[int, Process] = {}
    everything = _everything()
    while found := [
        one
        for one in everything
        if one.pid not in members and (root in (one.pid, one.session) or one.parent in members)
    ]:
        members.update((one.pid, one) for one in found)
    return list(members.values())


def still_running(among: list[Process]) -> list[int]:
    """The numbers of those that have not ended."""
    known = {(one.pid, one.started) for one in among}
    return [one.pid for one in _everything() if (one.pid, one.started) in known]


def cpu_seconds(root: int) -> float:
    """User and system time of the whole tree up to now."""
    return sum(process.cpu_seconds for process in tree(root))


def memory_bytes(root: int) -> list[int]:
    """The proportional set size of each process: what is shared is divided among those who share it."""
    return [size for process in tree(root) if (size := _proportional_bytes(process.pid))]


def _everything() -> list[Process]:
    found = (_read(path) for path in _PROC.iterdir() if path.name.isdigit())
    return [process for process in found if process]


def _read(path: Path) -> Process | None:
    try:
        text = (path / "stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in brackets, may hold anything; the numbers follow the last bracket. See proc_pid_stat(5).
    fields = text[text.rindex(")") + 2 :].split()
    ticks = sum(map(int, fields[11:15]))
    return Process(int(path.name), int(fields[1]), int(fields[3]), int(fields[19]), ticks / _TICKS)


def _proportional_bytes(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text("utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * _KIB for line in lines if line.startswith("Pss:")), 0)
