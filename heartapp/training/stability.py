"""How the risk changes: as one value changes (its shape), and when the recipe is fitted to other samples (P3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.refits import HIGH, LOW
from heartapp.inference.report import InstabilityReport, Shape
from heartapp.statistics.metrics import draw_counts, estimate, mean, rounded
from heartapp.training.defaults import BOOTSTRAPS, SPLIT_SEED
from heartapp.training.goals import INSTABILITY_GOALS, SHAPE_GOALS, judge
from heartapp.training.members import RISING
from heartapp.training.refitting import rows_over

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.training.recipe import FittedRecipe

GROUPS: Final = 10
"""Groups of patients by risk, whose ranges are reported."""
_EDGE: Final = 3
"""Steps by which the grid goes beyond the training data; farther away the trees do not change."""


def measure_shape(fitted: FittedRecipe, names: Sequence[str], features: NDArray[np.float32], splits: int) -> Shape:
    """The largest step and the largest fall over a grid of the used variables, at their declared steps.

    Args:
        fitted: the served recipe, which uses only variables that are numbers.
        names: the variables, the columns of ``features``.
        features: the training patients, shape (n, variables).
        splits: of the evaluation beside which the goals are judged.
    """
    axes = [_axis(names[column], features[:, column]) for column in fitted.columns]
    risk = fitted.risk(rows_over(axes, fitted.columns, len(names))).reshape([len(axis) for axis in axes])
    steps = {names[column]: np.diff(risk, axis=place) for place, column in enumerate(fitted.columns)}
    figures = {
        "largest_step": rounded(max(np.abs(step).max() for step in steps.values())),
        "largest_fall": rounded(max(0.0, *(-step.min() for name, step in steps.items() if name in RISING))),
    }
    return Shape(**figures, goals=judge(SHAPE_GOALS, figures, splits))


def _axis(name: str, values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Whole steps of a variable, from a little below the smallest value to a little above the largest."""
    variable = BY_NAME[name]
    low, high = np.nanmin(values) / variable.step - _EDGE, np.nanmax(values) / variable.step + _EDGE
    return np.clip(np.arange(np.floor(low), np.ceil(high) + 1) * variable.step, variable.low, variable.high)


def report_instability(refits: NDArray[np.floating], served: NDArray[np.float64], splits: int) -> InstabilityReport:
    """The report of the refits.

    Args:
        refits: the training patients' risks from each refit, shape (refits, n).
        served: their risks from the served model, shape (n,).
        splits: of the evaluation beside which the goals are judged.
    """
    change = np.abs(refits - served).mean(axis=0)
    low, high = np.percentile(refits, [LOW, HIGH], axis=0)
    counts = draw_counts(len(served), BOOTSTRAPS, SPLIT_SEED)
    figures = {
        "mean_absolute_change": mean(change, counts),
        "median_width": estimate(lambda count: float(np.median(np.repeat(high - low, count.astype(np.int64)))), counts),
    }
    groups = np.array_split(np.argsort(served, kind="stable"), GROUPS)
    values = {name: figure.value for name, figure in figures.items()}
    return InstabilityReport(
        refits=len(refits),
        **figures,
        goals=judge(INSTABILITY_GOALS, values, min(len(refits), splits)),
        ranges=[
            (rounded(served[group].mean()), rounded(low[group].mean()), rounded(high[group].mean())) for group in groups
        ],
    )
