from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from lifelines.utils import concordance_index

from heartapp.clinical.variables import BY_NAME
from heartapp.errors import DataError
from heartapp.inference.survival import (
    GRID,
    LAST_DAY,
    MAX_BYTES,
    SurvivalModel,
    SurvivalParameters,
    design,
    read_survival,
    write_survival,
)
from heartapp.training.cohort import Cohort
from heartapp.training.data import read_table
from heartapp.training.export import ExportError
from heartapp.training.survival import (
    PARITY,
    PENALTIES,
    SPLINES,
    FittedSurvival,
    Patients,
    check_parity,
    fit_survival,
    make_survival,
    partial_likelihood,
)
from tests.training.small import survival_of_two_refits

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SEED = 519
NAMES = [*BY_NAME]
AGE, EJECTION_FRACTION = NAMES.index("age"), NAMES.index("ejection_fraction")
CREATININE, TIME = NAMES.index("serum_creatinine"), NAMES.index("time")

Made = tuple[FittedSurvival, SurvivalParameters]


@pytest.fixture(scope="module")
def patients(people: Cohort) -> Patients:
    return Patients.of_cohort(people)


@pytest.fixture(scope="module")
def made(patients: Patients) -> Made:
    return survival_of_two_refits(patients, seed=SEED)


def whitened(fitted: FittedSurvival, patients: Patients) -> NDArray[np.float64]:
    chosen = patients.rows[:, [NAMES.index(name) for name in SPLINES]]
    white: NDArray[np.float64] = design(fitted.terms, chosen) @ fitted.whitening
    return white


def test_the_exported_numbers_give_the_risks_of_lifelines_on_every_day(patients: Patients, made: Made) -> None:
    fitted, parameters = made
    assert np.isnan(patients.rows[:, CREATININE]).any()
    survival = fitted.estimator.predict_survival_function(whitened(fitted, patients), times=GRID).to_numpy().T
    assert SurvivalModel(parameters, NAMES).risk(patients.rows, GRID) == pytest.approx(1 - survival, abs=PARITY)


@pytest.mark.parametrize("change", [{"hazard": [0.5] * len(GRID)}, {"coefficients": [math.nan] * 6}])
def test_an_export_with_other_risks_is_refused(patients: Patients, made: Made, change: dict[str, list[float]]) -> None:
    fitted, parameters = made
    wrong = msgspec.structs.replace(parameters, fit=msgspec.structs.replace(parameters.fit, **change))
    with pytest.raises(ExportError, match="differs from lifelines"):
        check_parity(fitted, wrong, patients.rows, NAMES)


def test_the_file_passes_its_own_checks_and_holds_no_patient(patients: Patients, made: Made) -> None:
    _, parameters = made
    content = write_survival(parameters)
    assert read_survival(content, NAMES) == parameters
    assert len(content) < MAX_BYTES / 4
    assert all(day % 5 == 0 for day in parameters.days)
    numbers = {*parameters.fit.coefficients, *parameters.fit.hazard, *(term.typical for term in parameters.terms)}
    assert not any(numbers.issuperset(row[[AGE, EJECTION_FRACTION, CREATININE]]) for row in patients.rows)


def test_the_same_patients_and_seed_give_the_same_numbers(patients: Patients, made: Made) -> None:
    once = make_survival(patients, seed=SEED, refits=2)[1]
    assert once == msgspec.structs.replace(made[1], refits=made[1].refits[:2])


def test_the_typical_value_is_the_median_and_known_risk_factors_raise_the_risk(patients: Patients, made: Made) -> None:
    typical = {term.variable: term.typical for term in made[0].terms}
    assert typical == {name: np.nanmedian(patients.rows[:, NAMES.index(name)]) for name in SPLINES}
    well, ill = np.full((2, len(NAMES)), np.nan)
    well[[AGE, EJECTION_FRACTION, CREATININE]] = 45, 60, 0.9
    ill[[AGE, EJECTION_FRACTION, CREATININE]] = 90, 20, 2.5
    risk = SurvivalModel(made[1], NAMES).risk([well, ill])
    assert np.all(risk[1] > risk[0] + 0.2)


def test_of_the_follow_up_time_only_the_outcome_is_used(patients: Patients, made: Made) -> None:
    blind = patients.rows.copy()
    blind[:, TIME] = 100
    assert fit_survival(replace(patients, rows=blind), seed=SEED).parameters() == made[0].parameters()


def test_noise_is_penalised_most(patients: Patients, made: Made) -> None:
    assert made[0].penalty in PENALTIES
    shuffled = replace(patients, rows=np.random.default_rng(0).permutation(patients.rows))
    assert fit_survival(shuffled, seed=SEED).penalty == max(PENALTIES)


def test_the_whitened_columns_of_a_variable_are_uncorrelated_and_of_unit_variance(
    patients: Patients, made: Made
) -> None:
    covariance = np.cov(whitened(made[0], patients).T, ddof=0)
    start = 0
    for term in made[0].terms:
        block = slice(start, start + term.columns)
        assert covariance[block, block] == pytest.approx(np.eye(term.columns), abs=1e-8)
        start = block.stop


def test_a_variable_with_mostly_one_value_gets_a_straight_line_and_one_without_spread_is_refused(
    patients: Patients,
) -> None:
    rows = patients.rows.copy()
    rows[:, EJECTION_FRACTION] = np.where(np.arange(len(rows)) % 20, 38, 20)
    fitted = fit_survival(replace(patients, rows=rows), seed=SEED)
    assert [len(term.knots) for term in fitted.terms] == [3, 0, 3]
    rows[:, AGE] = 60
    with pytest.raises(DataError, match="column age"):
        fit_survival(replace(patients, rows=rows), seed=SEED)


def test_a_table_whose_follow_up_is_shorter_than_the_curve_is_refused(patients: Patients) -> None:
    with pytest.raises(DataError, match=f"beyond day {LAST_DAY}"):
        fit_survival(replace(patients, time=np.minimum(patients.time, LAST_DAY)), seed=SEED)


def test_the_partial_likelihood_is_that_of_cox() -> None:
    score, time, died = np.array([0.5, -1.0, 2.0, 0.0]), np.array([2.0, 3.0, 2.0, 5.0]), np.array([1, 1, 1, 0])
    at_2, at_3 = np.log(np.exp(score).sum()), np.log(np.exp(score[[1, 3]]).sum())
    assert partial_likelihood(score, time, died) == pytest.approx((0.5 - at_2) + (2.0 - at_2) + (-1.0 - at_3))


def test_a_fit_maximises_the_penalised_partial_likelihood(patients: Patients, made: Made) -> None:
    fitted, white = made[0], whitened(made[0], patients)

    def gain(coefficients: NDArray[np.float64]) -> float:
        penalty = fitted.penalty * float(coefficients @ coefficients) / 2
        return partial_likelihood(white @ coefficients, patients.time, patients.died) - penalty

    best = fitted.estimator.params_.to_numpy()
    # lifelines scales columns by their sample deviation and treats ties as Efron does: the same to a percent.
    for direction in np.eye(len(best)):
        assert max(gain(best + 0.05 * direction), gain(best - 0.05 * direction)) < gain(best)


@pytest.mark.data
def test_on_the_published_data_the_curve_has_the_planned_concordance(published_data: Path) -> None:
    patients = Patients.of_cohort(Cohort.from_table(read_table(published_data)))
    risk = SurvivalModel(fit_survival(patients, seed=SEED).parameters(), NAMES).risk(patients.rows)
    # On the training patients; a figure beyond this means that the outcome leaked.
    assert 0.74 < concordance_index(patients.time, -risk[:, 1], patients.died) < 0.80
    # Kaplan and Meier's estimates on these patients are 23.7 % and 34.6 %.
    assert risk.mean(axis=0) == pytest.approx([0.237, 0.346], abs=0.02)
