"""Ways to update a risk for other patients, the choice between them, and what the update is worth.

A risk is updated on the logit scale: intercept + slope · logit(risk). The choice is the closed testing procedure of
Vergouwe et al. (Statistics in Medicine 2017): the smallest update that no larger one improves on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

import numpy as np
from scipy.special import expit
from scipy.stats import chi2
from tqdm import tqdm

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.report import Estimate
from heartapp.statistics.metrics import DECISION_THRESHOLDS, MIDDLE, rounded
from heartapp.statistics.regression import calibration_intercept, fit_logistic, log_odds
from heartapp.validation.cohort import Cohort
from heartapp.validation.measures import FIGURES, Figure, gain, observed
from heartapp.validation.samples import Floats, Samples

Method = Literal["intercept", "recalibrate", "refit"]

LEVEL: Final = 0.05
"""Of each test of the closed testing procedure."""
AROUND: Final = 2.0
"""Thresholds of interest are within this factor of the share that died."""


class Correction(NamedTuple):
    """The update of a risk on the logit scale."""

    intercept: float = 0
    slope: float = 1

    def apply(self, risk: Floats) -> Floats:
        """The updated risk."""
        updated: Floats = expit(self.intercept + self.slope * log_odds(risk))
        return updated


class Choice(NamedTuple):
    """What the closed testing procedure chose, None for no update, and the p-value against each smaller update."""

    method: Method | None
    p_values: dict[str, float]


def fit_correction(method: Method, samples: Samples, row: int) -> Correction:
    """The intercept, or intercept and slope, in one bootstrap sample; row 0 is the cohort."""
    odds, weight = log_odds(samples.risk), samples.weights[row]
    if method == "intercept":
        return Correction(calibration_intercept(samples.dead, samples.risk, weight))
    design = np.column_stack([np.ones(len(odds)), odds])
    return Correction(*fit_logistic(design, samples.dead, weight).coefficients.tolist())


def choose(samples: Samples, columns: Floats, row: int = 0) -> Choice:
    """The closed testing procedure, in one bootstrap sample; row 0 is the cohort.

    The largest update is a logistic regression on the risk's logit and the model's variables: where it is clearly
    better, the members should learn anew.

    Args:
        samples: the patients.
        columns: of `revision_columns`.
        row: the sample.
    """
    odds, weight = log_odds(samples.risk), samples.weights[row]
    counted = samples.counts[row]
    if samples.time is not None:
        # Censoring weights sum to all patients, but hold as much information as their effective number (Kish 1965).
        known = weight > 0
        per_patient = weight[known] / counted[known]
        weight = weight * per_patient.sum() / (per_patient**2).sum()
    one = np.ones((len(odds), 1))
    calibrated = np.column_stack([one, odds])
    designs: dict[Method | None, tuple[Floats, Floats | float]] = {
        None: (one[:, :0], odds),
        "intercept": (one, odds),
        "recalibrate": (calibrated, 0.0),
    }
    revised = fit_logistic(np.column_stack([calibrated, columns]), samples.dead, weight)
    p_values: dict[str, float] = {}
    for method, (design, offset) in designs.items():
        gain = 2 * (revised.log_likelihood - fit_logistic(design, samples.dead, weight, offset).log_likelihood)
        freedom = len(revised.coefficients) - design.shape[1]
        p_values[method or "none"] = rounded(chi2.sf(max(gain, 0), freedom))
        if p_values[method or "none"] > LEVEL:
            return Choice(method, p_values)
    return Choice("refit", p_values)


def revision_columns(cohort: Cohort, used: Sequence[str]) -> Floats:
    """The model's variables as columns of a regression, shape (n, k): standardised, a missing value the median.

    Variables for which ratios matter are logarithms; those without any spread are left out.
    """
    columns = [np.log(cohort.column(name)) if BY_NAME[name].logarithmic else cohort.column(name) for name in used]
    filled = [np.where(np.isnan(one), np.nanmedian(one), one) for one in columns if not np.isnan(one).all()]
    spread = [(one - one.mean()) / one.std() for one in filled if one.std() > 0]
    return np.column_stack([np.empty((len(cohort.outcome), 0)), *spread])


@dataclass(frozen=True, slots=True)
class Worth:
    """What an update is worth: figures corrected for optimism, and the gain in net benefit by threshold of interest.

    The gain is over the better one of treating everyone and treating no one; ``gain`` is the mean of ``gains``.
    """

    figures: dict[str, Estimate]
    gains: dict[float, Estimate]
    gain: Estimate

    @property
    def useful(self) -> bool:
        """Whether the mean gain is clearly above zero."""
        return self.gain.low > 0


def measure_worth(samples: Samples, updates: Floats) -> Worth:
    """Measure an update, and take from each figure the optimism of having been fitted to the same patients.

    Optimism is the mean difference of an update that was fitted to a bootstrap sample between that sample and the
    cohort (Harrell et al. 1996). The intervals are those of the bootstrap, moved by it (Noma et al. 2021).

    Args:
        samples: the patients with their updated risk.
        updates: their risk by the update that was fitted to each bootstrap sample, shape (fitted, n); without rows for
            a model that was not fitted to these patients.
    """
    share = float(observed(samples)[0])
    nearest = min(DECISION_THRESHOLDS, key=lambda one: abs(one - share))
    interest = [one for one in DECISION_THRESHOLDS if one == nearest or share / AROUND <= one <= share * AROUND]
    with tqdm(total=len(FIGURES) + len(interest) + 1, desc="measuring", unit="figure") as bar:

        def measure(figure: Figure) -> Estimate:
            bar.update()
            return _corrected(samples, updates, figure)

        figures = {name: measure(figure) for name, figure in FIGURES.items()}
        return Worth(figures, {one: measure(gain([one])) for one in interest}, measure(gain(interest)))


def _corrected(samples: Samples, updates: Floats, figure: Figure) -> Estimate:
    values = figure(samples)
    both = [figure(replace(samples.rows([0, row]), risk=risk)) for row, risk in enumerate(updates, 1)]
    optimism = float(np.nanmean([inside - outside for outside, inside in both])) if both else 0.0
    low, high = np.nanpercentile(values[1:], MIDDLE)
    return Estimate(*(rounded(value - optimism) for value in (values[0], low, high)))
