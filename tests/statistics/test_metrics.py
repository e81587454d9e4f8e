import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ttest_1samp
from sklearn.metrics import brier_score_loss, roc_auc_score

from heartapp.inference.report import Estimate
from heartapp.statistics.metrics import (
    BINS,
    calibration_bins,
    calibration_slope,
    classification_metrics,
    concordance,
    draw_counts,
    estimate,
    mean,
    net_gain,
    paired_differences,
    spreads,
    weighted_auc,
    weighted_brier,
)

OUTCOME = np.array([0, 0, 0, 1, 1])
DEAD = OUTCOME == 1
RISK = np.array([0.1, 0.2, 0.6, 0.5, 0.4])
ONES = np.ones(5)


def test_the_metrics_are_those_of_the_confusion_at_the_threshold() -> None:
    metrics = classification_metrics(OUTCOME, RISK, 0.5)
    assert metrics == pytest.approx(
        {
            "roc_auc": 4 / 6,
            "pr_auc": (1 / 2 + 2 / 3) / 2,
            "mcc": (2 * 1 - 1 * 1) / 6,
            "sensitivity": 1 / 2,  # a risk at the threshold counts as predicted death
            "specificity": 2 / 3,
        }
    )
    nobody = classification_metrics(OUTCOME, RISK, 0.9)
    assert (nobody["sensitivity"], nobody["specificity"], nobody["mcc"]) == (0, 1, 0)


def test_a_weight_counts_as_that_many_patients() -> None:
    weight = np.array([1, 3, 0, 2, 1])
    dead, risk = np.repeat(DEAD, weight), np.repeat(RISK, weight)
    assert weighted_auc(DEAD, RISK, weight.astype(float)) == pytest.approx(roc_auc_score(dead, risk))
    assert weighted_brier(DEAD, RISK, weight.astype(float)) == pytest.approx(brier_score_loss(dead, risk))
    repeated = calibration_slope(dead, risk, np.ones(len(dead)))
    assert calibration_slope(DEAD, RISK, weight.astype(float)) == pytest.approx(repeated, abs=1e-5)


@pytest.mark.parametrize("weight", [DEAD.astype(float), 1 - DEAD])
def test_where_only_one_outcome_counts_there_is_no_area_and_no_slope(weight: NDArray[np.float64]) -> None:
    assert math.isnan(weighted_auc(DEAD, RISK, weight))
    assert math.isnan(calibration_slope(DEAD, RISK, weight))


def test_a_true_risk_has_a_slope_of_one_an_overconfident_one_less_and_extreme_risks_a_finite_one() -> None:
    generator = np.random.default_rng(1)
    logit = generator.normal(-0.7, 1, 20_000)
    dead = generator.random(20_000) < 1 / (1 + np.exp(-logit))
    for steepness in (1, 2):
        slope = calibration_slope(dead, 1 / (1 + np.exp(-steepness * logit)), np.ones(20_000))
        assert slope == pytest.approx(1 / steepness, abs=0.05)
    for extreme in ([0, 1, 0, 1, 0.5], [0.1, 0.2, 0.3, 0.8, 0.9]):
        assert math.isfinite(calibration_slope(DEAD, np.array(extreme), ONES))


def test_concordance_counts_weighted_pairs_and_who_was_lost_on_a_day_outlived_a_death_on_it() -> None:
    time, died = np.array([10.0, 20.0, 30.0, 40.0]), np.array([1, 0, 1, 0])
    # Day 10: right against days 20 and 30, tied with day 40. Day 30: wrong against day 40.
    risk = np.array([0.6, 0.1, 0.2, 0.6])
    assert concordance(time, died, risk, np.ones(4)) == pytest.approx(2.5 / 4)
    assert concordance(np.array([10.0, 10.0]), np.array([1, 0]), np.array([0.6, 0.1]), np.ones(2)) == 1
    # Uno's C weighs a pair by the share still followed at the first death.
    weight = np.array([1, 1, 9 / 4, 9 / 4])
    assert concordance(time, died, risk, weight) == pytest.approx(2.5 / (3 + 9 / 4))
    assert concordance(time, died, risk, weight, last_day=29) == pytest.approx(2.5 / 3)


def test_the_net_benefit_weighs_false_alarms_by_the_odds_of_the_threshold() -> None:
    # At 0.4, both deaths (risks 0.5 and 0.4) and one survivor (0.6) are treated.
    assert net_gain(DEAD, RISK, 0.4).mean() == pytest.approx((2 - 1 * 0.4 / 0.6) / 5)
    assert net_gain(DEAD, RISK, 0.9).mean() == 0
    assert net_gain(DEAD, ONES, 0.2).mean() == pytest.approx((2 - 3 * 0.25) / 5)


def test_bins_are_groups_of_equal_size_by_risk_of_those_who_count() -> None:
    risk = np.linspace(0, 1, 50)[::-1]
    weights = np.ones((3, 50))
    weights[:, ::5] = 0
    bins = calibration_bins(risk > 0.5, risk, weights)
    assert [one.predictions for one in bins] == [40 // BINS] * BINS
    assert [one.deaths.value for one in bins] == [0] * 5 + [1] * 5
    assert [one.risk for one in bins] == sorted(one.risk for one in bins)


def test_a_bootstrap_draws_as_many_patients_as_there_are() -> None:
    counts = draw_counts(30, 200, seed=1)
    assert counts.shape == (201, 30)
    assert np.all(counts[0] == 1)
    assert np.all(counts.sum(axis=1) == 30)
    assert counts[1:].mean() == 1
    assert np.array_equal(counts, draw_counts(30, 200, seed=1))


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    found = mean(values, draw_counts(400, 2_000, seed=1))
    error = values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(
        (values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.02
    )


def test_samples_without_a_value_do_not_count() -> None:
    weights = np.array([[1.0, 1], [0, 0], [2, 0]])
    assert mean(np.array([1.0, 3]), weights) == Estimate(2, 1, 1)
    assert estimate(
        lambda weight: float(np.log(weight[1] - 3)), np.array([[0, 4.0], [0, math.nan], [0, 4]])
    ) == Estimate(0, 0, 0)


def test_a_spread_is_mean_sample_deviation_and_the_middle_95_percent_of_the_splits_with_a_value() -> None:
    spread = spreads([{"roc_auc": value} for value in (0.6, 0.7, 0.8, math.nan)])["roc_auc"]
    assert (spread.mean, spread.sd, spread.low, spread.high) == pytest.approx((0.7, 0.1, 0.605, 0.795))


def test_a_difference_of_independent_splits_has_the_interval_of_student_and_overlap_widens_it() -> None:
    generator = np.random.default_rng(1)
    ours, theirs = ([{"auc": value} for value in generator.normal(0.8, 0.05, 40)] for _ in range(2))
    gaps = [one["auc"] - other["auc"] for one, other in zip(ours, theirs, strict=True)]
    student = ttest_1samp(gaps, 0).confidence_interval()
    plain = paired_differences(ours, theirs, 0.0)["auc"]
    assert (plain.low, plain.high) == pytest.approx((student.low, student.high), abs=1e-6)
    # With 60 of 300 patients held out: the variance's factor is 1/40 + 60/240 and not 1/40.
    corrected = paired_differences(ours, theirs, 0.25)["auc"]
    assert corrected.value == plain.value == pytest.approx(np.mean(gaps), abs=1e-6)
    assert (corrected.high - corrected.low) / (plain.high - plain.low) == pytest.approx(math.sqrt(11), abs=1e-3)
