"""The goals that heartapp behind Granian has to reach."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.results import Figure, Results

HEARTAPP: Final = "heartapp-granian"


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal and its measurement: at most ``limit``, or with ``at_least`` at least."""

    text: str
    limit: float
    measured: Figure
    at_least: bool = False

    @property
    def reached(self) -> bool:
        """Whether the median is within the limit."""
        return self.measured.median >= self.limit if self.at_least else self.measured.median <= self.limit


def goals(results: Results) -> list[Goal]:
    """The goals whose contenders took part."""
    ours = next((one for one in results.contenders if one.name == HEARTAPP and one.rounds), None)
    if ours is None:
        return []
    requests = Figure.of(ours.series("requests_per_second"))
    alone = [
        Goal("memory of all processes, MB", 190, Figure.of(ours.series("memory_mb"))),
        Goal("ready, s", 0.6, Figure.of(ours.series("ready_seconds"))),
        Goal("spread of requests/s around the median", 0.2, Figure.of([requests.spread])),
        Goal("wrong answers", 0, Figure.of([ours.errors])),
    ]
    servers = [one for one in results.contenders if one.kind == "off-the-shelf" and one.rounds]
    if not servers:
        return alone

    def ratio(measure: str, best: Callable[[Sequence[float]], float]) -> Figure:
        """Our measure over the best server's of the same round: what slows one round slows both."""
        rivals = zip(*(one.series(measure) for one in servers), strict=False)
        return Figure.of([own / best(theirs) for own, theirs in zip(ours.series(measure), rivals, strict=False)])

    text = "÷ the best off-the-shelf server's"
    return [
        Goal(f"requests/s {text}", 8, ratio("requests_per_second", max), at_least=True),
        Goal(f"CPU per request {text}", 1 / 8, ratio("cpu_us", min)),
        *alone,
    ]
