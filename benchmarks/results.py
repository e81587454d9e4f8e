"""The results of one run, as ``results.json`` holds them."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from benchmarks.contender import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS: Final = Path(__file__).with_name("results.json")
_UNSTEADY: Final = 0.4


class Figure(NamedTuple):
    """The median of the rounds, the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, rounds: Sequence[float]) -> Figure:
        """The figure of at least one round."""
        return cls(median(rounds), min(rounds), max(rounds))

    @property
    def spread(self) -> float:
        """The largest distance of a round from the median, as a share of it."""
        return max(self.high - self.median, self.median - self.low) / self.median

    @property
    def unsteady(self) -> bool:
        """Whether the rounds differ so much that the median may hide two modes."""
        return (self.high - self.low) / self.median > _UNSTEADY


class Round(msgspec.Struct, frozen=True):
    """The measures of one contender in one round."""

    requests_per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    ready_seconds: float
    memory_mb: float
    errors: int


class Result(msgspec.Struct):
    """One contender's rounds. ``failure`` says why rounds are missing."""

    name: str
    title: str
    kind: Kind
    versions: dict[str, str]
    installed_mb: float = 0
    rounds: list[Round] = []
    failure: str | None = None

    def series(self, measure: str) -> list[float]:
        """One measure of all rounds."""
        return [getattr(one, measure) for one in self.rounds]

    @property
    def errors(self) -> int:
        """Wrong answers of all rounds."""
        return sum(one.errors for one in self.rounds)


class Results(msgspec.Struct, frozen=True):
    """One run."""

    date: str
    machine: str
    rounds: int
    seconds: int
    contenders: list[Result]


def machine() -> str:
    """Processor, cores, memory, system and Python: enough to judge the figures by, nothing that names the machine."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{model[1] if model else platform.machine()}, {len(os.sched_getaffinity(0))} cores, {memory:.1f} GB, "
        f"Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}"
    )


def read_results(path: Path = RESULTS) -> Results | None:
    """The results of the last complete run; None before the first."""
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.is_file() else None


def write_results(results: Results, path: Path = RESULTS) -> None:
    """Write results, indented."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
