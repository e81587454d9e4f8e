"""The three members: which estimators they are, and the few settings tried for each.

Every member is shallow and heavily regularised: 96 deaths carry no more. Settings that reach further were no better
in cross-validation and less well calibrated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, Self, cast

from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRFClassifier

from heartapp.inference.bundle import MEMBERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

Setting = dict[str, float | int | str | None]

_DECISION_TREE, _RANDOM_FOREST, _GRADIENT_BOOSTING = MEMBERS

CANDIDATES: Final[dict[str, tuple[Setting, ...]]] = {
    _DECISION_TREE: (
        {"max_depth": 2, "min_samples_leaf": 15},
        {"max_depth": 3, "min_samples_leaf": 10},
        {"max_depth": 3, "min_samples_leaf": 20},
        {"max_depth": 4, "min_samples_leaf": 15},
    ),
    _RANDOM_FOREST: (
        {"max_depth": 3, "colsample_bynode": 0.4, "min_child_weight": 2},
        {"max_depth": 4, "colsample_bynode": 0.4, "min_child_weight": 2},
        {"max_depth": 3, "colsample_bynode": 0.7, "min_child_weight": 2},
    ),
    _GRADIENT_BOOSTING: (
        {"max_depth": 1, "n_estimators": 60},
        {"max_depth": 1, "n_estimators": 120},
        {"max_depth": 2, "n_estimators": 50},
    ),
}
"""Settings tried for each member, by cross-validation inside the training data."""

_FIXED: Final[dict[str, Setting]] = {
    _DECISION_TREE: {"criterion": "entropy"},
    _RANDOM_FOREST: {"n_estimators": 100, "subsample": 0.7, "reg_lambda": 1.0},
    _GRADIENT_BOOSTING: {"learning_rate": 0.08, "subsample": 0.8, "colsample_bynode": 0.6, "min_child_weight": 3},
}


class Estimator(Protocol):
    """What the members have in common: scikit-learn's classifier interface."""

    def fit(self, features: NDArray[np.float32], outcome: NDArray[np.int64]) -> Self:
        """Learn from rows of shape (n, variables) and classes of shape (n,)."""

    def predict_proba(self, features: NDArray[np.float32]) -> NDArray[np.floating]:
        """Probability of each class, shape (n, 2)."""


def make_member(name: str, setting: Mapping[str, Any], seed: int) -> Estimator:
    """An unfitted member. One thread each: the order of sums, and so the trees, do not vary."""
    chosen: dict[str, Any] = {**_FIXED[name], **setting, "random_state": seed}
    if name == _DECISION_TREE:
        return cast("Estimator", DecisionTreeClassifier(**chosen))
    if name == _RANDOM_FOREST:
        return XGBRFClassifier(**chosen, n_jobs=1)
    return XGBClassifier(**chosen, n_jobs=1)
