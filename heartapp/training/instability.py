"""Protocol P3: how the risks of the training patients move from refit to refit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from heartapp.inference.refits import HIGH, LOW
from heartapp.inference.report import InstabilityReport
from heartapp.training.goals import INSTABILITY_GOALS
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
    groups = np.array_split(np.argsort(served, kind="stable"), GROUPS)
    figures = {
        "mean_absolute_change": rounded(np.abs(risks - served[:, None]).mean()),
        "median_width": rounded(np.median(high - low)),
    }
    return InstabilityReport(
        refits=refits.count,
        **figures,
        goals=[goal.judge(name, figures[name]) for name, goal in INSTABILITY_GOALS.items()],
        ranges=[
            (rounded(served[group].mean()), rounded(low[group].mean()), rounded(high[group].mean())) for group in groups
        ],
    )
