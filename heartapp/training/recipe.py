"""The recipe: everything that is learned from a training set, from the choice of variables to the threshold.

The evaluation calls it on the training side of each split, the refits on bootstrap samples and `heartapp train` on all
patients, so the figures in the report are those of the model that is shipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.inference.calibration import EPSILON, Calibration
from heartapp.training.members import PLANS, RANKER, make_member

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.training.cohort import Sample
    from heartapp.training.members import Estimator, Plan, Setting

    Folds = list[tuple[NDArray[np.int64], NDArray[np.int64]]]

FOLDS: Final = 10
"""Inner cross-validation: for every choice, and for the predictions that the calibration is fitted on."""

RANKING_FOLDS: Final = 5
SHUFFLES: Final = 5
_FLATTEST: Final = 1e-3


@dataclass(frozen=True, slots=True)
class FittedRecipe:
    """Three fitted members, in the order of `MEMBERS`, with calibration and threshold.

    ``columns`` are those of the features that the members use; ``settings`` what was chosen for each member.
    """

    members: tuple[Estimator, ...]
    columns: tuple[int, ...]
    settings: dict[str, Setting]
    calibration: Calibration
    threshold: float
    base_rate: float

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each member's probability of death, shape (n, 3), from all features, shape (n, variables)."""
        used = features[:, self.columns]
        return np.column_stack([positive(member.predict_proba(used)) for member in self.members])

    def risk(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """The calibrated risk, shape (n,)."""
        return self.calibration.risk(self.probabilities(features))


def positive(probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
    """The probability of death, shape (n,), in single precision as it is served, from those of both classes."""
    return np.asarray(probabilities[:, 1], np.float32)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained: its variables, what to try, and the seed of folds and of the members' subsampling."""

    names: Sequence[str]
    plan: Plan
    seed: int

    @classmethod
    def of_model(cls, model: str, seed: int) -> Self:
        """The recipe of one of heartapp's models."""
        return cls(MODEL_VARIABLES[model], PLANS[model], seed)

    def fit(self, sample: Sample) -> FittedRecipe:
        """Choose, calibrate and fit on one training set, whose features have the columns ``names``."""
        features, outcome = sample.features, sample.outcome
        folds = make_folds(FOLDS, sample, self.seed)

        def held_out(member: str, setting: Setting, columns: tuple[int, ...]) -> NDArray[np.float32]:
            """Out-of-fold probabilities of death, shape (n,)."""
            estimator = self._make(member, setting, columns)
            return positive(
                cross_val_predict(estimator, features[:, columns], outcome, cv=folds, method="predict_proba")
            )

        # First how many variables, by the median of each member's preferred setting.
        first = {member: candidates[0] for member, candidates in self.plan.candidates.items()}
        subsets = self._subsets(sample)
        preferred = [{member: held_out(member, first[member], columns) for member in MEMBERS} for columns in subsets]
        size = _simplest_good([np.median([*tried.values()], axis=0) for tried in preferred], outcome)
        columns = subsets[size]
        # Then each member's setting on those variables.
        settings, chosen = {}, []
        for member in MEMBERS:
            candidates = self.plan.candidates[member]
            tried = [preferred[size][member], *(held_out(member, setting, columns) for setting in candidates[1:])]
            best = _simplest_good(tried, outcome)
            settings[member] = candidates[best]
            chosen.append(tried[best])
        base_rate = float(outcome.mean())
        return FittedRecipe(
            members=tuple(
                self._make(member, settings[member], columns).fit(features[:, columns], outcome) for member in MEMBERS
            ),
            columns=columns,
            settings=settings,
            calibration=fit_calibration(np.median(chosen, axis=0), outcome),
            threshold=round(base_rate, 2),
            base_rate=base_rate,
        )

    def _make(self, member: str, setting: Setting, columns: tuple[int, ...]) -> Estimator:
        return make_member(member, setting, [self.names[column] for column in columns], self.seed)

    def _subsets(self, sample: Sample) -> list[tuple[int, ...]]:
        """The columns to try, in the order of the plan's sizes."""
        everything = tuple(range(len(self.names)))
        ranking = rank_columns(sample, self.seed) if any(self.plan.sizes) else []
        return [tuple(sorted(ranking[:size])) if size else everything for size in self.plan.sizes]


def fit_calibration(median: NDArray[np.float32], outcome: NDArray[np.int64]) -> Calibration:
    """Platt scaling on the logit of out-of-fold medians, shape (n,).

    Platt's own targets, (deaths + 1) / (deaths + 2) for the dead and 1 / (survivors + 2) for the living, keep the
    slope from being too steep (Platt 1999). They enter as weights of both classes.
    """
    held = np.clip(median.astype(np.float64), EPSILON, 1 - EPSILON)
    deaths = int(outcome.sum())
    target = np.where(outcome == 1, (deaths + 1) / (deaths + 2), 1 / (len(outcome) - deaths + 2))
    logit = np.log(held / (1 - held))[:, None]
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1_000).fit(
        np.vstack([logit, logit]),
        np.repeat([1, 0], len(outcome)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope < _FLATTEST:
        # The members order patients no better than chance: everyone's risk is then the base rate, all but exactly.
        slope, intercept = _FLATTEST, float(np.log(outcome.mean() / (1 - outcome.mean())))
    return Calibration(slope, intercept)


def make_folds(count: int, sample: Sample, seed: int) -> Folds:
    """Training and test rows of each fold, with deaths in every fold; all rows of a patient are in the same fold."""
    kind = StratifiedKFold if sample.patients is None else StratifiedGroupKFold
    folds = kind(count, shuffle=True, random_state=seed)
    return list(folds.split(sample.features, sample.outcome, sample.patients))


def rank_columns(sample: Sample, seed: int) -> list[int]:
    """The columns by permutation importance, the most useful first: the rise of a forest's held-out Brier score."""
    features, outcome = sample.features, sample.outcome
    generator = np.random.default_rng(seed)
    rise = np.zeros(features.shape[1])
    for train, test in make_folds(RANKING_FOLDS, sample, seed):
        forest = make_member(MEMBERS[1], RANKER, (), seed).fit(features[train], outcome[train])
        copies = [features[test]]
        for column in range(features.shape[1]):
            for _ in range(SHUFFLES):
                shuffled = features[test].copy()
                shuffled[:, column] = generator.permutation(shuffled[:, column])
                copies.append(shuffled)
        probability = positive(forest.predict_proba(np.vstack(copies))).reshape(len(copies), -1)
        score = ((probability - outcome[test]) ** 2).mean(axis=1)
        rise += score[1:].reshape(-1, SHUFFLES).mean(axis=1) - score[0]
    return [int(column) for column in np.argsort(-rise, kind="stable")]


def _simplest_good(tried: Sequence[NDArray[np.floating]], outcome: NDArray[np.int64]) -> int:
    """The first whose Brier score is within one standard error, paired by patient, of the best one's.

    The one-standard-error rule of Breiman et al. (1984). Candidates are in the order of preference, so noise alone
    does not choose.
    """
    losses = [(probability.astype(np.float64) - outcome) ** 2 for probability in tried]
    best = min(losses, key=lambda loss: float(loss.mean()))
    within = [(loss - best).mean() <= (loss - best).std(ddof=1) / np.sqrt(len(outcome)) for loss in losses]
    return within.index(True)
