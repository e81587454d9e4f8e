"""Protocol P3: how much the risks of the training patients change from refit to refit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from heartapp.inference.refits import HIGH, LOW
from heartapp.inference.report import InstabilityReport
from heartapp.training.goals import INSTABILITY_GOALS, judge
from heartapp.training.metrics import rounded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from heartapp.inference.refits import Refits

GROUPS: Final = 10


def report_instability(refits: Refits, features: NDArray[np.float32], served: NDArray[np.float64]) -> InstabilityReport:
    """Compare the refits with the served model.

    Args:
        refits: the refits.
        features: the training patients, shape (n, variables).
        served: their risks from the served model, shape (n,).
    """
    risks = np.array([refits.risks(row) for row in features.tolist()])
    low, high = np.percentile(risks, [LOW, HIGH], axis=1)
    figures = {
        "mean_absolute_change": rounded(np.abs(risks - served[:, None]).mean()),
        "median_width": rounded(np.median(high - low)),
    }
    groups = np.array_split(np.argsort(served, kind="stable"), GROUPS)
    return InstabilityReport(
        refits=refits.count,
        **figures,
        goals=judge(INSTABILITY_GOALS, figures),
        ranges=[
            (rounded(served[group].mean()), rounded(low[group].mean()), rounded(high[group].mean())) for group in groups
        ],
    )
