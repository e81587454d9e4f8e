"""What recalibration gives where there is nothing to learn from."""

import numpy as np
import pytest

from heartapp.statistics.regression import calibration_intercept, fit_logistic, smooth_calibration

RISK = np.array([0.2, 0.4, 0.6, 0.8])
DEAD = np.array([False, True, False, True])


def test_one_outcome_has_no_intercept_and_a_flat_curve() -> None:
    weight = DEAD.astype(np.float64)
    assert np.isnan(calibration_intercept(DEAD, RISK, weight))
    assert smooth_calibration(DEAD, RISK, weight, RISK).tolist() == [1] * 4


def test_equal_risks_have_the_share_of_deaths_as_their_curve() -> None:
    assert smooth_calibration(DEAD, np.full(4, 0.3), np.ones(4), RISK[:1]) == pytest.approx([0.5])


def test_without_columns_the_likelihood_is_that_of_the_offset() -> None:
    found = fit_logistic(np.empty((4, 0)), DEAD, np.ones(4), np.log(RISK / (1 - RISK)))
    assert found.log_likelihood == pytest.approx(np.log([0.8, 0.4, 0.4, 0.8]).sum())
