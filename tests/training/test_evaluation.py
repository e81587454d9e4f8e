from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.training.cohort import Cohort
from heartapp.training.data import read_table
from heartapp.training.defaults import SPLIT_SEED
from heartapp.training.evaluation import COMPARATOR, DECISION_THRESHOLDS, _judge, _metrics, evaluate
from heartapp.training.goals import GOALS
from heartapp.training.metrics import classification_metrics

if TYPE_CHECKING:
    from pathlib import Path

    from heartapp.inference.report import Evaluation
    from heartapp.training.recipe import Recipe

SPLITS = 3
OF_A_CLASS = ["roc_auc", "pr_auc", "brier", "mcc", "sensitivity", "specificity"]
METRICS = [*OF_A_CLASS, "roc_auc_unaffected", "net_benefit_20", "net_benefit_30"]

pytestmark = pytest.mark.usefixtures("small_plans")


def test_model_members_and_comparator_are_measured_on_the_same_splits(evaluation: Evaluation, people: Cohort) -> None:
    protocol = evaluation.protocol
    assert (protocol.splitter, protocol.splits, protocol.seed) == ("StratifiedShuffleSplit", SPLITS, SPLIT_SEED)
    assert 0 < protocol.test_patients < len(people.outcome) / 2
    assert (list(evaluation.members), list(evaluation.comparators)) == (list(MEMBERS), [COMPARATOR])
    for metrics in (evaluation.metrics, evaluation.comparators[COMPARATOR]):
        assert list(metrics) == METRICS
    for metrics in evaluation.members.values():
        assert list(metrics) == OF_A_CLASS
        assert all(spread.low <= spread.mean <= spread.high for spread in metrics.values())
    assert sum(evaluation.chosen.values()) == SPLITS


def test_a_signal_in_the_cohort_shows_in_the_figures(evaluation: Evaluation) -> None:
    assert evaluation.metrics["roc_auc"].mean > 0.65
    assert evaluation.metrics["brier"].mean < 0.25
    assert evaluation.calibration_slope > 0


def test_the_bins_and_subgroups_hold_every_test_prediction_once(evaluation: Evaluation, people: Cohort) -> None:
    predictions = SPLITS * evaluation.protocol.test_patients
    assert sum(one.patients for one in evaluation.calibration_bins) == predictions
    by_name = {one.name: one for one in evaluation.subgroups}
    middle = f"{np.median(people.column('age')):g}"
    halves = (("women", "men"), (f"aged under {middle}", f"aged {middle} or more"))
    assert set(by_name) == {name for half in halves for name in half}
    for half in halves:
        assert sum(by_name[name].patients for name in half) == len(people.outcome)
        assert sum(by_name[name].predictions for name in half) == predictions


def test_a_group_in_which_nobody_died_is_left_out_and_other_splits_differ(
    people: Cohort, evaluation: Evaluation
) -> None:
    outcome = np.where(people.column("sex") == 0, 0, people.outcome)
    other = evaluate(replace(people, outcome=outcome), "bedside", seed=1, splits=2, split_seed=SPLIT_SEED + 1)
    assert {one.name for one in other.subgroups} & {"women", "men"} == {"men"}
    assert other.protocol.seed == SPLIT_SEED + 1
    assert other.metrics != evaluation.metrics


def test_the_decision_curve_compares_with_the_comparator_and_with_treating_everyone(evaluation: Evaluation) -> None:
    assert [one.threshold for one in evaluation.decision_curve] == list(DECISION_THRESHOLDS)
    deaths = sum(one.deaths * one.patients for one in evaluation.calibration_bins)
    share = deaths / sum(one.patients for one in evaluation.calibration_bins)
    for one in evaluation.decision_curve:
        odds = one.threshold / (1 - one.threshold)
        assert one.treat_all == pytest.approx(share - (1 - share) * odds, abs=1e-4)
        assert max(one.model, one.comparator) <= share + 1e-6


def test_every_goal_is_compared_with_its_figure(evaluation: Evaluation) -> None:
    assert [goal.figure for goal in evaluation.goals] == list(GOALS["bedside"])
    figures = {name: spread.mean for name, spread in evaluation.metrics.items()}
    for goal in evaluation.goals:
        wanted = figures[goal.figure] if goal.figure in figures else getattr(evaluation, goal.figure)
        assert goal == GOALS["bedside"][goal.figure].judge(goal.figure, wanted)


def test_the_predictions_of_a_split_come_from_its_training_side_alone(people: Cohort, recipe: Recipe) -> None:
    sample, outcome = people.sample("bedside"), people.outcome.copy()
    train, test = np.split(np.arange(len(outcome)), [110])
    split = _judge(recipe, sample, train, test)
    features, fitted = sample.features, recipe.fit(sample.part(train))
    assert np.array_equal(split.test, test)
    assert np.array_equal(split.risk, fitted.risk(features[test]))
    assert np.array_equal(split.members, fitted.probabilities(features[test]))
    assert (split.threshold, split.columns) == (fitted.threshold, fitted.columns)

    outcome[test] = 1 - outcome[test]
    blind = _judge(recipe, replace(sample, outcome=outcome), train, test)
    assert np.array_equal(blind.risk, split.risk)
    assert np.array_equal(blind.comparator, split.comparator)

    unaffected = np.arange(len(outcome)) % 3 > 0
    metrics = _metrics(replace(people, unaffected=unaffected), split, split.risk)
    assert metrics.items() >= classification_metrics(people.outcome[test], split.risk, split.threshold).items()
    kept = unaffected[test]
    assert metrics["roc_auc_unaffected"] == roc_auc_score(people.outcome[test][kept], split.risk[kept])


def alarms(people: Cohort, splits: int) -> list[str]:
    evaluation = evaluate(people, "bedside", seed=1, splits=splits)
    return [goal.figure for goal in evaluation.goals if goal.alarm]


def test_a_variable_that_leaks_the_outcome_raises_an_alarm(people: Cohort) -> None:
    noise = np.random.default_rng(1).normal(0, 1, len(people.outcome))
    values = people.values.copy()
    # Sodium as a fill of the class's mean, with a little noise, as some rows of the published table have it.
    values[:, [*BY_NAME].index("serum_sodium")] = 137 - 3 * people.outcome + noise
    assert {"roc_auc", "brier", "mcc"} <= set(alarms(replace(people, values=values), 2))


@pytest.mark.data
def test_only_the_follow_up_time_as_a_variable_raises_an_alarm_on_the_published_data(
    published_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = Cohort.from_table(read_table(published_data))
    assert alarms(people, 8) == []
    monkeypatch.setitem(MODEL_VARIABLES, "bedside", MODEL_VARIABLES["followup"])
    assert "roc_auc" in alarms(people, 8)
