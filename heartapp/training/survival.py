"""Fit the survival curve: everything that is learned from a training set, from knots to bootstrap refits.

A Cox model on restricted cubic splines of age, ejection fraction and log creatinine, the three variables that Ahmad
et al. (2017) and Chicco and Jurman (2020) found to matter most, with a ridge penalty and Breslow's baseline hazard.
lifelines fits it. What is served are plain numbers; a check proves that they give the risks of lifelines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from sklearn.model_selection import StratifiedKFold

from heartapp.clinical.variables import BY_NAME
from heartapp.errors import DataError
from heartapp.inference.survival import GRID, LAST_DAY, Fit, SurvivalModel, SurvivalParameters, Term, design
from heartapp.training.export import ExportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.training.cohort import Cohort

SPLINES: Final = {"age": False, "ejection_fraction": False, "serum_creatinine": True}
"""The variables of the score, and whether the logarithm counts."""
KNOTS: Final = (0.1, 0.5, 0.9)
"""Quantiles at which the splines bend: Harrell's for three knots, which is what 96 deaths carry."""
PENALTIES: Final = (5.0, 10.0, 20.0, 40.0, 80.0)
"""Ridge penalties tried, by cross-validation inside the training data."""
FOLDS: Final = 5
REFITS: Final = 200
PARITY: Final = 1e-6
"""Largest difference in risk between the exported numbers and lifelines."""
_SIGNIFICANT_DIGITS: Final = 9
_NO_SPREAD: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Patients:
    """Patients and their outcome.

    ``rows`` has shape (n, names), NaN where a value is missing. ``names`` are the columns' variables. ``time`` are the
    days until death or the last contact, ``died`` is 1 or 0, both of shape (n,).
    """

    rows: NDArray[np.float64]
    names: Sequence[str]
    time: NDArray[np.float64]
    died: NDArray[np.int64]

    @classmethod
    def of_cohort(cls, cohort: Cohort) -> Patients:
        """The patients of a cohort, with all of their variables."""
        return cls(cohort.values, [*BY_NAME], cohort.column("time"), cohort.outcome)

    def part(self, chosen: NDArray[np.int64]) -> Patients:
        """The patients of these row numbers."""
        return Patients(self.rows[chosen], self.names, self.time[chosen], self.died[chosen])


@dataclass(frozen=True, slots=True)
class FittedSurvival:
    """A Cox model fitted to one training set.

    ``estimator`` saw ``design(terms, values) @ whitening``; ``whitening`` has shape (columns, columns).
    """

    terms: tuple[Term, ...]
    whitening: NDArray[np.float64]
    penalty: float
    estimator: CoxPHFitter

    def parameters(self, days: Sequence[int] = GRID, refits: Sequence[CoxPHFitter] = ()) -> SurvivalParameters:
        """The model, and any refits of it, as plain numbers, with the hazards by the given days."""
        return SurvivalParameters(
            format=1,
            terms=list(self.terms),
            days=list(days),
            fit=_fit_numbers(self.estimator, self.whitening, days),
            refits=[_fit_numbers(refit, self.whitening, days) for refit in refits],
        )


def fit_survival(patients: Patients, *, seed: int) -> FittedSurvival:
    """Choose typical values, knots and penalty, and fit, on one training set; ``seed`` is that of the folds.

    Raises:
        DataError: nobody was followed beyond the last day of the curve, or a variable's values do not differ.
    """
    if patients.time.max() <= LAST_DAY:
        raise DataError(f"column time: nobody was followed beyond day {LAST_DAY}, to which the survival curve reaches")
    values = patients.rows[:, [patients.names.index(name) for name in SPLINES]]
    terms = _terms(values)
    columns = design(terms, values)
    whitening = _whitening(terms, columns)
    white = columns @ whitening
    penalty = _choose_penalty(white, patients, seed)
    return FittedSurvival(terms, whitening, penalty, _fit_cox(white, patients.time, patients.died, penalty))


def make_survival(patients: Patients, *, seed: int, refits: int = REFITS) -> tuple[FittedSurvival, SurvivalParameters]:
    """Fit as `fit_survival` does, refit on bootstrap samples, and export after checking parity.

    Each refit has its own coefficients and baseline; typical values, knots and penalty stay. ``seed`` is that of the
    folds and the samples.

    Raises:
        DataError: nobody was followed beyond the last day of the curve, or a variable's values do not differ.
        ExportError: the exported numbers give other risks than lifelines.
    """
    fitted = fit_survival(patients, seed=seed)
    white, time, died = _white(fitted, patients.rows, patients.names), patients.time, patients.died
    generator = np.random.default_rng(seed)
    samples = (generator.integers(0, len(white), len(white)) for _ in range(refits))
    parameters = fitted.parameters(
        refits=[_fit_cox(white[sample], time[sample], died[sample], fitted.penalty) for sample in samples]
    )
    check_parity(fitted, parameters, patients.rows, patients.names)
    return fitted, parameters


def check_parity(
    fitted: FittedSurvival, parameters: SurvivalParameters, values: NDArray[np.float64], names: Sequence[str]
) -> None:
    """Compare the exported numbers with lifelines's survival function, on these rows and without each value.

    Raises:
        ExportError: a risk differs by more than `PARITY` on a day of the grid.
    """
    positions = [names.index(term.variable) for term in fitted.terms]
    rows = np.vstack([values, *(_without(values, position) for position in positions)])
    ours = SurvivalModel(parameters, names).risk(rows, parameters.days)
    survival = fitted.estimator.predict_survival_function(_frame(_white(fitted, rows, names)), times=parameters.days)
    theirs = 1 - survival.to_numpy().T
    worst = float(np.abs(ours - theirs).max())
    if not worst <= PARITY:
        raise ExportError(f"the exported survival curve differs from lifelines's by {worst:.1e}")


def _terms(values: NDArray[np.float64]) -> tuple[Term, ...]:
    terms = []
    for (name, log), column in zip(SPLINES.items(), values.T, strict=True):
        typical = float(np.nanmedian(column))
        known = np.where(np.isnan(column), typical, column)
        knots = np.unique(np.quantile(np.log(known) if log else known, KNOTS).round(_SIGNIFICANT_DIGITS)).tolist()
        # With equal quantiles the spline is a straight line.
        terms.append(Term(name, log, typical, knots if len(knots) == len(KNOTS) else []))
    return tuple(terms)


def _whitening(terms: Sequence[Term], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix that makes each term's columns uncorrelated and of unit variance.

    With it, the ridge penalty does not depend on how the spline is parametrised.
    """
    whitening = np.zeros((columns.shape[1], columns.shape[1]))
    start = 0
    for term in terms:
        block = slice(start, start + term.columns)
        triangle = np.linalg.qr(columns[:, block] - columns[:, block].mean(axis=0), mode="r")
        if np.abs(np.diag(triangle)).min() < _NO_SPREAD:
            raise DataError(f"column {term.variable}: its values hardly differ; the survival curve needs more of them")
        whitening[block, block] = np.linalg.inv(triangle) * np.sqrt(len(columns))
        start = block.stop
    return whitening


def _white(fitted: FittedSurvival, values: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    chosen = values[:, [names.index(term.variable) for term in fitted.terms]]
    white: NDArray[np.float64] = design(fitted.terms, chosen) @ fitted.whitening
    return white


def _fit_cox(
    white: NDArray[np.float64], time: NDArray[np.float64], died: NDArray[np.int64], penalty: float
) -> CoxPHFitter:
    # lifelines adds the penalty to the mean likelihood of a patient, we to the sum over all patients.
    cox = CoxPHFitter(penalizer=penalty / len(white), l1_ratio=0)
    return cox.fit(_frame(white).assign(time=time, died=died), duration_col="time", event_col="died")


def _frame(white: NDArray[np.float64]) -> pd.DataFrame:
    """The whitened columns as lifelines takes them."""
    return pd.DataFrame(white, columns=[f"column {index}" for index in range(white.shape[1])])


def _choose_penalty(white: NDArray[np.float64], patients: Patients, seed: int) -> float:
    """The penalty of the greatest cross-validated partial likelihood (Verweij and van Houwelingen 1993).

    A fold's gain is what its patients add to the likelihood of a model that was fitted without them.
    """
    time, died = patients.time, patients.died
    gain = np.zeros(len(PENALTIES))
    for train, _ in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(white, died):
        for index, penalty in enumerate(PENALTIES):
            score = white @ _fit_cox(white[train], time[train], died[train], penalty).params_.to_numpy()
            gain[index] += partial_likelihood(score, time, died)
            gain[index] -= partial_likelihood(score[train], time[train], died[train])
    return PENALTIES[int(gain.argmax())]


def partial_likelihood(score: NDArray[np.float64], time: NDArray[np.float64], died: NDArray[np.int64]) -> float:
    """Cox's log partial likelihood of scores, shape (n,), with Breslow's treatment of ties."""
    latest_first = np.argsort(-time, kind="stable")
    at_risk = np.cumsum(np.exp(score[latest_first]))
    dead = died == 1
    still_followed = np.searchsorted(-time[latest_first], -time[dead], side="right")
    return float(score[dead].sum() - np.log(at_risk[still_followed - 1]).sum())


def _fit_numbers(estimator: CoxPHFitter, whitening: NDArray[np.float64], days: Sequence[int]) -> Fit:
    # The typical patient's columns are all 0. lifelines interpolates the hazard linearly between two days of death.
    hazard = estimator.predict_cumulative_hazard(_frame(np.zeros((1, len(whitening)))), times=days)
    return Fit(_rounded(whitening @ estimator.params_.to_numpy()), _rounded(hazard.to_numpy()[:, 0]))


def _rounded(values: NDArray[np.float64]) -> list[float]:
    """Nine significant digits: further digits differ between processors."""
    return [float(f"{value:.{_SIGNIFICANT_DIGITS}g}") for value in values.tolist()]


def _without(values: NDArray[np.float64], position: int) -> NDArray[np.float64]:
    copy = values.copy()
    copy[:, position] = np.nan
    return copy
