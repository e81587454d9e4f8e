"""What was measured, as ``results.json`` holds it."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import msgspec

from benchmarks.contender import Kind
from benchmarks.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS: Final = Path(__file__).with_name("results.json")


class Figure(msgspec.Struct, frozen=True):
    """One measure: the median of the rounds, the lowest and the highest, and each."""

    median: float
    low: float
    high: float
    rounds: list[float]

    @classmethod
    def of(cls, rounds: Sequence[float]) -> Figure:
        """The figure of these rounds, of which there is at least one."""
        return cls(median(rounds), min(rounds), max(rounds), list(rounds))


class Round(msgspec.Struct, frozen=True):
    """What one round measured of one contender. The batch is None where a contender takes one patient at a time."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    start_seconds: float
    memory_mb: float
    worker_memory_mb: float
    batch_rows_per_second: float | None
    errors: int


MEASURES: Final = tuple(name for name in Round.__struct_fields__ if name != "errors")


class Result(msgspec.Struct, frozen=True):
    """One contender's figures by measure. ``failure`` says why there are none, or none of the later rounds."""

    name: str
    title: str
    kind: Kind
    versions: dict[str, str]
    installed_mb: float
    figures: dict[str, Figure]
    errors: int
    failure: str | None = None


class Results(msgspec.Struct, frozen=True):
    """One run."""

    date: str
    machine: Machine
    rounds: int
    seconds: int
    connections: int
    workers: int
    batch_rows: int
    contenders: list[Result]
    in_process_rows_per_second: Figure | None

    def named(self, name: str) -> Result | None:
        """A contender's result, where it took part."""
        return next((one for one in self.contenders if one.name == name), None)


def figures(rounds: Sequence[Round]) -> dict[str, Figure]:
    """The figures of one contender's rounds; a measure that it does not have is left out."""
    columns = {name: [getattr(one, name) for one in rounds] for name in MEASURES}
    return {name: Figure.of(column) for name, column in columns.items() if column and None not in column}


def read_results(path: Path = RESULTS) -> Results | None:
    """The results of the last whole run, where there was one."""
    if not path.is_file():
        return None
    return msgspec.json.decode(path.read_bytes(), type=Results)


def write_results(results: Results, path: Path = RESULTS) -> None:
    """Write them as people can read them."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
