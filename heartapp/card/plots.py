"""The geometry of plots: each on a square of 100 by 100, y upwards; the template flips it for SVG."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from heartapp.inference.report import CalibrationReport, InstabilityReport, NetBenefit, Report

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
    """What the template draws; points are in the values of the axes, a bar is x, low and high.

    ``counts`` says how many patients, predictions or refits it is of.
    """

    x: Axis
    y: Axis
    lines: Sequence[Line]
    dots: Sequence[Point] = ()
    dot_label: str = ""
    bars: Sequence[tuple[float, float, float]] = ()
    bar_label: str = ""
    counts: str = ""

    def place(self, points: Iterable[Point]) -> list[Point]:
        """Points on the square of 100 by 100."""
        return [(self.x.place(x), self.y.place(y)) for x, y in points]


def plots(report: Report) -> dict[str, Plot]:
    """Every plot of a report by name, as the model card's ``plot:`` addresses have it."""
    drawn: dict[str, Plot] = {}
    patients = f"{report.cohort.patients:,} patients"
    if report.evaluation is not None:
        for one in report.evaluation.calibration:
            drawn[f"calibration-{one.day}" if one.day else "calibration"] = _calibration(one, patients)
        splits = f"{patients}, {report.evaluation.protocol.splits} splits"
        drawn["decision"] = decision_plot(report.evaluation.decision_curve, splits)
    if report.instability is not None:
        drawn["instability"] = _instability(report.instability, f"{patients}, {report.instability.refits} refits")
    return drawn


def _calibration(found: CalibrationReport, patients: str) -> Plot:
    predictions = [one.predictions for one in found.bins]
    return Plot(
        Axis("Predicted risk"),
        Axis(f"Died by day {found.day}" if found.day else "Died"),
        [Line("ideal", "Ideal", [(0, 0), (1, 1)])],
        dots=[(one.risk, one.deaths.value) for one in found.bins],
        dot_label=f"A group of about {sum(predictions) // len(predictions):,}",
        bars=[(one.risk, one.deaths.low, one.deaths.high) for one in found.bins],
        bar_label="95% interval",
        counts=f"{patients}, {sum(predictions):,} held-out predictions",
    )


def _instability(found: InstabilityReport, counts: str) -> Plot:
    return Plot(
        Axis("Risk from the served model"),
        Axis("Risk from the refits"),
        [Line("ideal", "The served risk", [(0, 0), (1, 1)])],
        dots=[(risk, risk) for risk, _, _ in found.ranges],
        dot_label="A group of patients",
        bars=found.ranges,
        bar_label="Middle 95% of refits",
        counts=counts,
    )


def decision_plot(curve: Sequence[NetBenefit], counts: str = "") -> Plot:
    """A decision curve, by rising thresholds, with the interval of the model's net benefit."""
    last = curve[-1].threshold
    low = [(one.threshold, one.model.low) for one in curve]
    high = [(one.threshold, one.model.high) for one in curve]
    lines = [
        Line("band", "95% interval of this model", [*low, *reversed(high)]),
        Line("nobody", "Treat none", [(0, 0), (last, 0)]),
        Line("everyone", "Treat all", [(one.threshold, one.treat_all.value) for one in curve]),
        Line("comparator", "Plain regression", [(one.threshold, one.comparator.value) for one in curve]),
        Line("model", "This model", [(one.threshold, one.model.value) for one in curve]),
    ]
    highest = max(height for line in lines for _, height in line.points)
    tenths = math.ceil(highest * 10 + 1e-9)
    return Plot(
        Axis("Threshold", 0, last, tuple(last * part / 4 for part in range(5))),
        Axis("Net benefit", _FLOOR, tenths / 10, tuple(step / 10 for step in range(tenths + 1)), ".1f"),
        lines,
        counts=counts,
    )
