import numpy as np
import pytest

from heartapp.inference.calibration import Calibration
from heartapp.statistics.censoring import censoring_weights, kaplan_meier
from heartapp.training.dating import CURVE_STEP, fit_calibration, fit_curve

EVERYONE = np.ones(5_000)


def test_a_calibrated_risk_has_the_mean_and_slope_of_the_outcome() -> None:
    generator = np.random.default_rng(1)
    overconfident = generator.uniform(0.02, 0.98, 5_000)
    truth = Calibration(0.5, -0.7).transform(overconfident)
    outcome = (generator.random(5_000) < truth).astype(np.int64)
    fitted = fit_calibration(overconfident.astype(np.float32), outcome, EVERYONE)
    assert (fitted.slope, fitted.intercept) == pytest.approx((0.5, -0.7), abs=0.1)
    assert fitted.transform(overconfident).mean() == pytest.approx(outcome.mean(), abs=1e-4)


def test_weights_recover_the_calibration_that_censoring_hides() -> None:
    generator = np.random.default_rng(1)
    probability = generator.uniform(0.05, 0.95, 5_000)
    risk = Calibration(1.3, -0.4).transform(probability)
    # Constant hazards: the risk is that of death within 180 days.
    death = generator.exponential(-180 / np.log1p(-risk))
    leaving = generator.uniform(20, 400, 5_000)
    time, died = np.minimum(death, leaving), (death <= leaving).astype(np.int64)
    dead, weight = censoring_weights(time, died, time, died, 180)
    fitted = fit_calibration(probability.astype(np.float32), dead, weight)
    assert (fitted.slope, fitted.intercept) == pytest.approx((1.3, -0.4), abs=0.15)
    assert fitted.transform(probability).mean() == pytest.approx(1 - kaplan_meier(time, died, 180), abs=0.01)


def test_the_prior_draws_the_slope_of_few_patients_towards_1() -> None:
    generator = np.random.default_rng(1)
    probability = generator.uniform(0.2, 0.8, 30).astype(np.float32)
    outcome = (probability > 0.5).astype(np.int64)
    slopes = [fit_calibration(probability, outcome, np.ones(30), slope_sd).slope for slope_sd in (None, 1.0, 0.2, 1e-4)]
    assert slopes == sorted(slopes, reverse=True)
    assert slopes[0] > 2
    assert slopes[-1] == pytest.approx(1, abs=1e-3)


def test_members_that_order_patients_the_wrong_way_round_give_everyone_the_base_rate() -> None:
    probability = np.linspace(0.05, 0.95, 200, dtype=np.float32)
    outcome = (probability < 0.3).astype(np.int64)
    calibration = fit_calibration(probability, outcome, np.ones(200))
    assert calibration.slope > 0
    assert calibration.transform(probability) == pytest.approx(outcome.mean(), abs=0.002)


def test_the_curve_is_breslow_s_of_a_cox_model_with_the_risk_as_offset() -> None:
    generator = np.random.default_rng(1)
    risk = generator.uniform(0.05, 0.9, 300)
    death, leaving = generator.exponential(-180 / np.log1p(-risk)), generator.uniform(20, 400, 300)
    time, died = np.minimum(death, leaving).round() + 1, (death <= leaving).astype(np.int64)
    curve = fit_curve(risk, time, died, 180)
    assert (curve.days, curve.exponents[0], curve.exponents[-1]) == ([*range(0, 181, CURVE_STEP)], 0, 1)
    assert curve.exponents == sorted(curve.exponents)
    # These hazards are constant, so the curve is nearly a straight line.
    assert curve.exponents == pytest.approx(np.array(curve.days) / 180, abs=0.1)
    relative = -np.log1p(-risk)
    by_hand = sum(1 / relative[time >= moment].sum() for moment in time[(died == 1) & (time <= 90)])
    at_horizon = sum(1 / relative[time >= moment].sum() for moment in time[(died == 1) & (time <= 180)])
    assert curve.exponents[curve.days.index(90)] == pytest.approx(by_hand / at_horizon)


def test_the_curve_ends_at_a_horizon_that_is_no_whole_number_of_steps() -> None:
    time = np.arange(1.0, 101)
    curve = fit_curve(np.full(100, 0.5), time, np.ones(100, np.int64), 93)
    assert curve.days[-2:] == [90, 93]
    assert curve.exponents[-1] == 1
