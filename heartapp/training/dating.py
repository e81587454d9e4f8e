"""From out-of-fold probabilities to a dated risk: Platt scaling with weights, and the curve before the horizon."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root

from heartapp.inference.calibration import EPSILON, Calibration
from heartapp.inference.curve import Curve

CURVE_STEP: Final = 5
"""Days between two points of the curve."""
_FLATTEST: Final = 1e-3
_DIGITS: Final = 9


def fit_calibration(
    median: NDArray[np.floating], died: NDArray[np.int64], weight: NDArray[np.float64], slope_sd: float | None = None
) -> Calibration:
    """Platt scaling on the logit of out-of-fold medians.

    Platt's own targets, (deaths + 1) / (deaths + 2) for the dead and 1 / (survivors + 2) for the living, keep the
    slope from being too steep (Platt 1999).

    Args:
        median: the medians, shape (n,).
        died: the outcome, shape (n,).
        weight: of each patient, shape (n,); a patient of weight 0 does not count.
        slope_sd: the standard deviation of a Gaussian prior on the slope, whose mean is 1.
    """
    known = weight > 0
    deaths, survivors = int(died[known].sum()), int((1 - died[known]).sum())
    target = np.where(died == 1, (deaths + 1) / (deaths + 2), 1 / (survivors + 2))
    held = np.clip(median.astype(np.float64), EPSILON, 1 - EPSILON)
    logit = np.log(held / (1 - held))
    precision = 0.0 if slope_sd is None else slope_sd**-2

    def gradient(numbers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """That of the penalised negative log likelihood by slope and intercept, and its derivatives."""
        slope, intercept = numbers
        risk = 1 / (1 + np.exp(-(slope * logit + intercept)))
        error, curvature = weight * (risk - target), weight * risk * (1 - risk)
        mixed = curvature @ logit
        first = [error @ logit + precision * (slope - 1), error.sum()]
        return np.array(first), np.array([[curvature @ logit**2 + precision, mixed], [mixed, curvature.sum()]])

    # The likelihood is concave, so the only root of its gradient is the best fit.
    slope, intercept = root(gradient, [1.0, 0.0], jac=True).x.tolist()
    if slope < _FLATTEST:
        # The members order patients no better than chance: everyone's risk is then the base rate, all but exactly.
        rate = np.average(died, weights=weight)
        slope, intercept = _FLATTEST, float(np.log(rate / (1 - rate)))
    return Calibration(slope, intercept)


def fit_curve(risk: NDArray[np.float64], time: NDArray[np.float64], died: NDArray[np.int64], horizon: int) -> Curve:
    """One curve for all patients, from their out-of-fold risks of death within the horizon.

    Its exponents are Breslow's (1972) cumulative baseline hazard of a Cox model whose only term is the offset
    log(-log(1 - risk)), divided by its value at the horizon.

    Args:
        risk: shape (n,), above 0 and below 1.
        time: days to death or to the end of follow-up, shape (n,).
        died: 1 where the time is that of death, shape (n,).
        horizon: the day for which the risk holds; someone died by then.
    """
    moments, deaths = np.unique(time[died == 1], return_counts=True)
    relative = -np.log1p(-risk)
    at_risk = (time >= moments[:, None]) @ relative
    cumulative = np.append(0.0, np.cumsum(deaths / at_risk))
    days = [*range(0, horizon, CURVE_STEP), horizon]
    hazard = cumulative[np.searchsorted(moments, days, side="right")]
    # Digits beyond these differ between processors.
    return Curve(days, [float(f"{value:.{_DIGITS}g}") for value in (hazard / hazard[-1]).tolist()])
