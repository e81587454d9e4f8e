"""The template's filters: figures as text, and the few facts that take more than a look at the report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from heartapp.clinical.numbers import per_cent
from heartapp.clinical.variables import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from heartapp.inference.report import Evaluation, GoalResult, NetBenefit, Spread

_SIGNS: Final = {"roc_auc": 1, "brier": -1, "mcc": 1}
"""The figures held against the plain regression; a lower Brier score is better."""


def three(value: float) -> str:
    """Three decimals with a true minus; NaN is "undefined" and zero has no sign."""
    return "undefined" if math.isnan(value) else f"{value:z.3f}".replace("-", "−")


def signed(value: float) -> str:
    """Three decimals with a plus sign before positive numbers."""
    text = three(value)
    return f"+{text}" if value > 0 and float(text) else text


def spread(value: Spread) -> str:
    """Mean and standard deviation."""
    return f"{three(value.mean)} ± {three(value.sd)}"


def span(limits: tuple[float, float]) -> str:
    """A goal's range, by the side on which it can be missed: ``at least 0.80``."""
    low, high = (f"{limit:z.3f}".removesuffix("0").replace("-", "−") for limit in limits)
    if limits[0] == 0:
        return f"at most {high}"
    return f"at least {low}" if limits[1] == 1 else f"{low} to {high}"


def missed(goals: Iterable[GoalResult]) -> list[GoalResult]:
    """The goals that were not reached."""
    return [goal for goal in goals if goal.reached == "missed"]


def result(goal: GoalResult) -> str:
    """Whether a goal was reached, or by how much it was missed."""
    low, high = goal.goal
    text = f"**missed** by {three(max(low - goal.value, goal.value - high))}" if goal.reached == "missed" else "reached"
    return f"{text}; too good: look for a leak" if goal.alarm else text


def words(name: str) -> str:
    """A name from the report as text: ``Decision tree``."""
    return name.replace("_", " ").capitalize()


def labels(names: Sequence[str]) -> str:
    """Variables by their labels: ``age and serum creatinine``."""
    *first, last = (BY_NAME[name].label.lower() for name in names)
    return f"{', '.join(first)} and {last}" if first else last


def better(evaluation: Evaluation) -> list[str]:
    """The figures in which the trees beat the plain regression; figures that print the same are equal."""
    trees, plain = evaluation.metrics, evaluation.comparators["spline_regression"]
    return [
        name for name, sign in _SIGNS.items() if sign * round(trees[name].mean, 3) > sign * round(plain[name].mean, 3)
    ]


def at(points: Iterable[tuple[float, float]], x: float) -> float:
    """The height of a curve at the point nearest to ``x``."""
    return min(points, key=lambda point: abs(point[0] - x))[1]


def useful(curve: Iterable[NetBenefit]) -> list[float]:
    """The thresholds at which the model is worth more than treating everyone and than treating no one."""
    return [one.threshold for one in curve if one.model > max(one.treat_all, 0)]


def widest_range(ranges: Iterable[tuple[float, float, float]]) -> tuple[float, float, float]:
    """The group whose risks move most between refits: served risk, low and high."""
    return max(ranges, key=lambda one: one[2] - one[1])


FILTERS: Final[dict[str, Callable[..., object]]] = {
    "percent": per_cent,
    **{
        function.__name__: function
        for function in (three, signed, spread, span, missed, result, words, labels, better, at, useful, widest_range)
    },
}
