"""The recipe: everything that is learned from a training set, from the members' settings to the threshold.

The evaluation calls it on the training side of each split, the refits on bootstrap samples and `heartapp train` on all
patients, so the figures in the report are those of the model that is shipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from heartapp.inference.bundle import MEMBERS
from heartapp.inference.calibration import Calibration
from heartapp.inference.curve import Curve
from heartapp.statistics.censoring import censoring_weights, kaplan_meier
from heartapp.training.cohort import Cohort, Sample
from heartapp.training.dating import fit_calibration, fit_curve
from heartapp.training.members import PLANS, Estimator, Plan, Setting

Folds = list[tuple[NDArray[np.int64], NDArray[np.int64]]]

FOLDS: Final = 10
"""Inner cross-validation: for the choice of settings, and for the predictions that the calibration is fitted on."""


@dataclass(frozen=True, slots=True)
class FittedRecipe:
    """Three fitted members, in the order of `MEMBERS`, with calibration and threshold.

    ``columns`` are those of the features that the members use; ``settings`` what was chosen for each member.
    ``horizon`` is the day by which the risk is of death, and ``curve`` gives the risk before; both are None where the
    risk has no date.
    """

    members: tuple[Estimator, ...]
    columns: tuple[int, ...]
    settings: dict[str, Setting]
    calibration: Calibration
    threshold: float
    base_rate: float
    horizon: int | None
    curve: Curve | None

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
    """How a model is trained: its variables, its plan, the seed of folds and members, and the horizon.

    ``horizon`` is in days, or None for a risk without a date.
    """

    names: Sequence[str]
    plan: Plan
    seed: int
    horizon: int | None

    @classmethod
    def of_cohort(cls, model: str, seed: int, cohort: Cohort) -> Self:
        """The recipe of one of heartapp's models, for the variables and the horizon of a cohort."""
        plan = PLANS[model]
        return cls(cohort.names(model), plan, seed, cohort.horizon if plan.dated else None)

    @property
    def columns(self) -> tuple[int, ...]:
        """The columns that the members use."""
        used = self.plan.variables or self.names
        return tuple(column for column, name in enumerate(self.names) if name in used)

    def fit(self, sample: Sample) -> FittedRecipe:
        """Choose settings, calibrate and fit on one training set, whose features have the columns ``names``."""
        used, outcome = sample.features[:, self.columns], sample.outcome
        settings, held_out = self._choose(used, outcome, make_folds(FOLDS, sample, self.seed))
        median = np.median([*held_out.values()], axis=0)
        members = tuple(self._make(member, setting).fit(used, outcome) for member, setting in settings.items())
        calibration, time, horizon = self.calibrate(median, sample), sample.time, self.horizon
        base_rate, curve = float(outcome.mean()), None
        if horizon is not None and time is not None:
            curve = fit_curve(calibration.transform(median), time, outcome, horizon)
            base_rate = float(1 - kaplan_meier(time, outcome, horizon))
        return FittedRecipe(
            members=members,
            columns=self.columns,
            settings=settings,
            calibration=calibration,
            threshold=round(base_rate, 2),
            base_rate=base_rate,
            horizon=horizon,
            curve=curve,
        )

    def calibrate(self, held_out: NDArray[np.floating], sample: Sample) -> Calibration:
        """Calibrate out-of-fold probabilities, shape (n,), to death within the horizon, or to the outcome without."""
        return fit_calibration(held_out, *dead_by(self.horizon, sample, sample), self.plan.slope_sd)

    def _choose(
        self, used: NDArray[np.float32], outcome: NDArray[np.int64], folds: Folds
    ) -> tuple[dict[str, Setting], dict[str, NDArray[np.float32]]]:
        """Each member's setting, and its out-of-fold probabilities of death with that setting."""
        settings, held_out = {}, {}
        for member in MEMBERS:
            candidates = self.plan.candidates[member]
            tried = [self._hold_out(member, setting, used, outcome, folds) for setting in candidates]
            best = simplest_good(tried, outcome)
            settings[member], held_out[member] = candidates[best], tried[best]
        return settings, held_out

    def _hold_out(
        self, member: str, setting: Setting, used: NDArray[np.float32], outcome: NDArray[np.int64], folds: Folds
    ) -> NDArray[np.float32]:
        """Out-of-fold probabilities of death, shape (n,)."""
        held_out = np.empty(len(outcome), np.float32)
        for train, test in folds:
            fitted = self._make(member, setting).fit(used[train], outcome[train])
            held_out[test] = positive(fitted.predict_proba(used[test]))
        return held_out

    def _make(self, member: str, setting: Setting) -> Estimator:
        names = [self.names[column] for column in self.columns]
        return self.plan.make_member(member, setting, names, self.seed)


def dead_by(day: int | None, training: Sample, tested: Sample) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Who of the tested patients had died by a day, and what each counts, given the losses of the training patients.

    Without a day or follow-up times it is the outcome, and everyone counts 1. Both have shape (n,).
    """
    if day is None or training.time is None or tested.time is None:
        return tested.outcome, np.ones(len(tested.outcome))
    return censoring_weights(training.time, training.outcome, tested.time, tested.outcome, day)


def make_folds(count: int, sample: Sample, seed: int) -> Folds:
    """Training and test rows of each fold, with deaths in every fold; all rows of a patient are in the same fold."""
    kind = StratifiedKFold if sample.patients is None else StratifiedGroupKFold
    folds = kind(count, shuffle=True, random_state=seed)
    return list(folds.split(sample.features, sample.outcome, sample.patients))


def simplest_good(tried: Sequence[NDArray[np.floating]], outcome: NDArray[np.int64]) -> int:
    """The first whose Brier score is within one standard error, paired by patient, of the best one's.

    The one-standard-error rule of Breiman et al. (1984). Candidates are in the order of preference, so noise alone
    does not choose.
    """
    losses = [(probability.astype(np.float64) - outcome) ** 2 for probability in tried]
    best = min(losses, key=lambda loss: float(loss.mean()))
    within = [(loss - best).mean() <= (loss - best).std(ddof=1) / np.sqrt(len(outcome)) for loss in losses]
    return within.index(True)
