from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from lifelines.utils import concordance_index
from sklearn.metrics import brier_score_loss, roc_auc_score

from heartapp.clinical.variables import BY_NAME
from heartapp.errors import DataError
from heartapp.inference.report import SurvivalEvaluation
from heartapp.inference.survival import FIRST_DAY, LAST_DAY, SurvivalModel
from heartapp.training.cohort import Cohort
from heartapp.training.defaults import SPLIT_SEED
from heartapp.training.goals import SURVIVAL_GOALS
from heartapp.training.metrics import BINS
from heartapp.training.survival import Patients, fit_survival
from heartapp.training.survival_evaluation import (
    LAST_JUDGED,
    _calibration,
    _judge,
    _Split,
    brier_scores,
    censoring_weights,
    evaluate_survival,
    uno_concordance,
)
from tests.training.small import small_training

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from heartapp.training.data import Table

SCORES = ["integrated_brier", "brier_90", "brier_180"]
DAYS = np.arange(FIRST_DAY, LAST_JUDGED + 1)
TRAIN, TEST = np.split(np.arange(150), [110])

pytestmark = pytest.mark.usefixtures("small_plans")


@pytest.fixture(scope="module")
def patients(table: Table) -> Patients:
    return Patients.of_cohort(Cohort.from_table(table))


@pytest.fixture(scope="module")
def evaluation(patients: Patients) -> SurvivalEvaluation:
    with small_training():
        return evaluate_survival(patients, seed=1, splits=3)


def all_died(patients: Patients) -> Patients:
    """The same patients, as if each had been followed until death."""
    return replace(patients, died=np.ones_like(patients.died))


def test_the_evaluation_has_every_figure_of_the_protocol_and_can_be_written(
    evaluation: SurvivalEvaluation, patients: Patients
) -> None:
    protocol = evaluation.protocol
    assert (protocol.splitter, protocol.splits, protocol.seed) == ("StratifiedShuffleSplit", 3, SPLIT_SEED)
    assert 0 < protocol.test_patients < len(patients.died) / 2
    assert (evaluation.last_day, sum(evaluation.penalties.values())) == (LAST_JUDGED, 3)
    assert list(evaluation.metrics) == ["harrell_c", "uno_c", *SCORES, "auc_90", "auc_180"]
    for spread in (*evaluation.metrics.values(), *evaluation.null.values()):
        assert 0 <= spread.low <= spread.mean <= spread.high <= 1
        assert spread.sd > 0
    assert msgspec.json.decode(msgspec.json.encode(evaluation), type=SurvivalEvaluation) == evaluation


def test_a_signal_in_the_cohort_makes_the_curve_better_than_the_same_curve_for_everyone(
    evaluation: SurvivalEvaluation,
) -> None:
    assert evaluation.metrics["harrell_c"].mean > 0.65
    assert list(evaluation.null) == SCORES
    assert all(evaluation.metrics[name].mean < null.mean for name, null in evaluation.null.items())


def test_the_bins_are_of_equal_size_and_rise_in_risk(evaluation: SurvivalEvaluation) -> None:
    assert [one.day for one in evaluation.calibration] == [90, 180]
    for horizon in evaluation.calibration:
        sizes = [one.patients for one in horizon.bins]
        assert (len(sizes), max(sizes) - min(sizes) <= 1) == (BINS, True)
        assert [one.risk for one in horizon.bins] == sorted(one.risk for one in horizon.bins)


def test_every_goal_is_compared_with_its_figure(evaluation: SurvivalEvaluation) -> None:
    assert [one.figure for one in evaluation.goals] == list(SURVIVAL_GOALS)
    assert evaluation.goals[0].value == evaluation.metrics["harrell_c"].mean
    assert evaluation.goals[-1].value == evaluation.calibration[-1].slope


def test_a_follow_up_that_ends_early_shortens_the_evaluation_or_is_refused(
    patients: Patients, evaluation: SurvivalEvaluation
) -> None:
    short = replace(patients, time=np.minimum(patients.time, 200))
    other = evaluate_survival(short, seed=1, splits=2, split_seed=SPLIT_SEED + 1)
    assert (other.last_day, other.protocol.seed) == (199, SPLIT_SEED + 1)
    assert other.metrics != evaluation.metrics
    with pytest.raises(DataError, match=f"beyond day {LAST_DAY}"):
        evaluate_survival(replace(patients, time=np.minimum(patients.time, LAST_DAY)), seed=1, splits=2)


def test_the_risks_of_a_split_come_from_its_training_side_alone(patients: Patients) -> None:
    train, test = patients.part(TRAIN), patients.part(TEST)
    split, fitted = _judge(train, test, DAYS, 1), fit_survival(train, seed=1)
    served = SurvivalModel(fitted.parameters(), [*BY_NAME]).risk(test.rows)
    assert split.risk == pytest.approx(served, abs=1e-9)
    assert split.penalty == fitted.penalty
    swapped = replace(test, time=test.time[::-1], died=1 - test.died)
    assert np.array_equal(_judge(train, swapped, DAYS, 1).risk, split.risk)


def test_without_censoring_the_figures_are_the_plain_ones(patients: Patients) -> None:
    train, test = all_died(patients.part(TRAIN)), all_died(patients.part(TEST))
    split = _judge(train, test, DAYS, 1)
    for index, day in enumerate((90, 180)):
        dead, risk = test.time <= day, split.risk[:, index]
        assert split.metrics[f"brier_{day}"] == pytest.approx(brier_score_loss(dead, risk))
        assert split.metrics[f"auc_{day}"] == pytest.approx(roc_auc_score(dead, risk))
    concordance = concordance_index(test.time, -split.risk[:, 1], test.died)
    assert split.metrics["harrell_c"] == pytest.approx(concordance)
    assert uno_concordance(train, test, split.risk[:, 1], 1_000) == pytest.approx(concordance)
    dead, weight = censoring_weights(train, test, np.array([90, 180]))
    assert np.array_equal(dead, test.time[:, None] <= [90, 180])
    assert np.all(weight == 1)


def test_uno_s_c_weighs_a_pair_by_the_share_still_followed() -> None:
    names, rows = ("age",), np.zeros((4, 1))
    # One of three leaves on day 20, so that from then on two thirds are followed: weight 1 before, 9/4 after.
    test = Patients(rows, names, np.array([10.0, 20.0, 30.0, 40.0]), np.array([1, 0, 1, 0]))
    # Day 10: right against days 20 and 30, tied with day 40. Day 30: wrong against day 40.
    risk = np.array([0.6, 0.1, 0.2, 0.6])
    assert uno_concordance(test, test, risk, 100) == pytest.approx(2.5 / (3 + 9 / 4))
    assert uno_concordance(test, test, risk, 30) == pytest.approx(2.5 / 3)


def test_the_integrated_score_is_the_mean_over_the_days() -> None:
    days = np.arange(30, 181)
    dead = np.zeros((5, len(days)), np.bool_)
    scores = brier_scores(np.full(dead.shape, 0.5), dead, np.ones(dead.shape), days)
    assert scores == pytest.approx(dict.fromkeys(SCORES, 0.25))


def test_patients_who_left_alive_have_no_weight_and_those_who_stayed_have_theirs(patients: Patients) -> None:
    dead, weight = censoring_weights(patients, patients, np.array([90, 180]))
    left = (patients.time[:, None] <= [90, 180]) & (patients.died == 0)[:, None]
    assert np.all((weight == 0) == left)
    assert not np.any(dead & left)
    assert weight.sum(axis=0) == pytest.approx(len(patients.died), rel=0.02)


def split_of(predicted: NDArray[np.float64], dead: NDArray[np.bool_]) -> _Split:
    """A split whose patients are all followed."""
    return _Split({}, {}, predicted[:, None], dead[:, None], np.ones((len(dead), 1)), 0.0)


def test_a_right_curve_has_a_slope_of_1_and_an_overconfident_one_a_smaller_one() -> None:
    generator = np.random.default_rng(1)
    risk = generator.uniform(0.05, 0.95, 20_000)
    dead = generator.random(len(risk)) < risk
    right = _calibration([split_of(risk, dead)] * 2, 0, 90)
    assert (right.slope, right.intercept) == pytest.approx((1, 0), abs=0.05)
    assert all(one.risk == pytest.approx(one.deaths, abs=0.05) for one in right.bins)
    odds = risk / (1 - risk)
    overconfident = _calibration([split_of(odds**2 / (1 + odds**2), dead)] * 2, 0, 90)
    assert overconfident.slope == pytest.approx(0.5, abs=0.05)


def test_a_side_with_one_outcome_has_no_slope_and_a_separated_one_a_finite_slope() -> None:
    risk = np.linspace(0.05, 0.95, 200)
    mixed = [split_of(risk, np.random.default_rng(seed).random(200) < risk) for seed in (1, 2, 3)]
    for dead in (np.ones(200, np.bool_), np.zeros(200, np.bool_)):
        calibration = _calibration([*mixed, split_of(risk, dead)], 0, 90)
        assert math.isfinite(calibration.slope)
        assert calibration.slope_sd == _calibration(mixed, 0, 90).slope_sd
    separated = split_of(risk, risk > 0.5)
    assert math.isfinite(_calibration([separated, separated], 0, 90).slope)
