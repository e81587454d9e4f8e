"""Of what a telling is made, and how its figures are written.

Texts are Markdown of four marks only: ``[label](address)``, ``**strong**``, ``*title*`` and `` `code` ``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from heartapp.inference.report import GoalResult, Spread


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the columns in ``numbers`` hold figures."""

    kind: ClassVar[str] = "table"
    caption: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot: its name, its title, what there is to see, and its numbers."""

    kind: ClassVar[str] = "figure"
    name: str
    title: str
    seen: str
    table: Table


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    kind: ClassVar[str] = "bullets"
    items: list[str]


@dataclass(frozen=True, slots=True)
class Warn:
    """What must not be overlooked."""

    kind: ClassVar[str] = "warn"
    text: str


Part = str | Bullets | Table | Figure | Warn


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it."""

    title: str
    parts: list[Part]

    @property
    def anchor(self) -> str:
        """What a link within the page or the card names: as Markdown viewers derive it from the heading."""
        return anchor(self.title)


def anchor(title: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def three(value: float) -> str:
    """Three decimals; what could not be computed is said to be so, and nought has no sign."""
    return "undefined" if math.isnan(value) else f"{value:z.3f}".replace("-", "−")


def signed(value: float) -> str:
    """The same with a sign before what is not nought."""
    written = three(value)
    return f"+{written}" if value > 0 and float(written) else written


def spread(value: Spread) -> str:
    """Mean and standard deviation."""
    return f"{three(value.mean)} ± {three(value.sd)}"


def middle(value: Spread) -> str:
    """Where the middle 95 % of the splits lie."""
    return f"{three(value.low)} to {three(value.high)}"


def limits(wanted: tuple[float, float]) -> str:
    """A range that is to be reached."""
    low, high = wanted
    if low == 0:
        return f"at most {_short(high)}"
    return f"at least {_short(low)}" if high == 1 else f"{_short(low)} to {_short(high)}"


def _short(value: float) -> str:
    """Two decimals, or three where there are."""
    return f"{value:z.3f}".removesuffix("0").replace("-", "−")


def distance(goal: GoalResult) -> float:
    """By how much a figure misses its goal."""
    low, high = goal.goal
    return max(low - goal.value, goal.value - high)


def verdict(goal: GoalResult) -> str:
    """Whether a goal was reached, and by how much not."""
    if goal.reached == "missed":
        told = f"missed by {three(distance(goal))}"
    else:
        told = "reached, and the stretch" if goal.reached == "stretch" else "reached"
    return f"{told}; too good: look for a leak" if goal.alarm else told


def listed(items: list[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def figure(name: str) -> str:
    """A figure's name for people; one that has none here as the report writes it."""
    return FIGURES[name][0] if name in FIGURES else name.replace("_", " ")


def reading(name: str) -> str:
    """How to read a figure."""
    return FIGURES[name][1] if name in FIGURES else ""


FIGURES: Final = {
    "roc_auc": ("ROC AUC", "0.5 is a coin, 1 orders every patient rightly"),
    "roc_auc_unaffected": ("ROC AUC, unaffected rows", "without the rows whose fills tell the outcome"),
    "pr_auc": ("Precision–recall AUC", "the share of deaths is what a coin reaches"),
    "brier": ("Brier score", "mean squared error of the risk; smaller is better"),
    "mcc": ("Matthews correlation", "of the class at the threshold; 0 is a coin, 1 is right"),
    "sensitivity": ("Sensitivity", "share of those who died for whom death was expected"),
    "specificity": ("Specificity", "share of survivors for whom survival was expected"),
    "net_benefit_20": ("Net benefit at 20%", "true positives less weighted false ones, a patient"),
    "net_benefit_30": ("Net benefit at 30%", "the same at another threshold"),
    "calibration_slope": ("Calibration slope", "1 is right; below, risks are too extreme"),
    "calibration_intercept": ("Observed − expected deaths", "calibration in the large; 0 is right"),
    "expected_calibration_error": ("Expected calibration error", "mean gap of risk and share that died"),
    "mean_absolute_change": ("Mean change of a risk", "between a refit and the served model"),
    "median_width": ("Median width of a patient’s range", "between the 2.5th and 97.5th percentile of refits"),
    "harrell_c": ("Harrell’s C", "share of pairs ordered rightly; 0.5 is a coin"),
    "uno_c": ("Uno’s C", "the same, corrected for those who left"),
    "integrated_brier": ("Integrated Brier score", "squared error over the days; smaller is better"),
    "brier_90": ("Brier score at 90 days", "smaller is better"),
    "brier_180": ("Brier score at 180 days", "smaller is better"),
    "auc_90": ("AUC at 90 days", "0.5 is a coin"),
    "auc_180": ("AUC at 180 days", "0.5 is a coin"),
    "calibration_slope_90": ("Calibration slope at 90 days", "1 is right"),
    "calibration_slope_180": ("Calibration slope at 180 days", "1 is right"),
}
"""Name and reading of each figure."""

MEMBERS: Final = {
    "decision_tree": "Decision tree",
    "random_forest": "Random forest",
    "gradient_boosting": "Gradient boosting",
}

COMPARATORS: Final = {"spline_regression": "Plain regression"}
