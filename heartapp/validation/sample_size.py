"""How many patients a validation takes: the criteria of Riley et al. (Statistics in Medicine 2021).

They are for a binary outcome. Each asks for an interval of a figure that is narrow enough, and has a closed form.
"""

from math import asinh, ceil, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from heartapp.validation.result import Criterion, SampleSize

WIDTHS: Final = {"observed/expected": 0.2, "calibration slope": 0.3, "AUC": 0.1}
"""The widths of the 95 % intervals to reach."""
_Z: Final = 1.96


def judge_sample_size(patients: int, observed: float, auc: float, log_odds: NDArray[np.float64]) -> SampleSize:
    """Whether the patients suffice.

    Args:
        patients: how many there are.
        observed: the share that died.
        auc: the area under the ROC curve.
        log_odds: the logits of their risks.
    """
    needed = {
        "observed/expected": for_observed_expected(observed, WIDTHS["observed/expected"]),
        "calibration slope": for_slope(log_odds, WIDTHS["calibration slope"]),
        "AUC": for_auc(auc, observed, WIDTHS["AUC"]),
    }
    criteria = [Criterion(figure, WIDTHS[figure], count) for figure, count in needed.items()]
    most = max(needed.values())
    return SampleSize(patients >= most, most, criteria)


def for_observed_expected(observed: float, width: float) -> int:
    """The standard error of ln(O/E) is sqrt((1 - observed) / (n · observed)), around a ratio of 1."""
    error = asinh(width / 2) / _Z
    return ceil((1 - observed) / (observed * error**2))


def for_slope(log_odds: NDArray[np.float64], width: float) -> int:
    """From the Fisher information of a logistic recalibration whose intercept is 0 and whose slope is 1."""
    risk = expit(log_odds)
    spread = risk * (1 - risk)
    zero, one, two = (float((spread * log_odds**power).mean()) for power in range(3))
    error = width / (2 * _Z)
    return ceil(zero / (error**2 * (zero * two - one**2)))


def for_auc(auc: float, observed: float, width: float) -> int:
    """Newcombe's (2006) standard error of the area, whose square is a quadratic equation in 1/n, solved for n."""
    error, share = width / (2 * _Z), observed * (1 - observed)
    spread = auc * (1 - auc)
    pairs = (1 - auc) / (2 - auc) + auc / (1 + auc)
    a, b, c = error**2 * share, -spread * pairs / 2, -spread * (1 - pairs)
    return ceil((-b + sqrt(b**2 - 4 * a * c)) / (2 * a))
