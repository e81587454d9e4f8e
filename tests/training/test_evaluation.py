from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.training.comparators import COMPARATORS
from heartapp.training.data import Table, read_table
from heartapp.training.evaluation import SEED, _bins, _judge, _metrics, _recalibration, _spreads, evaluate
from heartapp.training.recipe import fit_recipe

if TYPE_CHECKING:
    from pathlib import Path

    from heartapp.inference.report import Evaluation

NAMES = MODEL_VARIABLES["bedside"]
METRICS = ["roc_auc", "pr_auc", "brier", "mcc", "sensitivity", "specificity"]


@pytest.fixture(scope="module")
def table(cohort: Path) -> Table:
    return read_table(cohort)


@pytest.fixture(scope="module")
def evaluation(table: Table) -> Evaluation:
    return evaluate(table.features(NAMES), table.outcome, NAMES, seed=1, splits=3)


def test_the_evaluation_tells_its_protocol(evaluation: Evaluation, table: Table) -> None:
    protocol = evaluation.protocol
    assert (protocol.splitter, protocol.splits, protocol.seed) == ("StratifiedShuffleSplit", 3, SEED)
    assert 0 < protocol.test_patients < len(table.outcome) / 2


def test_the_model_its_members_and_the_comparators_are_judged_by_the_same_metrics(evaluation: Evaluation) -> None:
    assert list(evaluation.members) == list(MEMBERS)
    assert list(evaluation.comparators) == list(COMPARATORS)
    for metrics in (evaluation.metrics, *evaluation.members.values(), *evaluation.comparators.values()):
        assert list(metrics) == METRICS
        assert all(spread.low <= spread.mean <= spread.high for spread in metrics.values())


def test_a_signal_in_the_cohort_shows_in_the_figures(evaluation: Evaluation) -> None:
    assert evaluation.metrics["roc_auc"].mean > 0.65
    assert evaluation.metrics["brier"].mean < 0.25
    assert evaluation.calibration_slope > 0


def test_the_bins_hold_every_test_prediction_once_and_rise_in_risk(evaluation: Evaluation) -> None:
    bins = evaluation.calibration_bins
    assert sum(one.patients for one in bins) == 3 * evaluation.protocol.test_patients
    assert [one.risk for one in bins] == sorted(one.risk for one in bins)
    gaps = [one.patients * abs(one.risk - one.deaths) for one in bins]
    assert evaluation.expected_calibration_error == pytest.approx(
        sum(gaps) / sum(one.patients for one in bins), abs=1e-5
    )


def test_one_split_is_judged_by_a_recipe_that_saw_its_training_side_alone(table: Table) -> None:
    features = table.features(NAMES)
    train, test = np.arange(0, 110), np.arange(110, 150)
    outcome = table.outcome.copy()
    split = _judge(features, outcome, NAMES, train, test, 1)
    fitted = fit_recipe(features[train], outcome[train], 1)
    assert np.array_equal(split.outcome, outcome[test])
    assert np.array_equal(split.risk, fitted.risk(features[test]))
    assert np.array_equal(split.members, fitted.probabilities(features[test]))
    assert split.threshold == fitted.threshold

    outcome[test] = 1 - outcome[test]
    blind = _judge(features, outcome, NAMES, train, test, 1)
    assert np.array_equal(blind.risk, split.risk)
    assert all(np.array_equal(blind.comparators[name], split.comparators[name]) for name in COMPARATORS)


def test_the_metrics_are_those_of_the_confusion_at_the_threshold() -> None:
    outcome = np.array([0, 0, 0, 1, 1])
    metrics = _metrics(outcome, np.array([0.1, 0.2, 0.6, 0.5, 0.4]), 0.5)
    assert metrics["sensitivity"] == 1 / 2
    assert metrics["specificity"] == 2 / 3
    assert metrics["roc_auc"] == pytest.approx(4 / 6)
    assert metrics["brier"] == pytest.approx((0.01 + 0.04 + 0.36 + 0.25 + 0.36) / 5)
    assert metrics["mcc"] == pytest.approx((2 * 1 - 1 * 1) / 6)


def test_a_risk_at_the_threshold_counts_as_predicted_death() -> None:
    assert _metrics(np.array([0, 1]), np.array([0.1, 0.5]), 0.5)["sensitivity"] == 1


def test_metrics_of_a_model_that_expects_no_death_are_finite() -> None:
    metrics = _metrics(np.array([0, 0, 1]), np.array([0.1, 0.2, 0.3]), 0.9)
    assert (metrics["sensitivity"], metrics["specificity"], metrics["mcc"]) == (0, 1, 0)


def test_a_spread_is_mean_sample_deviation_and_the_middle_95_percent() -> None:
    spread = _spreads([{"roc_auc": value} for value in (0.6, 0.7, 0.8)])["roc_auc"]
    assert spread.mean == pytest.approx(0.7)
    assert spread.sd == pytest.approx(0.1)
    assert spread.low == pytest.approx(0.605)
    assert spread.high == pytest.approx(0.795)


def test_a_true_risk_has_a_calibration_slope_of_one_and_an_overconfident_one_less() -> None:
    generator = np.random.default_rng(1)
    logit = generator.normal(-0.7, 1, 20_000)
    truth = 1 / (1 + np.exp(-logit))
    died = (generator.random(20_000) < truth).astype(np.int64)
    slope, intercept = _recalibration(truth, died)
    assert slope == pytest.approx(1, abs=0.05)
    assert intercept == pytest.approx(0, abs=0.01)
    slope, _ = _recalibration(1 / (1 + np.exp(-2 * logit)), died)
    assert slope == pytest.approx(0.5, abs=0.05)


def test_calibration_in_the_large_is_the_observed_less_the_expected_share() -> None:
    _, intercept = _recalibration(np.array([0.2, 0.3, 0.2, 0.3]), np.array([1, 0, 0, 1]))
    assert intercept == pytest.approx(0.25)


def test_bins_are_groups_of_equal_size_by_risk() -> None:
    risk = np.linspace(0, 1, 40)[::-1]
    bins = _bins(risk, (risk > 0.5).astype(np.int64))
    assert [one.patients for one in bins] == [4] * 10
    assert [one.deaths for one in bins] == [0] * 5 + [1] * 5
