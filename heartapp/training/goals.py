"""The goals, set before the work began, and which figures would be too good to be true."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from heartapp.inference.report import GoalResult

Range = tuple[float, float]

LEAST: Final = 50
"""Splits and refits that it takes to judge a goal: fewer say too little."""


@dataclass(frozen=True, slots=True)
class Goal:
    """The range to reach, a narrower one to stretch for, and one that raises an alarm: look for a leak."""

    reach: Range
    stretch: Range | None = None
    too_good: Range | None = None

    def judge(self, figure: str, value: float) -> GoalResult:
        """Compare a figure with the goal; NaN misses it."""
        reached: Literal["stretch", "goal", "missed"] = "goal" if _within(value, self.reach) else "missed"
        if _within(value, self.stretch):
            reached = "stretch"
        return GoalResult(figure, value, self.reach, self.stretch, reached, _within(value, self.too_good))


def judge(goals: Mapping[str, Goal], figures: Mapping[str, float], runs: int) -> list[GoalResult]:
    """Compare the figures that have a goal with it, in the order of the goals; an undated model lacks some figures.

    ``runs`` is the number of splits, or of refits if they are fewer. Below `LEAST`, nothing is judged.
    """
    judged = goals if runs >= LEAST else {}
    return [goal.judge(figure, figures[figure]) for figure, goal in judged.items() if figure in figures]


def _within(value: float, limits: Range | None) -> bool:
    return limits is not None and limits[0] <= value <= limits[1]


GOALS: Final[dict[str, dict[str, Goal]]] = {
    "bedside": {
        "roc_auc": Goal((0.805, 1), stretch=(0.815, 1), too_good=(0.85, 1)),
        "mcc": Goal((0.49, 1)),
        "brier_180": Goal((0, 0.181), stretch=(0, 0.178)),
        "slope_180": Goal((0.88, 1.15)),
        "harrell": Goal((0.740, 1)),
    },
    "followup": {
        "roc_auc": Goal((0.89, 0.91)),
        "mcc": Goal((0.60, 0.65)),
    },
}
"""Of each model's figures on held-out patients."""

INSTABILITY_GOALS: Final = {
    "mean_absolute_change": Goal((0, 0.060), stretch=(0, 0.050)),
    "median_width": Goal((0, 0.24), stretch=(0, 0.20)),
}
"""Of the refits (protocol P3) of the bedside model."""

SHAPE_GOALS: Final = {
    "largest_step": Goal((0, 0.20)),
    "largest_fall": Goal((0, 0)),
}
"""Of the risk over the grid, of the bedside model."""
