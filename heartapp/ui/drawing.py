"""The geometry of the page's drawings, as numbers and SVG paths for the templates; no words, no colours."""

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
"""The plane of the curve: days across, risk upwards."""
LEAST_SPAN: Final = 0.1
"""What the bars span at least, so that small contributions look small."""
_TOPS: Final = (0.25, 0.5, 0.75, 1.0)


class Curve(NamedTuple):
    """A survival curve in a plane of `WIDTH` by `HEIGHT`, from the first day to the last and from no risk to ``top``.

    ``line`` and ``band`` are paths, ``marks`` the points of the days that were named.
    """

    top: float
    line: str
    band: str
    marks: tuple[Point, ...]

    def y(self, risk: float) -> float:
        """How far down a risk stands."""
        return round(HEIGHT * (1 - risk / self.top), 1)


class Bar(NamedTuple):
    """Where a bar begins and how long it is, of 100."""

    x: float
    width: float


def day_x(day: int) -> float:
    """How far across a day stands."""
    return round(WIDTH * (day - FIRST_DAY) / (LAST_DAY - FIRST_DAY), 1)


def curve(survival: Survival, named: Sequence[int]) -> Curve:
    """Draw the curve, whose days rise, as high as its band needs, with a mark at each day of ``named``."""
    top = next(top for top in _TOPS if top >= min(max(survival.high), 1))
    frame = Curve(top, "", "", ())
    across = [day_x(day) for day in survival.horizon_days]
    line, low, high = (
        list(zip(across, map(frame.y, risks), strict=True)) for risks in (survival.risk, survival.low, survival.high)
    )
    marks = tuple(point for day, point in zip(survival.horizon_days, line, strict=True) if day in named)
    return Curve(top, _path(line), f"{_path([*high, *reversed(low)])}Z", marks)


def bars(contributions: Sequence[Contribution]) -> tuple[float, tuple[Bar, ...]]:
    """Where nought stands, of 100, and one bar a contribution, all on one scale; to the left is less risk."""
    shares = [one.contribution for one in contributions]
    least, most = min(0, *shares), max(0, *shares)
    scale = 100 / max(most - least, LEAST_SPAN)
    return (
        round(-least * scale, 1),
        tuple(Bar(round((min(share, 0) - least) * scale, 1), round(abs(share) * scale, 1)) for share in shares),
    )


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
