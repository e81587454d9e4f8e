"""The goals, set before the work began, and which figures would be too good to be true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from heartapp.inference.report import GoalResult

if TYPE_CHECKING:
    from collections.abc import Mapping

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Goal:
    """The range to reach, a narrower one to stretch for, and one that raises an alarm: look for a leak."""

    reach: Range
    stretch: Range
    too_good: Range | None = None

    def judge(self, figure: str, value: float) -> GoalResult:
        """Compare a figure with the goal; NaN misses it."""
        reached: Literal["stretch", "goal", "missed"] = "goal" if _within(value, self.reach) else "missed"
        if _within(value, self.stretch):
            reached = "stretch"
        alarm = self.too_good is not None and _within(value, self.too_good)
        return GoalResult(figure, value, self.reach, self.stretch, reached, alarm)


def judge(goals: Mapping[str, Goal], figures: Mapping[str, float]) -> list[GoalResult]:
    """Compare each figure that has a goal with it, in the order of the goals."""
    return [goal.judge(figure, figures[figure]) for figure, goal in goals.items()]


def _within(value: float, limits: Range) -> bool:
    return limits[0] <= value <= limits[1]


GOALS: Final[dict[str, dict[str, Goal]]] = {
    "bedside": {
        "roc_auc": Goal((0.80, 1), (0.815, 1), too_good=(0.85, 1)),
        "roc_auc_unaffected": Goal((0.79, 1), (0.805, 1), too_good=(0.84, 1)),
        "brier": Goal((0, 0.163), (0, 0.158), too_good=(0, 0.14)),
        "mcc": Goal((0.50, 1), (0.52, 1), too_good=(0.60, 1)),
        "calibration_slope": Goal((0.90, 1.10), (0.95, 1.05)),
        "calibration_intercept": Goal((-0.05, 0.05), (-0.03, 0.03)),
        "expected_calibration_error": Goal((0, 0.065), (0, 0.060)),
    },
    "followup": {
        "roc_auc": Goal((0.89, 0.91), (0.89, 0.91)),
        "mcc": Goal((0.60, 0.65), (0.60, 0.65)),
    },
}
"""Of each model's figures under protocol P1."""

INSTABILITY_GOALS: Final = {
    "mean_absolute_change": Goal((0, 0.06), (0, 0.06)),
    "median_width": Goal((0, 0.25), (0, 0.25)),
}
"""Of the refits under protocol P3, set for the bedside model."""

SURVIVAL_GOALS: Final = {
    "harrell_c": Goal((0.735, 1), (0.747, 1)),
    "uno_c": Goal((0.750, 1), (0.765, 1)),
    "integrated_brier": Goal((0, 0.162), (0, 0.159)),
    "calibration_slope_90": Goal((0.85, 1.15), (0.92, 1.08)),
    "calibration_slope_180": Goal((0.85, 1.15), (0.92, 1.08)),
}
"""Of the survival curve under protocol P2."""
