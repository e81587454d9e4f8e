"""What heartapp is to reach, most of it as ratios to the others of the same round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.results import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.results import Result, Results

HEARTAPP, FLASK, FASTAPI = "heartapp", "flask-constant", "fastapi"

Series = list[float]


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal and what was measured: at least ``limit`` or, with ``most``, at most."""

    text: str
    limit: float
    measured: Figure
    most: bool = False

    @property
    def reached(self) -> bool:
        """Whether the median is on the right side."""
        return self.measured.median <= self.limit if self.most else self.measured.median >= self.limit


@dataclass(frozen=True, slots=True)
class _Wanted:
    text: str
    limit: float
    series: Callable[[Results], Series]
    most: bool = False


def goals(results: Results) -> list[Goal]:
    """Every goal that this run can tell of; one whose contenders did not take part is left out."""
    measured = [(wanted, wanted.series(results)) for wanted in _WANTED]
    return [Goal(one.text, one.limit, Figure.of(series), one.most) for one, series in measured if series]


def _of(name: str, measure: str) -> Callable[[Results], Series]:
    """One contender's rounds."""
    return lambda results: _rounds(results.named(name), measure)


def _best(measure: str, choose: Callable[[Iterable[float]], float]) -> Callable[[Results], Series]:
    """The best off-the-shelf server of each round."""

    def best(results: Results) -> Series:
        servers = (_rounds(one, measure) for one in results.contenders if one.kind == "server")
        return [choose(values) for values in zip(*(series for series in servers if series), strict=False)]

    return best


def _ratio(top: Callable[[Results], Series], bottom: Callable[[Results], Series]) -> Callable[[Results], Series]:
    """Round by round: what slows one round slows both."""
    return lambda results: [one / other for one, other in zip(top(results), bottom(results), strict=False) if other]


def _in_process(results: Results) -> Series:
    return results.in_process_rows_per_second.rounds if results.in_process_rows_per_second else []


def _installed(results: Results) -> Series:
    result = results.named(HEARTAPP)
    return [result.installed_mb] if result else []


def _rounds(result: Result | None, measure: str) -> Series:
    return result.figures[measure].rounds if result and measure in result.figures else []


_REQUESTS = _of(HEARTAPP, "requests_per_second")
_CPU = _of(HEARTAPP, "cpu_ms")
_BATCH = _of(HEARTAPP, "batch_rows_per_second")

_WANTED: Final = (
    _Wanted("requests/s ÷ the best off-the-shelf server's", 5, _ratio(_REQUESTS, _best("requests_per_second", max))),
    _Wanted("CPU per request ÷ the best off-the-shelf server's", 1 / 6, _ratio(_CPU, _best("cpu_ms", min)), most=True),
    _Wanted(
        "p99 ÷ the best off-the-shelf server's", 1, _ratio(_of(HEARTAPP, "p99_ms"), _best("p99_ms", min)), most=True
    ),
    _Wanted("requests/s ÷ the constant Flask view's", 0.85, _ratio(_REQUESTS, _of(FLASK, "requests_per_second"))),
    _Wanted("CPU per request ÷ the hand-written FastAPI app's", 1, _ratio(_CPU, _of(FASTAPI, "cpu_ms")), most=True),
    _Wanted("seconds from start to the first good answer", 0.6, _of(HEARTAPP, "start_seconds"), most=True),
    _Wanted("memory of the largest process, MB", 60, _of(HEARTAPP, "worker_memory_mb"), most=True),
    _Wanted("memory of all processes, MB", 130, _of(HEARTAPP, "memory_mb"), most=True),
    _Wanted("installed, MB", 200, _installed, most=True),
    _Wanted("batch rows/s ÷ row by row", 20, _ratio(_BATCH, _REQUESTS)),
    _Wanted("batch rows/s ÷ the best off-the-shelf server's", 20, _ratio(_BATCH, _best("batch_rows_per_second", max))),
    _Wanted("batch rows/s ÷ in process", 0.5, _ratio(_BATCH, _in_process)),
)
