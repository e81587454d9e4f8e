from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from heartapp.inference.report import Bin
from heartapp.training.metrics import (
    BINS,
    CURVE_POINTS,
    calibration_bins,
    classification_metrics,
    expected_calibration_error,
    net_benefit,
    precision_recall_points,
    recalibration,
    roc_points,
    rounded,
    spreads,
)

OUTCOME = np.array([0, 0, 0, 1, 1])
RISK = np.array([0.1, 0.2, 0.6, 0.5, 0.4])


def test_the_metrics_are_those_of_the_confusion_at_the_threshold() -> None:
    metrics = classification_metrics(OUTCOME, RISK, 0.5)
    assert metrics == pytest.approx(
        {
            "roc_auc": 4 / 6,
            "pr_auc": (1 / 2 + 2 / 3) / 2,
            "brier": (0.01 + 0.04 + 0.36 + 0.25 + 0.36) / 5,
            "mcc": (2 * 1 - 1 * 1) / 6,
            "sensitivity": 1 / 2,  # a risk at the threshold counts as predicted death
            "specificity": 2 / 3,
        }
    )
    nobody = classification_metrics(OUTCOME, RISK, 0.9)
    assert (nobody["sensitivity"], nobody["specificity"], nobody["mcc"]) == (0, 1, 0)


def test_net_benefit_weighs_false_alarms_by_the_odds_of_the_threshold() -> None:
    # At 0.4, both deaths (risks 0.5 and 0.4) and one survivor (0.6) are treated.
    assert net_benefit(OUTCOME, RISK, 0.4) == pytest.approx((2 - 1 * 0.4 / 0.6) / 5)
    assert net_benefit(OUTCOME, RISK, 0.55) == pytest.approx((0 - 1 * 0.55 / 0.45) / 5)
    assert net_benefit(OUTCOME, RISK, 0.9) == 0
    assert net_benefit(OUTCOME, np.ones(5), 0.2) == pytest.approx((2 - 3 * 0.25) / 5)


def test_a_true_risk_has_a_calibration_slope_of_one_and_an_overconfident_one_less() -> None:
    generator = np.random.default_rng(1)
    logit = generator.normal(-0.7, 1, 20_000)
    truth = 1 / (1 + np.exp(-logit))
    died = (generator.random(20_000) < truth).astype(np.int64)
    assert recalibration(truth, died) == pytest.approx((1, 0), abs=0.05)
    slope, _ = recalibration(1 / (1 + np.exp(-2 * logit)), died)
    assert slope == pytest.approx(0.5, abs=0.05)


def test_calibration_in_the_large_is_the_observed_minus_the_expected_share() -> None:
    _, intercept = recalibration(np.array([0.2, 0.3, 0.2, 0.3]), np.array([1, 0, 0, 1]))
    assert intercept == pytest.approx(0.25)


def test_risks_of_0_and_1_leave_the_slope_finite() -> None:
    slope, _ = recalibration(np.array([0, 1, 0, 1.0, 0.5, 0.5]), np.array([0, 1, 1, 0, 0, 1]))
    assert math.isfinite(slope)


def test_bins_are_groups_of_equal_size_by_risk() -> None:
    risk = np.linspace(0, 1, 40)[::-1]
    bins = calibration_bins(risk, (risk > 0.5).astype(np.int64))
    assert [one.patients for one in bins] == [40 // BINS] * BINS
    assert [one.deaths for one in bins] == [0] * 5 + [1] * 5
    assert [one.risk for one in bins] == sorted(one.risk for one in bins)


def test_the_expected_calibration_error_weighs_bins_by_their_patients() -> None:
    assert expected_calibration_error([Bin(30, 0.2, 0.3), Bin(10, 0.8, 0.4)]) == pytest.approx((3 + 4) / 40)
    assert expected_calibration_error([Bin(30, 0.2, 0.2)]) == 0


def test_the_curves_have_even_steps_and_the_right_area() -> None:
    generator = np.random.default_rng(1)
    risk = generator.random(5_000)
    died = (generator.random(5_000) < risk).astype(np.int64)
    false_positive, true_positive = np.array(roc_points(died, risk)).T
    assert false_positive == pytest.approx(np.linspace(0, 1, CURVE_POINTS))
    assert np.all(np.diff(true_positive) >= 0)
    assert np.trapezoid(true_positive, false_positive) == pytest.approx(roc_auc_score(died, risk), abs=2e-3)
    recall, precision = np.array(precision_recall_points(died, risk)).T
    assert recall == pytest.approx(np.linspace(0, 1, CURVE_POINTS))
    assert precision[-1] == pytest.approx(died.mean(), abs=1e-3)
    assert precision[5] > precision[-5]


def test_a_spread_is_mean_sample_deviation_and_the_middle_95_percent_of_the_splits_with_a_value() -> None:
    spread = spreads([{"roc_auc": value} for value in (0.6, 0.7, 0.8, math.nan)])["roc_auc"]
    assert (spread.mean, spread.sd, spread.low, spread.high) == pytest.approx((0.7, 0.1, 0.605, 0.795))


def test_figures_are_rounded_to_six_decimals() -> None:
    assert rounded(np.float64(0.123456789)) == 0.123457
