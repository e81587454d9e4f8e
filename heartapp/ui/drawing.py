"""The geometry of the drawings in a result: numbers and SVG paths for the templates.

Every drawing has one scale, the risk from 0 to 100. Coordinates are percent of the drawing's width and height.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import log
from typing import NamedTuple

from heartapp.clinical.variables import Variable
from heartapp.inference.explanation import Explanation
from heartapp.inference.model import Survival
from heartapp.inference.response import ResponseCurve

Point = tuple[float, float]


class Bar(NamedTuple):
    """Where a bar starts, how long it is, and where the risk stands after it, in percent of the drawing's width."""

    x: float
    width: float
    end: float


def percent(share: float) -> float:
    """A share as a coordinate."""
    return round(100 * share, 1)


def risk_y(risk: float) -> float:
    """The y coordinate of a risk; SVG counts it downwards."""
    return percent(1 - risk)


def path(points: Sequence[Point]) -> str:
    """A line through these points."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def curve(survival: Survival) -> tuple[str, str]:
    """The line of the risk by day, and the band of the refits around it (empty without refits)."""
    days = survival.horizon_days
    bounds = (survival.low, survival.high) if survival.low and survival.high else ()
    line, *edges = (
        [(percent(day / days[-1]), risk_y(risk)) for day, risk in zip(days, risks, strict=True)]
        for risks in (survival.risk, *bounds)
    )
    band = f"{path([*edges[1], *reversed(edges[0])])}Z" if edges else ""
    return path(line), band


def response(one: ResponseCurve, variable: Variable) -> tuple[list[float], str, str]:
    """The x of each value, the line of the risk, and its parts where the training data hold similar patients."""
    xs = along(one, variable, one.values)
    points = [(x, risk_y(risk)) for x, risk in zip(xs, one.risks, strict=True)]
    parts = groupby(zip(points, one.supported, strict=True), key=lambda pair: pair[1])
    return xs, path(points), "".join(path([point for point, _ in part]) for supported, part in parts if supported)


def along(one: ResponseCurve, variable: Variable, values: Iterable[float]) -> list[float]:
    """The x of some values of the variable, in per cent of the width of its response curve."""
    first, last, *places = [log(v) if variable.logarithmic else v for v in (one.values[0], one.values[-1], *values)]
    return [percent((place - first) / (last - first or 1)) for place in places]


def waterfall(explanation: Explanation) -> list[Bar]:
    """One bar for each contribution, each from where the one before ended; the first from the reference risk."""
    bars, start = [], explanation.reference_risk
    for one in explanation.contributions:
        end = start + one.contribution
        bars.append(Bar(percent(min(start, end)), percent(abs(one.contribution)), percent(end)))
        start = end
    return bars
