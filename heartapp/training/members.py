"""The three members: which estimators they are, and the settings tried for each.

The members of ``bedside`` are bagged: each is the mean of several fits (Breiman 1996), which makes the risk steps
smaller and the refits more alike. Its settings were chosen on splits and bootstrap samples of other seeds than the
protocols'. Those of ``followup`` are tuned within each training set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRFClassifier

from heartapp.inference.bundle import MEMBERS
from heartapp.training.defaults import BEDSIDE_USES


class Estimator(Protocol):
    """What the members have in common: scikit-learn's classifier interface."""

    def fit(self, features: NDArray[np.float32], outcome: NDArray[np.int64]) -> Self:
        """Learn from rows of shape (n, variables) and classes of shape (n,)."""

    def predict_proba(self, features: NDArray[np.float32]) -> NDArray[np.floating]:
        """Probability of each class, shape (n, 2)."""


Setting = dict[str, float | int | str | None]

_DECISION_TREE, _RANDOM_FOREST, _GRADIENT_BOOSTING = MEMBERS

RISING: Final = ("age", "serum_creatinine")
"""What a monotone member's risk never falls with. The ejection fraction is free: high values are not harmless."""
ROUNDED_WHEN_READ: Final = "ejection_fraction"
READING_ERROR: Final = 2.0
"""Ejection fractions are read to the nearest 5 %, so each bag moves them by at most this much, at random.

Training with noise in an input smooths the risk in that input (Bishop 1995).
"""

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


class Bagged:
    """The mean of several fits of one estimator, each with noise in one column.

    Decision trees are fitted to bootstrap samples, and their probabilities are averaged. XGBoost's estimators draw rows
    themselves, so they get every row, and their log odds are averaged.

    ``estimator`` is the unfitted estimator, ``bags`` the number of fits, ``noisy`` the column with noise, and ``seed``
    that of samples, noise and estimators. ``estimators`` are the fitted ones.
    """

    def __init__(self, estimator: Any, bags: int, noisy: int, seed: int) -> None:
        self.estimator = estimator
        self.bags = bags
        self.noisy = noisy
        self.seed = seed
        self.estimators: list[Any] = []

    @property
    def averages_margins(self) -> bool:
        """Whether log odds are averaged, and not probabilities."""
        return not isinstance(self.estimator, DecisionTreeClassifier)

    def fit(self, features: NDArray[np.float32], outcome: NDArray[np.int64]) -> Self:
        """Learn from rows of shape (n, variables) and classes of shape (n,)."""
        generator = np.random.default_rng(self.seed)
        self.estimators = [self._fit_one(features, outcome, generator) for _ in range(self.bags)]
        return self

    def _fit_one(
        self, features: NDArray[np.float32], outcome: NDArray[np.int64], generator: np.random.Generator
    ) -> Any:
        rows = np.arange(len(outcome)) if self.averages_margins else _bootstrap(outcome, generator)
        noisy = features[rows]
        noise = generator.uniform(-READING_ERROR, READING_ERROR, len(rows))
        noisy[:, self.noisy] = np.round(noisy[:, self.noisy] + noise)
        seeded = clone(self.estimator).set_params(random_state=int(generator.integers(2**31)))
        fitted = seeded.fit(noisy, outcome[rows])
        if not self.averages_margins:
            _split_at_values(fitted.tree_, noisy)
        return fitted

    def predict_proba(self, features: NDArray[np.float32]) -> NDArray[np.floating]:
        """Probability of each class, shape (n, 2)."""
        if not self.averages_margins:
            probabilities: NDArray[np.floating] = np.mean([one.predict_proba(features) for one in self.estimators], 0)
            return probabilities
        margins = [one.predict(features, output_margin=True) for one in self.estimators]
        died = 1 / (1 + np.exp(-np.mean(margins, axis=0, dtype=np.float64)))
        return np.column_stack([1 - died, died])


def _split_at_values(tree: Any, features: NDArray[np.float32]) -> None:
    """Move each threshold from the middle between two values of the data up to the higher one, where XGBoost splits.

    All members then change at values of the data only, so that a table over these values holds their risks.

    Args:
        tree: a fitted scikit-learn tree's nodes, whose thresholds are changed.
        features: what it was fitted to, shape (n, variables), without missing values.
    """
    for column, values in enumerate(features.T):
        present = np.unique(values)
        splits = (tree.feature == column) & (tree.children_left >= 0)
        higher = present[np.searchsorted(present, tree.threshold[splits], side="right")]
        tree.threshold[splits] = np.nextafter(higher, np.float32(-np.inf))


def _bootstrap(outcome: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Rows drawn with replacement, until both outcomes are among them."""
    rows = generator.integers(0, len(outcome), len(outcome))
    return rows if 0 < outcome[rows].mean() < 1 else _bootstrap(outcome, generator)


@dataclass(frozen=True, slots=True)
class Plan:
    """How one model is trained.

    ``variables``: those that the members use, or None for all of the model's. If they are named, they are numbers, and
    the bundle has refits and support, which are tables over a grid of them.
    ``candidates``: the settings tried for each member, the preferred first.
    ``monotone``: the members whose risk never falls with age and serum creatinine.
    ``bags``: how many fits each bagged member averages.
    ``dated``: whether the risk is of death within a horizon, where the follow-up times are known.
    ``slope_sd``: the standard deviation of the prior on the calibration's slope, whose mean is 1; None is no prior.
    """

    variables: tuple[str, ...] | None
    candidates: Mapping[str, tuple[Setting, ...]]
    monotone: tuple[str, ...]
    bags: Mapping[str, int]
    dated: bool
    slope_sd: float | None

    def make_member(self, name: str, setting: Setting, variables: Sequence[str], seed: int) -> Estimator:
        """An unfitted member that takes these variables. One thread: the order of sums, and so the trees, is fixed."""
        chosen: dict[str, Any] = {**setting, "random_state": seed}
        rising = tuple(int(name in self.monotone and variable in RISING) for variable in variables)
        estimator: Any
        if name == _DECISION_TREE:
            estimator = DecisionTreeClassifier(**chosen, monotonic_cst=rising if any(rising) else None)
        else:
            kind = XGBRFClassifier if name == _RANDOM_FOREST else XGBClassifier
            estimator = kind(**chosen, n_jobs=1, monotone_constraints=rising if any(rising) else None)
        if name in self.bags:
            estimator = Bagged(estimator, self.bags[name], variables.index(ROUNDED_WHEN_READ), seed)
        return cast("Estimator", estimator)


PLANS: Final[dict[str, Plan]] = {
    "bedside": Plan(
        # Chosen beforehand: MAGGIC, learned from 39,372 other patients, has all three.
        variables=BEDSIDE_USES,
        candidates={
            _DECISION_TREE: ({"criterion": "gini", "max_depth": 8, "min_samples_leaf": 5, "max_features": 1},),
            _RANDOM_FOREST: ({**_FOREST, "n_estimators": 10, "max_bin": 32, "max_depth": 8, "colsample_bynode": 0.34},),
            _GRADIENT_BOOSTING: (
                {
                    **_BOOSTING,
                    "max_bin": 32,
                    "subsample": 0.4,
                    "learning_rate": 0.03,
                    "max_depth": 3,
                    "colsample_bynode": 0.34,
                },
            ),
        },
        monotone=MEMBERS,
        bags={_DECISION_TREE: 25, _RANDOM_FOREST: 10, _GRADIENT_BOOSTING: 5},
        dated=True,
        slope_sd=0.2,
    ),
    "followup": Plan(
        variables=None,
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
        monotone=(_GRADIENT_BOOSTING,),
        bags={},
        dated=False,
        slope_sd=None,
    ),
}
