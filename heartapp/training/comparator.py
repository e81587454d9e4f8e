"""The plain model beside which the trees are judged: one logistic regression with splines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from sklearn.model_selection import cross_val_predict

from heartapp.statistics.censoring import censoring_weights
from heartapp.statistics.regression import spline_regression
from heartapp.training.dating import fit_calibration
from heartapp.training.recipe import FOLDS, make_folds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from heartapp.inference.calibration import Calibration
    from heartapp.training.cohort import Sample
    from heartapp.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Comparator:
    """A fitted regression; where the risk has a horizon, calibrated to it as the members' median is."""

    regression: Pipeline
    calibration: Calibration | None

    @classmethod
    def fit(cls, sample: Sample, recipe: Recipe) -> Self:
        """Learn from a training set whose features have the columns of the recipe."""
        features, outcome, time, horizon = sample.features, sample.outcome, sample.time, recipe.horizon
        regression, calibration = spline_regression(recipe.names), None
        if horizon is not None and time is not None:
            folds = make_folds(FOLDS, sample, recipe.seed)
            held_out = cross_val_predict(regression, features, outcome, cv=folds, method="predict_proba")[:, 1]
            dead, weight = censoring_weights(time, outcome, time, outcome, horizon)
            calibration = fit_calibration(held_out, dead, weight, recipe.plan.slope_sd)
        return cls(regression.fit(features, outcome), calibration)

    def risk(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """The risk of death, shape (n,)."""
        risk: NDArray[np.float64] = self.regression.predict_proba(features)[:, 1]
        return risk if self.calibration is None else self.calibration.transform(risk)
