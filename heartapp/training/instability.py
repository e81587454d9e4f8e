"""Protocol P3: how the risks of the training patients change when the recipe is fitted to other samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from heartapp.inference.refits import HIGH, LOW
from heartapp.inference.report import InstabilityReport
from heartapp.statistics.metrics import draw_counts, estimate, mean, rounded
from heartapp.training.defaults import BOOTSTRAPS, SPLIT_SEED
from heartapp.training.goals import INSTABILITY_GOALS, judge

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUPS: Final = 10
"""Groups of patients by risk, whose ranges are reported."""


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
