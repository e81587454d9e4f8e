"""The patients with their risks, and bootstrap samples of them: what every figure is computed from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from heartapp.inference.model import Model
from heartapp.statistics.censoring import sample_weights
from heartapp.statistics.metrics import draw_counts
from heartapp.statistics.regression import spline_regression
from heartapp.validation.cohort import Cohort

Floats = NDArray[np.float64]

_REGRESSION: Final = ("age", "ejection_fraction", "serum_creatinine")
_FOLDS: Final = 10


@dataclass(frozen=True, slots=True)
class Samples:
    """n patients and how often each bootstrap sample holds them.

    ``risk`` by the horizon, ``dead`` by then, and ``died`` at any time have shape (n,), as has ``time`` (None without).
    ``counts`` has shape (1 + samples, n), the cohort itself first. ``weights`` are the counts times censoring weights,
    and ``pairs`` those of Uno's C; without times both are the counts.
    """

    risk: Floats
    dead: NDArray[np.bool_]
    died: NDArray[np.int64]
    time: Floats | None
    counts: Floats
    weights: Floats
    pairs: Floats

    @classmethod
    def draw(cls, cohort: Cohort, risk: Floats, bootstraps: int, seed: int) -> Self:
        """Draw bootstrap samples of a cohort whose risks are given."""
        counts = draw_counts(len(risk), bootstraps, seed)
        if cohort.time is None or cohort.horizon is None:
            return cls(risk, cohort.outcome == 1, cohort.outcome, None, counts, counts, counts)
        dead = (cohort.outcome == 1) & (cohort.time <= cohort.horizon)
        weights, pairs = sample_weights(cohort.time, cohort.outcome, cohort.horizon, counts)
        return cls(risk, dead, cohort.outcome, cohort.time, counts, weights, pairs)

    def part(self, inside: NDArray[np.bool_]) -> Self:
        """Some of the patients; the weights stay those that all patients gave."""
        time = None if self.time is None else self.time[inside]
        shares = (one[:, inside] for one in (self.counts, self.weights, self.pairs))
        return type(self)(self.risk[inside], self.dead[inside], self.died[inside], time, *shares)

    def rows(self, rows: Sequence[int]) -> Self:
        """Some of the samples."""
        return replace(self, counts=self.counts[rows], weights=self.weights[rows], pairs=self.pairs[rows])


def predict_risk(model: Model, cohort: Cohort) -> Floats:
    """The model's risk by the cohort's horizon, shape (n,)."""
    risk = model.risk(cohort.features(model))
    return risk if cohort.horizon is None or model.curve is None else model.curve.risk(risk, cohort.horizon)


def cross_fit_regression(cohort: Cohort, samples: Samples, seed: int) -> Floats:
    """The risk from a plain regression, shape (n,), fitted to the other patients of this cohort in ten folds."""
    features = np.column_stack([cohort.column(name) for name in _REGRESSION])
    known = np.flatnonzero(samples.weights[0])
    dead, weight = samples.dead[known], samples.weights[0, known]
    folds = StratifiedKFold(min(_FOLDS, *np.bincount(dead)), shuffle=True, random_state=seed)
    risk = np.zeros(len(samples.risk))  # of whom was lost before the horizon, which does not count
    risk[known] = cross_val_predict(
        spline_regression(_REGRESSION),
        features[known],
        dead,
        cv=folds,
        method="predict_proba",
        params={"logisticregression__sample_weight": weight},
    )[:, 1]
    return risk
