"""The geometry of the model page's plots: each on a square of 100 by 100, y upwards; the template flips it for SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from heartapp.inference.report import Bin, Evaluation, InstabilityReport, Report

SIDE: Final = 100
_FLOOR: Final = -0.05
"""The lowest net benefit shown. "Treat all" falls without limit; the template clips it."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from ``low`` to ``high``, with a label at each of the values ``ticks``."""

    title: str
    low: float = 0
    high: float = 1
    ticks: tuple[float, ...] = (0, 0.25, 0.5, 0.75, 1)
    form: str = ".0%"

    @property
    def labels(self) -> list[tuple[float, str]]:
        """Where each tick is, and its text."""
        return [(self.place(tick), format(tick, self.form)) for tick in self.ticks]

    def place(self, value: float) -> float:
        """Where on the axis a value lies, from 0 to 100."""
        return round((value - self.low) / (self.high - self.low) * SIDE, 2)


@dataclass(frozen=True, slots=True)
class Line:
    """A curve: its CSS class, its name in the key, and its points in the values of the axes."""

    style: str
    label: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Plot:
    """What the template draws; points are in the values of the axes, a bar is x, low and high."""

    x: Axis
    y: Axis
    lines: Sequence[Line]
    dots: Sequence[Point] = ()
    dot_label: str = ""
    bars: Sequence[tuple[float, float, float]] = ()
    bar_label: str = ""

    @property
    def title(self) -> str:
        """What is drawn, for a plot that the card does not name."""
        return f"{self.y.title} against {self.x.title.lower()}"

    def place(self, points: Iterable[Point]) -> list[Point]:
        """Points on the square of 100 by 100."""
        return [(self.x.place(x), self.y.place(y)) for x, y in points]


def plots(report: Report) -> dict[str, Plot]:
    """Every plot of a report by name, as the model card's ``plot:`` addresses have it."""
    drawn: dict[str, Plot] = {}
    if report.evaluation is not None:
        drawn |= _performance(report.evaluation, report.cohort.deaths / report.cohort.patients)
    if report.instability is not None:
        drawn["instability"] = _instability(report.instability)
    if report.survival is not None:
        drawn |= {
            f"survival-{horizon.day}": _calibration(horizon.bins, f"Died by day {horizon.day}")
            for horizon in report.survival.calibration
        }
    return drawn


def _performance(evaluation: Evaluation, share: float) -> dict[str, Plot]:
    roc, precision = [(0.0, 0.0), *evaluation.roc_curve], evaluation.precision_recall_curve
    return {
        "roc": _against_chance("False positive rate", "Sensitivity", roc, [(0, 0), (1, 1)]),
        "precision-recall": _against_chance("Recall (sensitivity)", "Precision", precision, [(0, share), (1, share)]),
        "calibration": _calibration(evaluation.calibration_bins),
        "decision": _decision(evaluation),
    }


def _against_chance(x: str, y: str, points: Sequence[Point], chance: Sequence[Point]) -> Plot:
    return Plot(Axis(x), Axis(y), [Line("ideal", "Chance", chance), Line("model", "This model", points)])


def _calibration(bins: Iterable[Bin], died: str = "Died") -> Plot:
    return Plot(
        Axis("Predicted risk"),
        Axis(died),
        [Line("ideal", "Ideal", [(0, 0), (1, 1)])],
        dots=[(one.risk, one.deaths) for one in bins],
        dot_label="A group of held-out predictions",
    )


def _instability(found: InstabilityReport) -> Plot:
    return Plot(
        Axis("Risk from the served model"),
        Axis("Risk from the refits"),
        [Line("ideal", "The served risk", [(0, 0), (1, 1)])],
        dots=[(risk, risk) for risk, _, _ in found.ranges],
        dot_label="A group of patients",
        bars=found.ranges,
        bar_label="Middle 95% of refits",
    )


def _decision(evaluation: Evaluation) -> Plot:
    curve = evaluation.decision_curve
    highest = max(0, *(max(one.model, one.comparator, one.treat_all) for one in curve))
    tenths = math.ceil(highest * 10 + 1e-9)
    last = curve[-1].threshold
    return Plot(
        Axis("Threshold", 0, last, tuple(last * part / 4 for part in range(5))),
        Axis("Net benefit", _FLOOR, tenths / 10, tuple(step / 10 for step in range(tenths + 1)), ".1f"),
        [
            Line("nobody", "Treat none", [(0, 0), (last, 0)]),
            Line("everyone", "Treat all", [(one.threshold, one.treat_all) for one in curve]),
            Line("comparator", "Plain regression", [(one.threshold, one.comparator) for one in curve]),
            Line("model", "This model", [(one.threshold, one.model) for one in curve]),
        ],
    )
