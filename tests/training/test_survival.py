from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from lifelines import CoxPHFitter
from lifelines.utils import concordance_index

from heartapp.clinical.variables import VARIABLES
from heartapp.errors import DataError
from heartapp.inference.survival import (
    GRID,
    LAST_DAY,
    LEAST_REFITS,
    MAX_BYTES,
    SurvivalModel,
    SurvivalParameters,
    design,
    read_survival,
    write_survival,
)
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

if TYPE_CHECKING:
    from pathlib import Path

SEED = 519
NAMES = tuple(variable.name for variable in VARIABLES)
AGE, EJECTION_FRACTION = NAMES.index("age"), NAMES.index("ejection_fraction")
CREATININE, TIME = NAMES.index("serum_creatinine"), NAMES.index("time")

Made = tuple[FittedSurvival, SurvivalParameters]


def read_patients(path: Path) -> Patients:
    table = read_table(path)
    return Patients(table.values, NAMES, table.values[:, TIME], table.outcome)


@pytest.fixture(scope="module")
def patients(cohort: Path) -> Patients:
    """Every tenth creatinine is missing."""
    read = read_patients(cohort)
    rows = read.rows.copy()
    rows[::10, CREATININE] = np.nan
    return Patients(rows, read.names, read.time, read.died)


@pytest.fixture(scope="module")
def made(patients: Patients) -> Made:
    return make_survival(patients, seed=SEED, refits=LEAST_REFITS)


def test_the_exported_numbers_answer_as_lifelines_does_on_every_day_of_the_grid(patients: Patients, made: Made) -> None:
    fitted, parameters = made
    chosen = patients.rows[:, [NAMES.index(name) for name in SPLINES]]
    white = design(fitted.terms, chosen) @ fitted.whitening
    survival = fitted.estimator.predict_survival_function(white, times=GRID).to_numpy().T
    assert SurvivalModel(parameters, NAMES).risk(patients.rows, GRID) == pytest.approx(1 - survival, abs=PARITY)


def test_an_export_that_answers_otherwise_is_refused(patients: Patients, made: Made) -> None:
    fitted, parameters = made
    wrong = msgspec.structs.replace(
        parameters, fit=msgspec.structs.replace(parameters.fit, hazard=[one * 1.001 for one in parameters.fit.hazard])
    )
    with pytest.raises(ExportError, match="differs from lifelines"):
        check_parity(fitted, wrong, patients.rows, NAMES)
    broken = msgspec.structs.replace(
        parameters, fit=msgspec.structs.replace(parameters.fit, coefficients=[math.nan] * 6)
    )
    with pytest.raises(ExportError, match="nan"):
        check_parity(fitted, broken, patients.rows, NAMES)


def test_the_file_passes_its_own_checks_and_is_small(made: Made) -> None:
    _, parameters = made
    content = write_survival(parameters)
    assert read_survival(content, NAMES) == parameters
    assert len(content) < MAX_BYTES / 4
    assert len(parameters.refits) == LEAST_REFITS


def test_the_same_patients_and_seed_give_the_same_bytes_and_another_seed_other_refits(
    patients: Patients, made: Made
) -> None:
    once, again = (make_survival(patients, seed=SEED, refits=2)[1] for _ in range(2))
    assert write_survival(once) == write_survival(again)
    assert once == msgspec.structs.replace(made[1], refits=made[1].refits[:2])
    other = make_survival(patients, seed=SEED + 1, refits=2)[1]
    assert other.refits[0] != made[1].refits[0]


def test_no_patients_day_of_death_and_no_patients_row_stands_in_the_file(patients: Patients, made: Made) -> None:
    _, parameters = made
    assert parameters.days == list(GRID)
    assert all(day % 5 == 0 for day in parameters.days)
    numbers = {*parameters.fit.coefficients, *parameters.fit.hazard, *(term.typical for term in parameters.terms)}
    assert not any(numbers.issuperset(row[[AGE, EJECTION_FRACTION, CREATININE]]) for row in patients.rows)


def test_the_typical_value_is_the_median_of_what_is_known(patients: Patients, made: Made) -> None:
    typical = {term.variable: term.typical for term in made[0].terms}
    assert typical == {name: np.nanmedian(patients.rows[:, NAMES.index(name)]) for name in SPLINES}


def test_the_old_the_weak_and_those_with_much_creatinine_are_at_greater_risk(made: Made) -> None:
    well, ill = [np.nan] * len(NAMES), [np.nan] * len(NAMES)
    well[AGE], well[EJECTION_FRACTION], well[CREATININE] = 45, 60, 0.9
    ill[AGE], ill[EJECTION_FRACTION], ill[CREATININE] = 90, 20, 2.5
    risk = SurvivalModel(made[1], NAMES).risk([well, ill])
    assert np.all(risk[1] > risk[0] + 0.2)


def test_the_band_of_most_patients_has_width_and_holds_the_risk(patients: Patients, made: Made) -> None:
    risk, low, high = SurvivalModel(made[1], NAMES).risk_and_band(patients.rows)
    assert np.median(high - low) > 0.05
    assert np.mean((low < risk) & (risk < high)) > 0.95


def test_the_outcome_and_nothing_else_of_the_follow_up_is_learned_from(patients: Patients) -> None:
    blind = patients.rows.copy()
    blind[:, TIME] = 100
    without = fit_survival(Patients(blind, NAMES, patients.time, patients.died), seed=SEED)
    assert without.parameters() == fit_survival(patients, seed=SEED).parameters()


def test_the_penalty_is_one_of_those_tried_and_noise_is_shrunk_most(patients: Patients) -> None:
    assert fit_survival(patients, seed=SEED).penalty in PENALTIES
    rows = np.random.default_rng(0).permutation(patients.rows)
    assert fit_survival(Patients(rows, NAMES, patients.time, patients.died), seed=SEED).penalty == max(PENALTIES)


def test_the_whitened_columns_of_a_variable_are_uncorrelated_and_of_unit_variance(patients: Patients) -> None:
    fitted = fit_survival(patients, seed=SEED)
    chosen = patients.rows[:, [NAMES.index(name) for name in SPLINES]]
    covariance = np.cov((design(fitted.terms, chosen) @ fitted.whitening).T, ddof=0)
    start = 0
    for term in fitted.terms:
        block = slice(start, start + term.columns)
        assert covariance[block, block] == pytest.approx(np.eye(term.columns), abs=1e-8)
        start = block.stop


def test_a_variable_of_which_most_values_are_the_same_gets_a_straight_line(patients: Patients) -> None:
    rows = patients.rows.copy()
    rows[:, EJECTION_FRACTION] = np.where(np.arange(len(rows)) % 20, 38, 20)
    fitted = fit_survival(Patients(rows, NAMES, patients.time, patients.died), seed=SEED)
    assert [len(term.knots) for term in fitted.terms] == [3, 0, 3]
    check_parity(fitted, fitted.parameters(), rows, NAMES)


def test_a_variable_whose_values_are_all_the_same_is_refused_by_name(patients: Patients) -> None:
    rows = patients.rows.copy()
    rows[:, AGE] = 60
    with pytest.raises(DataError, match="column age"):
        fit_survival(Patients(rows, NAMES, patients.time, patients.died), seed=SEED)


def test_a_table_whose_follow_up_is_shorter_than_the_curve_is_refused(patients: Patients) -> None:
    short = Patients(patients.rows, NAMES, np.minimum(patients.time, LAST_DAY), patients.died)
    with pytest.raises(DataError, match=f"beyond day {LAST_DAY}"):
        fit_survival(short, seed=SEED)


def test_the_partial_likelihood_is_cox_s() -> None:
    score, time, died = np.array([0.5, -1.0, 2.0, 0.0]), np.array([2.0, 3.0, 2.0, 5.0]), np.array([1, 1, 1, 0])
    at_2, at_3 = np.log(np.exp(score).sum()), np.log(np.exp(score[[1, 3]]).sum())
    assert partial_likelihood(score, time, died) == pytest.approx((0.5 - at_2) + (2.0 - at_2) + (-1.0 - at_3))


def test_a_fit_is_where_the_penalised_partial_likelihood_is_greatest(patients: Patients) -> None:
    fitted = fit_survival(patients, seed=SEED)
    chosen = patients.rows[:, [NAMES.index(name) for name in SPLINES]]
    white = design(fitted.terms, chosen) @ fitted.whitening

    def gain(coefficients: np.ndarray) -> float:
        penalty = fitted.penalty * float(coefficients @ coefficients) / 2
        return partial_likelihood(white @ coefficients, patients.time, patients.died) - penalty

    best = fitted.estimator.params_.to_numpy()
    # lifelines scales columns by their sample deviation and treats ties as Efron does: the same to a percent.
    for direction in np.eye(len(best)):
        assert max(gain(best + 0.05 * direction), gain(best - 0.05 * direction)) < gain(best)


@pytest.mark.data
def test_on_the_published_data_the_curve_orders_patients_as_it_did_when_it_was_planned(published_data: Path) -> None:
    patients = read_patients(published_data)
    rows = patients.rows.copy()
    rows[np.isin(rows[:, CREATININE], [1.83, 1.18]), CREATININE] = np.nan
    patients = Patients(rows, NAMES, patients.time, patients.died)
    fitted = fit_survival(patients, seed=SEED)
    check_parity(fitted, fitted.parameters(), rows, NAMES)
    assert isinstance(fitted.estimator, CoxPHFitter)
    risk = SurvivalModel(fitted.parameters(), NAMES).risk(rows)
    concordance = concordance_index(patients.time, -risk[:, 1], patients.died)
    # Seen on the patients that it learned from; a figure beyond this means that the outcome has leaked in.
    assert 0.74 < concordance < 0.80
    # Kaplan and Meier's estimates on these patients are 23.7 % and 34.6 %.
    assert risk.mean(axis=0) == pytest.approx([0.237, 0.346], abs=0.02)
