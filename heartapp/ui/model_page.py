"""The model's page: what `heartapp.inference.telling` tells, as HTML, with the geometry of its plots.

A plot is drawn on a square of 100 by 100, with y downwards as in SVG.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from heartapp.inference.telling import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heartapp.inference.model import Model
    from heartapp.inference.report import Bin, Evaluation, InstabilityReport, Report

Points = list[tuple[float, float]]

SIDE: Final = 100
_MARKS: Final = re.compile(
    r"\[(?P<label>[^]]+)]\((?P<address>[^)]+)\)|\*\*(?P<strong>[^*]+)\*\*|\*(?P<em>[^*]+)\*|`(?P<code>[^`]+)`"
)
_TICKS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_FLOOR: Final = -0.05
"""Net benefits below are not drawn: there, treating everyone falls without end."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis and what stands there."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis; its values run from ``low`` to ``high``."""

    title: str
    ticks: list[Tick]
    low: float = 0
    high: float = 1

    def place(self, value: float) -> float:
        """How far along the axis a value lies, from 0 to 100."""
        return round((value - self.low) / (self.high - self.low) * SIDE, 2)


@dataclass(frozen=True, slots=True)
class Line:
    """A curve: the ``points`` of an SVG polyline. ``style`` is its class, ``label`` its name in the key."""

    style: str
    label: str
    points: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A vertical range."""

    x: float
    high: float
    low: float


@dataclass(frozen=True, slots=True)
class Plot:
    """Everything that a template needs to draw one."""

    x: Axis
    y: Axis
    lines: list[Line]
    dots: Points
    dot_label: str = ""
    bars: tuple[Bar, ...] = ()
    bar_label: str = ""


def context(model: Model) -> dict[str, object]:
    """What the page's template is given."""
    manifest, report = model.bundle.manifest, model.bundle.report
    return {"model": model, "sections": tell(manifest, report), "plots": plots(report), "inline": inline}


def inline(text: str) -> Markup:
    """The marks of a telling's text as HTML; everything else is escaped."""
    parts, end = [], 0
    for found in _MARKS.finditer(text):
        parts += [escape(text[end : found.start()]), _marked(found)]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def _marked(found: re.Match[str]) -> Markup:
    kind = found.lastgroup or ""
    if kind == "address":
        return Markup('<a href="{}">{}</a>').format(found["address"], found["label"])
    return Markup("<{0}>{1}</{0}>").format(kind, found[kind])


def plots(report: Report) -> dict[str, Plot]:
    """Every plot of the report, by the name that the telling gives it."""
    drawn: dict[str, Plot] = {}
    if report.evaluation is not None:
        share = report.cohort.deaths / report.cohort.patients
        drawn |= {
            "roc": _roc(report.evaluation),
            "precision-recall": _precision_recall(report.evaluation, share),
            "calibration": _calibration(report.evaluation.calibration_bins),
            "decision": _decision(report.evaluation),
        }
    if report.instability is not None:
        drawn["instability"] = _instability(report.instability)
    if report.survival is not None:
        for horizon in report.survival.calibration:
            drawn[f"survival-{horizon.day}"] = _calibration(horizon.bins)
    return drawn


def _shares(title: str) -> Axis:
    return Axis(title, [Tick(value * SIDE, f"{value * SIDE:.0f}%") for value in _TICKS])


def _line(style: str, label: str, points: Sequence[tuple[float, float]], x: Axis, y: Axis) -> Line:
    placed = (f"{x.place(one):g},{round(SIDE - y.place(other), 2):g}" for one, other in points)
    return Line(style, label, " ".join(placed))


def _dots(points: Sequence[tuple[float, float]], x: Axis, y: Axis) -> Points:
    return [(x.place(one), round(SIDE - y.place(other), 2)) for one, other in points]


def _roc(evaluation: Evaluation) -> Plot:
    x, y = _shares("False positive rate"), _shares("Sensitivity")
    return Plot(
        x,
        y,
        [
            _line("ideal", "A coin", [(0, 0), (1, 1)], x, y),
            _line("model", "This model", [(0, 0), *evaluation.roc_curve], x, y),
        ],
        [],
    )


def _precision_recall(evaluation: Evaluation, share: float) -> Plot:
    x, y = _shares("Recall (sensitivity)"), _shares("Precision")
    return Plot(
        x,
        y,
        [
            _line("ideal", "A coin", [(0, share), (1, share)], x, y),
            _line("model", "This model", evaluation.precision_recall_curve, x, y),
        ],
        [],
    )


def _calibration(bins: Sequence[Bin]) -> Plot:
    x, y = _shares("Predicted risk"), _shares("Died")
    return Plot(
        x,
        y,
        [_line("ideal", "As predicted", [(0, 0), (1, 1)], x, y)],
        _dots([(one.risk, one.deaths) for one in bins], x, y),
        dot_label="A group of test predictions",
    )


def _instability(found: InstabilityReport) -> Plot:
    x, y = _shares("Risk of the served model"), _shares("Risk from refit to refit")
    return Plot(
        x,
        y,
        [_line("ideal", "The served risk", [(0, 0), (1, 1)], x, y)],
        _dots([(risk, risk) for risk, _, _ in found.ranges], x, y),
        dot_label="A group of patients",
        bars=tuple(
            Bar(x.place(risk), round(SIDE - y.place(high), 2), round(SIDE - y.place(low), 2))
            for risk, low, high in found.ranges
        ),
        bar_label="Middle 95% of refits",
    )


def _decision(evaluation: Evaluation) -> Plot:
    curve = evaluation.decision_curve
    model, plain, everyone = (
        [(one.threshold, getattr(one, name)) for one in curve] for name in ("model", "comparator", "treat_all")
    )
    ceiling = math.ceil(max(value for _, value in (*model, *plain, *everyone)) * 10 + 1e-9) / 10
    last = curve[-1].threshold
    y = Axis(
        "Net benefit",
        [
            Tick(round((step / 10 - _FLOOR) / (ceiling - _FLOOR) * SIDE, 2), f"{step / 10:.1f}")
            for step in range(round(ceiling * 10) + 1)
        ],
        _FLOOR,
        ceiling,
    )
    x = Axis("Threshold", [Tick(round(SIDE * part / 4, 2), f"{last * part / 4:.0%}") for part in range(5)], 0, last)
    return Plot(
        x,
        y,
        [
            _line("nobody", "Treat none", [(0, 0), (last, 0)], x, y),
            _line("everyone", "Treat all", above(everyone, _FLOOR), x, y),
            _line("comparator", "Plain regression", above(plain, _FLOOR), x, y),
            _line("model", "This model", above(model, _FLOOR), x, y),
        ],
        [],
    )


def above(points: Points, floor: float) -> Points:
    """The part of a curve before it first falls below the floor, to the point where it does."""
    kept: Points = []
    for x, y in points:
        if y < floor:
            if kept:
                before_x, before_y = kept[-1]
                kept.append((before_x + (x - before_x) * (before_y - floor) / (before_y - y), floor))
            break
        kept.append((x, y))
    return kept
