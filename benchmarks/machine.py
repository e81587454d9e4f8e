"""On what was measured: enough to judge the figures by, nothing that names the machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

import msgspec


class Machine(msgspec.Struct, frozen=True):
    """Processor, cores that this process may use, memory, and the versions of what is not a contender's own."""

    processor: str
    cores: int
    memory_gb: float
    system: str
    python: str
    wrk: str


def describe() -> Machine:
    """This machine."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    version = re.search(r"wrk\s+(?:debian/)?([\w.+-]+)", _printed("wrk", "--version"))
    return Machine(
        processor=model[1] if model else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(memory / 1e9, 1),
        system=f"{platform.system()} {platform.release().partition('-')[0]}",
        python=platform.python_version(),
        wrk=version[1] if version else "unknown",
    )


def _printed(*arguments: str) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
