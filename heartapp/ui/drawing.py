"""The geometry of the drawings in a result: numbers and SVG paths for the templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heartapp.inference.explanation import Contribution
    from heartapp.inference.model import Survival

Point = tuple[float, float]

WIDTH: Final = 300.0
HEIGHT: Final = 110.0
"""The plot of the risk over time: days from 0 to the right, risk upwards."""
LEAST_SPAN: Final = 0.1
"""The smallest scale of the bars, so that small contributions look small."""
_TOPS: Final = (0.25, 0.5, 0.75, 1.0)


class Curve(NamedTuple):
    """The risk over time: the risk at the top edge of the plot, and the SVG paths of line and band (empty without)."""

    top: float
    line: str
    band: str


class Bar(NamedTuple):
    """Where a bar starts and how long it is, in percent of the drawing's width."""

    x: float
    width: float


def day_x(day: int, last: int) -> float:
    """The x coordinate of a day, where ``last`` is at the right edge."""
    return round(WIDTH * day / last, 1)


def risk_y(risk: float, top: float) -> float:
    """The y coordinate of a risk; SVG counts it downwards from ``top``."""
    return round(HEIGHT * (1 - risk / top), 1)


def curve(survival: Survival) -> Curve:
    """Draw the curve; the plot is as high as its band needs. The days of ``survival`` rise."""
    days = survival.horizon_days
    bounds = (survival.low, survival.high) if survival.low and survival.high else ()
    highest = max(*survival.risk, *(risk for risks in bounds for risk in risks))
    top = next(top for top in _TOPS if top >= highest)
    line, *edges = (
        [(day_x(day, days[-1]), risk_y(risk, top)) for day, risk in zip(days, risks, strict=True)]
        for risks in (survival.risk, *bounds)
    )
    band = f"{_path([*edges[1], *reversed(edges[0])])}Z" if edges else ""
    return Curve(top, _path(line), band)


def bars(contributions: Sequence[Contribution]) -> tuple[float, tuple[Bar, ...]]:
    """The x of zero, and one bar for each contribution on a common scale; bars to the left lower the risk."""
    shares = [one.contribution for one in contributions]
    least, most = min(0, *shares), max(0, *shares)
    scale = 100 / max(most - least, LEAST_SPAN)
    return (
        round(-least * scale, 1),
        tuple(Bar(round((min(share, 0) - least) * scale, 1), round(abs(share) * scale, 1)) for share in shares),
    )


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
