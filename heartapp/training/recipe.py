"""The recipe: everything that is learned from a training set, from tuning to the threshold.

The evaluation calls it on the training side of each split and `heartapp train` on all patients, so what is reported
is what is shipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from heartapp.inference.bundle import MEMBERS
from heartapp.inference.calibration import EPSILON, Calibration
from heartapp.training.members import CANDIDATES, make_member

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from heartapp.training.members import Estimator, Setting

FOLDS: Final = 5
"""Inner cross-validation, for tuning and for the out-of-fold predictions that the calibration is fitted on."""

_FLATTEST: Final = 1e-3


@dataclass(frozen=True, slots=True)
class FittedRecipe:
    """Three fitted members, in the order of `MEMBERS`, with calibration and threshold."""

    members: tuple[Estimator, ...]
    settings: dict[str, Setting]
    calibration: Calibration
    threshold: float
    base_rate: float

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each member's probability of death, shape (n, 3)."""
        return np.column_stack([positive(member, features) for member in self.members])

    def risk(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """The calibrated risk, shape (n,)."""
        return self.calibration.risk(self.probabilities(features))


def positive(member: Estimator, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """A member's probability of death, shape (n,), in single precision as it is served."""
    return np.asarray(member.predict_proba(features)[:, 1], np.float32)


def fit_recipe(features: NDArray[np.float32], outcome: NDArray[np.int64], seed: int) -> FittedRecipe:
    """Tune, calibrate and fit on one training set.

    Args:
        features: shape (n, variables).
        outcome: shape (n,), 1 = died.
        seed: of the folds and of the members' subsampling.
    """
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(features, outcome))
    settings: dict[str, Setting] = {}
    held_out = np.empty((len(outcome), len(MEMBERS)), np.float32)
    for column, name in enumerate(MEMBERS):
        tried = [_out_of_fold(name, setting, features, outcome, folds, seed) for setting in CANDIDATES[name]]
        best = int(np.argmin([_log_loss(outcome, probability) for probability in tried]))
        settings[name], held_out[:, column] = CANDIDATES[name][best], tried[best]
    base_rate = float(outcome.mean())
    return FittedRecipe(
        members=tuple(make_member(name, settings[name], seed).fit(features, outcome) for name in MEMBERS),
        settings=settings,
        calibration=fit_calibration(np.median(held_out, axis=1), outcome),
        threshold=round(base_rate, 2),
        base_rate=base_rate,
    )


def fit_calibration(median: NDArray[np.float32], outcome: NDArray[np.int64]) -> Calibration:
    """Platt scaling on the logit of out-of-fold medians, shape (n,); unpenalised maximum likelihood."""
    held = np.clip(median.astype(np.float64), EPSILON, 1 - EPSILON)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1_000).fit(np.log(held / (1 - held))[:, None], outcome)
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope < _FLATTEST:
        # The members order patients no better than chance: everyone's risk is then the base rate, all but exactly.
        slope, intercept = _FLATTEST, float(np.log(outcome.mean() / (1 - outcome.mean())))
    return Calibration(slope, intercept)


def _out_of_fold(
    name: str,
    setting: Setting,
    features: NDArray[np.float32],
    outcome: NDArray[np.int64],
    folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    seed: int,
) -> NDArray[np.float32]:
    probability = np.empty(len(outcome), np.float32)
    for train, test in folds:
        member = make_member(name, setting, seed).fit(features[train], outcome[train])
        probability[test] = positive(member, features[test])
    return probability


def _log_loss(outcome: NDArray[np.int64], probability: NDArray[np.float32]) -> float:
    return float(log_loss(outcome, np.clip(probability.astype(np.float64), EPSILON, 1 - EPSILON)))
