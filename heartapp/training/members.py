"""The three members: which estimators they are, and the few settings tried for each.

The settings were chosen by the Brier score of the calibrated median, on splits with other seeds than the protocol's.
Helpful were few bins (coarse cuts), many randomised deep trees in the forest, hardly any leaf penalty, and boosting
whose risk can only rise with age and creatinine. Harmful were shallow forests, strong penalties and monotone single
trees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, cast

from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRFClassifier

from heartapp.inference.bundle import MEMBERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray


class Estimator(Protocol):
    """What the members have in common: scikit-learn's classifier interface."""

    def fit(self, features: NDArray[np.float32], outcome: NDArray[np.int64]) -> Self:
        """Learn from rows of shape (n, variables) and classes of shape (n,)."""

    def predict_proba(self, features: NDArray[np.float32]) -> NDArray[np.floating]:
        """Probability of each class, shape (n, 2)."""


Setting = dict[str, float | int | str | None]

_DECISION_TREE, _RANDOM_FOREST, _GRADIENT_BOOSTING = MEMBERS

RISING: Final = ("age", "serum_creatinine")
"""In boosting, the risk only rises with these. The ejection fraction is free: very high values are not healthy."""

_TREE: Final[Setting] = {"criterion": "gini", "min_samples_leaf": 10}
_FOREST: Final[Setting] = {
    "n_estimators": 100,
    "max_bin": 16,
    "subsample": 0.5,
    "reg_lambda": 0.001,
    "min_child_weight": 0.1,
}
_BOOSTING: Final[Setting] = {
    "n_estimators": 60,
    "max_bin": 16,
    "subsample": 0.5,
    "reg_lambda": 0.1,
    "min_child_weight": 0.1,
    "learning_rate": 0.05,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What one model's training tries.

    ``sizes``: how many of the ranked variables the members may use, the simplest first; None is all of them.
    ``candidates``: the settings of each member, the preferred first.
    """

    sizes: tuple[int | None, ...]
    candidates: Mapping[str, tuple[Setting, ...]]


PLANS: Final[dict[str, Plan]] = {
    "bedside": Plan(
        sizes=(3, 4, None),
        candidates={
            _DECISION_TREE: ({**_TREE, "max_depth": 4}, {**_TREE, "max_depth": None}),
            _RANDOM_FOREST: (
                {**_FOREST, "max_depth": 8, "colsample_bynode": 0.34},
                {**_FOREST, "max_depth": 6, "colsample_bynode": 0.7},
            ),
            _GRADIENT_BOOSTING: (
                {**_BOOSTING, "max_depth": 3, "colsample_bynode": 0.34},
                {**_BOOSTING, "max_depth": 3, "colsample_bynode": 0.7},
            ),
        },
    ),
    "followup": Plan(
        sizes=(None,),
        candidates={
            _DECISION_TREE: ({**_TREE, "max_depth": 3}, {**_TREE, "max_depth": 4}),
            _RANDOM_FOREST: (
                {**_FOREST, "max_depth": 8, "colsample_bynode": 0.34},
                {**_FOREST, "max_depth": 6, "colsample_bynode": 0.7, "min_child_weight": 1.0},
            ),
            _GRADIENT_BOOSTING: (
                {**_BOOSTING, "max_depth": 3, "colsample_bynode": 0.7},
                {**_BOOSTING, "max_depth": 1, "colsample_bynode": 0.34, "learning_rate": 0.1},
            ),
        },
    ),
}

RANKER: Final[Setting] = {**_FOREST, "max_depth": 6, "colsample_bynode": 0.5, "min_child_weight": 1.0}
"""The forest whose permutation importance ranks the variables."""


def make_member(name: str, setting: Setting, variables: Sequence[str], seed: int) -> Estimator:
    """An unfitted member for these variables. It uses one thread, so that sums, and so the trees, are reproducible."""
    chosen: dict[str, Any] = {**setting, "random_state": seed}
    if name == _DECISION_TREE:
        return cast("Estimator", DecisionTreeClassifier(**chosen))
    if name == _RANDOM_FOREST:
        return XGBRFClassifier(**chosen, n_jobs=1)
    rising = tuple(int(variable in RISING) for variable in variables)
    return XGBClassifier(**chosen, n_jobs=1, monotone_constraints=rising)
