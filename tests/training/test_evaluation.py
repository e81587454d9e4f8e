import re
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from lifelines.utils import concordance_index
from sklearn.metrics import brier_score_loss, roc_auc_score

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.inference.report import Evaluation
from heartapp.statistics.censoring import kaplan_meier
from heartapp.statistics.metrics import BINS, DECISION_THRESHOLDS, classification_metrics, concordance
from heartapp.training import goals as goals_module
from heartapp.training.cohort import Cohort
from heartapp.training.defaults import BEDSIDE_USES, SPLIT_SEED, SPLITS_A_SEED
from heartapp.training.evaluation import _compare, _judge, _metrics, _Predictions, _split, evaluate
from heartapp.training.goals import GOALS
from heartapp.training.members import PLANS
from heartapp.training.recipe import Recipe

SPLITS = 3
OF_A_CLASS = ["roc_auc", "pr_auc", "mcc", "sensitivity", "specificity"]
DATED = ["auc_90", "auc_180", "brier_180", "harrell", "uno"]
TRAIN, TEST = np.split(np.arange(150), [110])

pytestmark = pytest.mark.usefixtures("small_plans")


@pytest.fixture(scope="module")
def split(people: Cohort, recipe: Recipe) -> _Predictions:
    """One split's predictions."""
    return _judge(recipe, people.sample("bedside"), TRAIN, TEST)


def test_model_members_and_comparator_are_measured_on_the_same_splits_with_intervals(
    evaluation: Evaluation, people: Cohort
) -> None:
    protocol = evaluation.protocol
    assert (protocol.splitter, protocol.splits, protocol.seeds) == ("StratifiedShuffleSplit", SPLITS, [SPLIT_SEED])
    assert 0 < protocol.test_patients < len(people.outcome) / 2
    assert (evaluation.horizon, list(evaluation.members)) == (180, list(MEMBERS))
    for metrics in (evaluation.metrics, evaluation.comparator, evaluation.difference):
        assert list(metrics) == [*OF_A_CLASS, "roc_auc_unaffected", *DATED]
    for metrics in evaluation.members.values():
        assert list(metrics) == [*OF_A_CLASS, "brier"]
    # In JSON, a spread has a mean where an estimate has a value.
    text = re.sub('"(mean|value)"', '"middle"', msgspec.json.encode(evaluation).decode())
    found = re.findall(r'"middle":([^,]+),(?:"sd":[^,]+,)?"low":([^,]+),"high":([^,}]+)', text)
    assert len(found) > 100
    assert all(float(low) <= float(middle) <= float(high) for middle, low, high in found)
    for name, difference in evaluation.difference.items():
        gap = evaluation.metrics[name].mean - evaluation.comparator[name].mean
        assert difference.value == pytest.approx(gap, abs=2e-6)


def test_the_bins_rise_in_risk_and_the_groups_are_of_all_patients(evaluation: Evaluation, people: Cohort) -> None:
    for one in evaluation.calibration:
        assert len(one.bins) == BINS
        assert [part.risk for part in one.bins] == sorted(part.risk for part in one.bins)
    by_name = {one.name: one for one in evaluation.subgroups}
    middle = f"{np.median(people.column('age')):g}"
    for half in (("women", "men"), (f"aged under {middle}", f"aged {middle} or more")):
        assert sum(by_name[name].patients for name in half) == len(people.outcome)


def test_a_risk_without_a_horizon_is_judged_by_the_outcome_and_groups_without_deaths_are_left_out(
    people: Cohort,
) -> None:
    outcome = np.where(people.column("sex") == 0, 0, people.outcome)
    found = evaluate(replace(people, outcome=outcome), "followup", seed=1, splits=2)
    assert {one.name for one in found.subgroups} & {"women", "men"} == {"men"}
    assert found.horizon is None
    assert [*found.metrics] == [*OF_A_CLASS, "roc_auc_unaffected", "brier"]
    assert found.goals == []  # two splits are too few to judge one
    (calibration,) = found.calibration
    assert calibration.day is None
    assert sum(one.predictions for one in calibration.bins) == 2 * found.protocol.test_patients


def test_a_short_horizon_is_the_only_day_that_is_judged(people: Cohort, recipe: Recipe) -> None:
    found = _judge(replace(recipe, horizon=60), people.sample("bedside"), TRAIN, TEST)
    assert found.days == (60,)
    assert {"auc_60", "brier_60"} <= set(_metrics(people, found, found.risk[-1]))


def test_each_seed_gives_a_block_of_splits(people: Cohort) -> None:
    many, second = ([tuple(test) for _, test in _split(people.outcome, 30, seeds)] for seeds in ((1, 2), (2,)))
    assert many[SPLITS_A_SEED:] == second
    assert len({*many}) == 2 * SPLITS_A_SEED


def test_the_decision_curve_compares_with_the_comparator_and_with_treating_everyone(evaluation: Evaluation) -> None:
    assert [one.threshold for one in evaluation.decision_curve] == list(DECISION_THRESHOLDS)
    first = evaluation.decision_curve[0]
    share = (first.treat_all.value + 0.05 / 0.95) / (1 + 0.05 / 0.95)
    for one in evaluation.decision_curve:
        odds = one.threshold / (1 - one.threshold)
        assert one.treat_all.value == pytest.approx(share - (1 - share) * odds, abs=1e-4)
        assert max(one.model.value, one.comparator.value) <= share + 1e-6


def test_goals_are_judged_by_the_means_of_the_splits_and_the_slope(evaluation: Evaluation) -> None:
    assert [goal.figure for goal in evaluation.goals] == list(GOALS["bedside"])
    values = {name: spread.mean for name, spread in evaluation.metrics.items()}
    values["slope_180"] = evaluation.calibration[-1].slope.value
    for goal in evaluation.goals:
        assert goal == GOALS["bedside"][goal.figure].judge(goal.figure, values[goal.figure])


def test_the_predictions_of_a_split_come_from_its_training_side_alone(
    people: Cohort, recipe: Recipe, split: _Predictions
) -> None:
    sample = people.sample("bedside")
    assert sample.time is not None
    fitted = recipe.fit(sample.part(TRAIN))
    risk = fitted.risk(sample.features[TEST])
    assert fitted.curve
    assert np.array_equal(split.test, TEST)
    assert np.array_equal(split.risk, [fitted.curve.risk(risk, 90), risk])
    assert np.array_equal(split.members.T, fitted.probabilities(sample.features[TEST]))
    assert np.all(split.threshold == fitted.threshold)

    outcome, time = people.outcome.copy(), sample.time.copy()
    outcome[TEST], time[TEST] = 1 - outcome[TEST], time[TEST][::-1]
    blind = _judge(recipe, replace(sample, outcome=outcome, time=time), TRAIN, TEST)
    assert np.array_equal(blind.risk, split.risk)
    assert np.array_equal(blind.comparator, split.comparator)


def test_the_plain_regression_uses_three_variables_and_is_calibrated_to_the_horizon(
    people: Cohort, recipe: Recipe
) -> None:
    sample = people.sample("bedside")
    lacking = sample.features.copy()
    lacking[:, [column for column, name in enumerate(recipe.names) if name not in BEDSIDE_USES]] = np.nan
    early, late, undated, without = (
        _compare(replace(recipe, horizon=horizon), sample, replace(sample, features=features))
        for horizon, features in (
            (60, sample.features),
            (180, sample.features),
            (None, sample.features),
            (None, lacking),
        )
    )
    assert early.mean() < late.mean()
    assert np.array_equal(np.argsort(early), np.argsort(undated))
    assert np.array_equal(undated, without)
    assert undated.mean() == pytest.approx(people.outcome.mean(), abs=0.02)


def test_the_class_is_judged_by_death_during_follow_up_with_and_without_the_affected_rows(
    people: Cohort, split: _Predictions
) -> None:
    outcome, kept = people.outcome[TEST], people.unaffected[TEST]
    metrics = _metrics(people, split, split.risk[-1])
    assert metrics.items() >= classification_metrics(outcome, split.risk[-1], split.threshold).items()
    assert 0 < kept.mean() < 1
    assert metrics["roc_auc_unaffected"] == roc_auc_score(outcome[kept], split.risk[-1][kept])


def test_without_losses_the_figures_by_day_are_the_plain_ones(people: Cohort, recipe: Recipe) -> None:
    values = people.values.copy()
    values[people.outcome == 0, [*BY_NAME].index("time")] = 1_000
    lossless = replace(people, values=values)
    split = _judge(recipe, lossless.sample("bedside"), TRAIN, TEST)
    metrics = _metrics(lossless, split, split.risk[-1])
    risk, time, died = split.risk[-1], lossless.column("time")[TEST], people.outcome[TEST]
    assert np.all(split.weight == 1)
    for day in (90, 180):
        assert metrics[f"auc_{day}"] == pytest.approx(roc_auc_score(time <= day, risk))
    assert metrics["brier_180"] == pytest.approx(brier_score_loss(time <= 180, risk))
    assert metrics["harrell"] == pytest.approx(concordance_index(time, -risk, died))


def test_uno_s_c_weighs_deaths_by_the_squared_censoring_weights(people: Cohort, split: _Predictions) -> None:
    risk, time, died = split.risk[-1], people.column("time"), people.outcome
    # One over the squared share still followed just before the last day.
    still = kaplan_meier(time[TRAIN], 1 - died[TRAIN], np.nextafter(np.minimum(time[TEST], 180), 0)) ** -2
    expected = concordance(time[TEST], died[TEST], risk, still, last_day=180)
    assert expected != concordance(time[TEST], died[TEST], risk, np.ones(len(TEST)), last_day=180)
    assert _metrics(people, split, risk)["uno"] == pytest.approx(expected)


@pytest.mark.data
def test_only_the_follow_up_time_as_a_variable_raises_an_alarm_on_the_published_data(
    published: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(goals_module, "LEAST", 2)

    def alarms() -> list[str]:
        found = evaluate(published, "bedside", seed=1, splits=2)
        return [goal.figure for goal in found.goals if goal.alarm]

    assert alarms() == []
    monkeypatch.setitem(MODEL_VARIABLES, "bedside", MODEL_VARIABLES["followup"])
    monkeypatch.setitem(PLANS, "bedside", PLANS["followup"])
    assert alarms() == ["roc_auc"]
