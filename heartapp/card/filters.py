"""The template's filters: figures as text, and the few facts that take more than a look at the report."""

import math
from collections.abc import Callable, Iterable
from typing import Final

from heartapp.clinical.numbers import per_cent
from heartapp.clinical.variables import list_labels
from heartapp.inference.report import Estimate, Evaluation, GoalResult, NetBenefit, Spread

_NAMES: Final = {
    "roc_auc": "ROC AUC",
    "roc_auc_unaffected": "ROC AUC, unaffected rows",
    "pr_auc": "Precision–recall AUC",
    "mcc": "Matthews correlation",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "harrell": "Harrell’s C",
    "uno": "Uno’s C",
    "auc": "AUC",
    "brier": "Brier score",
    "slope": "Calibration slope",
    "intercept": "Calibration in the large",
    "observed_expected": "Observed / expected deaths",
    "mean_absolute_change": "Mean change of a risk",
    "median_width": "Median width of a patient’s range",
    "largest_step": "Largest step of the risk",
    "largest_fall": "Largest fall with age or creatinine",
}
_BETTER: Final = {"roc_auc": 1, "auc": 1, "mcc": 1, "brier": -1}
"""The sign of a better figure, of those compared with the plain regression."""


def figure(name: str) -> str:
    """A figure's name as text: ``Brier score by day 180``."""
    base = _base(name)
    return _NAMES[base] + (f" by day {name[len(base) + 1 :]}" if base != name else "")


def _base(name: str) -> str:
    """A figure's name without its day."""
    return name.rstrip("0123456789").rstrip("_")


def three(value: float) -> str:
    """Three decimals with a true minus; NaN is "undefined" and zero has no sign."""
    return "undefined" if math.isnan(value) else f"{value:z.3f}".replace("-", "−")


def signed(value: float) -> str:
    """Three decimals with a plus sign before positive numbers."""
    text = three(value)
    return f"+{text}" if value > 0 and float(text) else text


def interval(value: Spread | Estimate) -> str:
    """A figure with its interval: ``0.809 (0.690 to 0.912)``."""
    middle = value.mean if isinstance(value, Spread) else value.value
    return f"{three(middle)} ({three(value.low)} to {three(value.high)})"


def difference(value: Estimate) -> str:
    """A difference with its interval, signed: ``+0.002 (+0.001 to +0.003)``."""
    return f"{signed(value.value)} ({signed(value.low)} to {signed(value.high)})"


def span(limits: tuple[float, float]) -> str:
    """A goal's range, by the side on which it can be missed: ``at least 0.80``."""
    low, high = (f"{limit:z.3f}".removesuffix("0").replace("-", "−") for limit in limits)
    if limits[0] == 0:
        return f"at most {high}"
    return f"at least {low}" if limits[1] == 1 else f"{low} to {high}"


def missed(goals: Iterable[GoalResult]) -> list[GoalResult]:
    """The goals that were not reached."""
    return [goal for goal in goals if goal.reached == "missed"]


def headline(evaluation: Evaluation) -> tuple[str, str, str]:
    """The figures that say most: of death by the horizon where there is one."""
    day = evaluation.horizon
    return (f"auc_{day}", "mcc", f"brier_{day}") if day else ("roc_auc", "mcc", "brier")


def verdict(evaluation: Evaluation) -> str:
    """In which figures the trees are better or worse than the plain regression, as far as the intervals say so."""
    compared = {name: evaluation.difference[name] for name in headline(evaluation)}
    found = [
        f"{word} in {figure(name)}"
        for word, sign in (("Better", 1), ("Worse", -1))
        for name, value in compared.items()
        if min(sign * _BETTER[_base(name)] * bound for bound in (value.low, value.high)) > 0
    ]
    listed = ", ".join(f"{figure(name)} {difference(value)}" for name, value in compared.items())
    return f"**{', '.join(found) or 'No clear difference'}**: {listed}"


def useful(curve: Iterable[NetBenefit]) -> list[float]:
    """The thresholds at which the model is worth more than treating everyone and than treating no one."""
    return [one.threshold for one in curve if one.model.value > max(one.treat_all.value, 0)]


FILTERS: Final[dict[str, Callable[..., object]]] = {
    "percent": per_cent,
    "labels": list_labels,
    **{
        function.__name__: function
        for function in (figure, three, interval, difference, span, missed, headline, verdict, useful)
    },
}
