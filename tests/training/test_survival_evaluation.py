from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from lifelines.utils import concordance_index
from sklearn.metrics import brier_score_loss, roc_auc_score

from heartapp.clinical.variables import VARIABLES
from heartapp.errors import DataError
from heartapp.inference.report import SurvivalEvaluation
from heartapp.inference.survival import FIRST_DAY, LAST_DAY, SurvivalModel
from heartapp.training.data import read_table
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

if TYPE_CHECKING:
    from pathlib import Path

NAMES = tuple(variable.name for variable in VARIABLES)
TIME = NAMES.index("time")
DAYS = np.arange(FIRST_DAY, LAST_JUDGED + 1)
TRAIN, TEST = np.arange(110), np.arange(110, 150)


@pytest.fixture(scope="module")
def patients(cohort: Path) -> Patients:
    table = read_table(cohort)
    return Patients(table.values, NAMES, table.values[:, TIME], table.outcome)


@pytest.fixture(scope="module")
def evaluation(patients: Patients) -> SurvivalEvaluation:
    return evaluate_survival(patients, seed=1, splits=3)


@pytest.fixture(scope="module")
def split(patients: Patients) -> _Split:
    return _judge(patients.part(TRAIN), patients.part(TEST), DAYS, 1)


def test_the_evaluation_tells_its_protocol(evaluation: SurvivalEvaluation, patients: Patients) -> None:
    protocol = evaluation.protocol
    assert (protocol.splitter, protocol.splits, protocol.seed) == ("StratifiedShuffleSplit", 3, SPLIT_SEED)
    assert 0 < protocol.test_patients < len(patients.died) / 2
    assert evaluation.last_day == LAST_JUDGED
    assert sum(evaluation.penalties.values()) == 3


def test_every_figure_of_the_protocol_is_there_with_its_spread(evaluation: SurvivalEvaluation) -> None:
    scores = ["integrated_brier", "brier_90", "brier_180"]
    assert list(evaluation.metrics) == ["harrell_c", "uno_c", *scores, "auc_90", "auc_180"]
    assert list(evaluation.null) == scores
    for spread in (*evaluation.metrics.values(), *evaluation.null.values()):
        assert 0 <= spread.low <= spread.mean <= spread.high <= 1
        assert spread.sd > 0
    assert [one.day for one in evaluation.calibration] == [90, 180]


def test_a_signal_in_the_cohort_makes_the_curve_better_than_the_same_curve_for_everyone(
    evaluation: SurvivalEvaluation,
) -> None:
    assert evaluation.metrics["harrell_c"].mean > 0.65
    for name, null in evaluation.null.items():
        assert evaluation.metrics[name].mean < null.mean


def test_the_bins_are_of_equal_size_and_rise_in_risk(evaluation: SurvivalEvaluation) -> None:
    for horizon in evaluation.calibration:
        assert len(horizon.bins) == BINS
        assert max(one.patients for one in horizon.bins) - min(one.patients for one in horizon.bins) <= 1
        assert [one.risk for one in horizon.bins] == sorted(one.risk for one in horizon.bins)


def test_the_evaluation_can_be_written_and_read_and_is_reproducible(
    evaluation: SurvivalEvaluation, patients: Patients
) -> None:
    content = msgspec.json.encode(evaluation)
    assert msgspec.json.decode(content, type=SurvivalEvaluation) == evaluation
    assert evaluate_survival(patients, seed=1, splits=3) == evaluation


def test_other_splits_give_other_figures(evaluation: SurvivalEvaluation, patients: Patients) -> None:
    other = evaluate_survival(patients, seed=1, splits=2, split_seed=SPLIT_SEED + 1)
    assert other.protocol.seed == SPLIT_SEED + 1
    assert other.metrics != evaluation.metrics


def test_one_split_is_judged_by_a_curve_that_saw_its_training_side_alone(patients: Patients, split: _Split) -> None:
    fitted = fit_survival(patients.part(TRAIN), seed=1)
    served = SurvivalModel(fitted.parameters(), NAMES).risk(patients.part(TEST).rows)
    assert split.risk == pytest.approx(served, abs=1e-9)
    assert split.penalty == fitted.penalty

    test = patients.part(TEST)
    swapped = Patients(test.rows, NAMES, test.time[::-1], 1 - test.died)
    blind = _judge(patients.part(TRAIN), swapped, DAYS, 1)
    assert np.array_equal(blind.risk, split.risk)


def all_died(patients: Patients) -> Patients:
    """The same patients, as if each had been followed until death."""
    return Patients(patients.rows, patients.names, patients.time, np.ones_like(patients.died))


def test_without_censoring_the_figures_are_the_plain_ones(patients: Patients) -> None:
    test = all_died(patients.part(TEST))
    split = _judge(all_died(patients.part(TRAIN)), test, DAYS, 1)
    for index, day in enumerate((90, 180)):
        dead, risk = test.time <= day, split.risk[:, index]
        assert split.metrics[f"brier_{day}"] == pytest.approx(brier_score_loss(dead, risk))
        assert split.metrics[f"auc_{day}"] == pytest.approx(roc_auc_score(dead, risk))
    assert split.metrics["harrell_c"] == pytest.approx(concordance_index(test.time, -split.risk[:, 1], test.died))


def test_without_censoring_uno_s_c_is_harrell_s(patients: Patients) -> None:
    test, risk = all_died(patients.part(TEST)), patients.part(TEST).rows[:, 0]
    assert uno_concordance(all_died(patients), test, risk, 1_000) == pytest.approx(
        concordance_index(test.time, -risk, test.died)
    )


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
    assert scores == pytest.approx({"integrated_brier": 0.25, "brier_90": 0.25, "brier_180": 0.25})


def test_without_censoring_everyone_counts_once(patients: Patients) -> None:
    followed = all_died(patients)
    dead, weight = censoring_weights(followed, followed, np.array([90, 180]))
    assert np.array_equal(dead, followed.time[:, None] <= [90, 180])
    assert np.all(weight == 1)


def test_whoever_left_alive_counts_nothing_and_those_who_stayed_count_for_them(patients: Patients) -> None:
    dead, weight = censoring_weights(patients, patients, np.array([90, 180]))
    left = (patients.time[:, None] <= [90, 180]) & (patients.died == 0)[:, None]
    assert np.all((weight == 0) == left)
    assert not np.any(dead & left)
    assert weight.sum(axis=0) == pytest.approx(len(patients.died), rel=0.02)


def calibrated(risk: np.ndarray, shown: np.ndarray) -> _Split:
    """A split whose patients die as ``risk`` says while the curve says ``shown``; nobody leaves."""
    dead = np.random.default_rng(0).random(risk.shape) < risk
    return _Split({}, {}, shown[:, None], dead[:, None], np.ones_like(risk)[:, None], 0.0)


def test_a_right_curve_has_a_slope_of_1_and_one_that_says_too_much_a_smaller_one() -> None:
    risk = np.random.default_rng(1).uniform(0.05, 0.95, 20_000)
    right = _calibration([calibrated(risk, risk)] * 2, 0, 90)
    assert right.slope == pytest.approx(1, abs=0.05)
    assert right.intercept == pytest.approx(0, abs=0.01)
    assert all(one.risk == pytest.approx(one.deaths, abs=0.05) for one in right.bins)
    odds = risk / (1 - risk)
    bold = _calibration([calibrated(risk, odds**2 / (1 + odds**2))] * 2, 0, 90)
    assert bold.slope == pytest.approx(0.5, abs=0.05)


def test_a_side_on_which_all_died_or_none_has_no_slope_and_the_others_keep_theirs() -> None:
    risk = np.random.default_rng(1).uniform(0.05, 0.95, 200)
    mixed = [calibrated(np.random.default_rng(seed).uniform(0.05, 0.95, 200), risk) for seed in (1, 2, 3)]
    for dead in (np.ones((200, 1), np.bool_), np.zeros((200, 1), np.bool_)):
        alone = _Split({}, {}, risk[:, None], dead, np.ones((200, 1)), 0.0)
        told = _calibration([*mixed, alone], 0, 90)
        assert math.isfinite(told.slope)
        assert told.slope_sd == _calibration(mixed, 0, 90).slope_sd


def test_a_side_whose_deaths_are_told_apart_completely_has_a_finite_slope() -> None:
    risk = np.linspace(0.1, 0.9, 20)
    split = _Split({}, {}, risk[:, None], (risk > 0.5)[:, None], np.ones((20, 1)), 0.0)
    assert math.isfinite(_calibration([split, split], 0, 90).slope)


@pytest.mark.parametrize(
    ("figure", "value", "reached"),
    [
        ("harrell_c", 0.734, "missed"),
        ("harrell_c", 0.735, "goal"),
        ("harrell_c", 0.747, "stretch"),
        ("integrated_brier", 0.163, "missed"),
        ("integrated_brier", 0.160, "goal"),
        ("integrated_brier", 0.159, "stretch"),
        ("calibration_slope_90", 1.16, "missed"),
        ("calibration_slope_90", 1.10, "goal"),
        ("calibration_slope_180", 0.95, "stretch"),
        ("uno_c", math.nan, "missed"),
    ],
)
def test_a_figure_is_held_against_its_goal(figure: str, value: float, reached: str) -> None:
    told = SURVIVAL_GOALS[figure].judge(figure, value)
    assert (told.reached, told.alarm) == (reached, False)


def test_every_goal_is_answered(evaluation: SurvivalEvaluation) -> None:
    assert [one.figure for one in evaluation.goals] == list(SURVIVAL_GOALS)
    assert evaluation.goals[0].value == evaluation.metrics["harrell_c"].mean
    assert evaluation.goals[-1].value == evaluation.calibration[-1].slope


def test_a_follow_up_that_ends_early_shortens_what_is_judged(patients: Patients) -> None:
    short = Patients(patients.rows, NAMES, np.minimum(patients.time, 200), patients.died)
    assert evaluate_survival(short, seed=1, splits=2).last_day == 199


def test_a_follow_up_that_ends_before_the_curve_is_refused(patients: Patients) -> None:
    short = Patients(patients.rows, NAMES, np.minimum(patients.time, LAST_DAY), patients.died)
    with pytest.raises(DataError, match=f"beyond day {LAST_DAY}"):
        evaluate_survival(short, seed=1, splits=2)
