"""The geometry of the drawings in a result: numbers and SVG paths for the templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from heartapp.inference.survival import FIRST_DAY, LAST_DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heartapp.inference.explanation import Contribution
    from heartapp.inference.model import Survival

Point = tuple[float, float]

WIDTH: Final = 300.0
HEIGHT: Final = 110.0
"""The plot of the survival curve: days to the right, risk upwards."""
LEAST_SPAN: Final = 0.1
"""The smallest scale of the bars, so that small contributions look small."""
_TOPS: Final = (0.25, 0.5, 0.75, 1.0)


class Curve(NamedTuple):
    """A survival curve: the risk at the top edge of the plot, and the SVG paths of line and band."""

    top: float
    line: str
    band: str


class Bar(NamedTuple):
    """Where a bar starts and how long it is, in percent of the drawing's width."""

    x: float
    width: float


def day_x(day: int) -> float:
    """The x coordinate of a day."""
    return round(WIDTH * (day - FIRST_DAY) / (LAST_DAY - FIRST_DAY), 1)


def risk_y(risk: float, top: float) -> float:
    """The y coordinate of a risk; SVG counts it downwards from ``top``."""
    return round(HEIGHT * (1 - risk / top), 1)


def curve(survival: Survival) -> Curve:
    """Draw the curve; the plot is as high as its band needs. The days of ``survival`` rise."""
    top = next(top for top in _TOPS if top >= min(max(survival.high), 1))
    across = [day_x(day) for day in survival.horizon_days]
    line, low, high = (
        [(x, risk_y(risk, top)) for x, risk in zip(across, risks, strict=True)]
        for risks in (survival.risk, survival.low, survival.high)
    )
    return Curve(top, _path(line), f"{_path([*high, *reversed(low)])}Z")


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
