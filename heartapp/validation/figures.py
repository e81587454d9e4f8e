"""The figures that a validation and an update share, in each bootstrap sample: shape (samples,), the cohort first.

Where there are times, patients who were lost before the horizon count by inverse probability of censoring weights,
learned anew in each sample.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from heartapp.statistics.metrics import calibration_slope, concordance_each, net_gain, weighted_brier
from heartapp.statistics.regression import calibration_intercept
from heartapp.validation.samples import Floats, Samples

Figure = Callable[[Samples], Floats]


def auc(samples: Samples) -> Floats:
    """The area under the ROC curve; by the horizon where there are times (Uno et al. 2007)."""
    # It is the concordance of patients who are dead at 0 or alive at 1.
    dead, weights = samples.dead.astype(np.int64), samples.weights
    return concordance_each((1 - dead).astype(np.float64), dead, samples.risk, weights, weights)


def observed(samples: Samples) -> Floats:
    """The share that died by the horizon: one minus the Kaplan-Meier estimate where there are times."""
    share: Floats = samples.weights @ samples.dead / samples.counts.sum(axis=1)
    return share


def observed_expected(samples: Samples) -> Floats:
    """The ratio of the deaths by the horizon to the sum of the risks."""
    ratio: Floats = samples.weights @ samples.dead / (samples.counts @ samples.risk)
    return ratio


def gain(thresholds: Sequence[float]) -> Figure:
    """The net benefit above that of treating everyone or no one, on average over some thresholds."""

    def gains(samples: Samples) -> Floats:
        total, everyone = samples.weights.sum(axis=1), np.ones(len(samples.risk))
        benefits = [
            [samples.weights @ net_gain(samples.dead, risk, threshold) / total for risk in (samples.risk, everyone)]
            for threshold in thresholds
        ]
        gained: Floats = np.mean([model - np.maximum(treat_all, 0) for model, treat_all in benefits], axis=0)
        return gained

    return gains


def _each(figure: Callable[[NDArray[np.bool_], Floats, Floats], float]) -> Figure:
    """A figure of outcome, risk and weights in each sample."""
    return lambda samples: np.array([figure(samples.dead, samples.risk, weight) for weight in samples.weights])


FIGURES: Final[dict[str, Figure]] = {
    "auc": auc,
    "observed_expected": observed_expected,
    "intercept": _each(calibration_intercept),
    "slope": _each(calibration_slope),
    "brier": _each(weighted_brier),
}
"""What an update compares before and after."""
