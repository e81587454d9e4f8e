from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.training.cohort import Cohort
from heartapp.training.comparators import COMPARATORS
from heartapp.training.data import read_table
from heartapp.training.defaults import SPLIT_SEED
from heartapp.training.evaluation import DECISION_THRESHOLDS, _judge, _metrics, evaluate
from heartapp.training.goals import GOALS
from heartapp.training.members import PLANS
from heartapp.training.metrics import classification_metrics
from heartapp.training.recipe import fit_recipe

if TYPE_CHECKING:
    from pathlib import Path

    from heartapp.inference.report import Evaluation

NAMES = MODEL_VARIABLES["bedside"]
PLAN = PLANS["bedside"]
SPLITS = 3
OF_A_CLASS = ["roc_auc", "pr_auc", "brier", "mcc", "sensitivity", "specificity"]
METRICS = [*OF_A_CLASS, "roc_auc_unaffected", "net_benefit_20", "net_benefit_30"]


def test_the_evaluation_tells_its_protocol(evaluation: Evaluation, people: Cohort) -> None:
    protocol = evaluation.protocol
    assert (protocol.splitter, protocol.splits, protocol.seed) == ("StratifiedShuffleSplit", SPLITS, SPLIT_SEED)
    assert 0 < protocol.test_patients < len(people.outcome) / 2


def test_the_model_its_members_and_the_comparators_are_judged_on_the_same_splits(evaluation: Evaluation) -> None:
    assert list(evaluation.members) == list(MEMBERS)
    assert list(evaluation.comparators) == list(COMPARATORS)
    assert list(evaluation.metrics) == METRICS
    assert all(list(metrics) == METRICS for metrics in evaluation.comparators.values())
    assert all(list(metrics) == OF_A_CLASS for metrics in evaluation.members.values())
    for metrics in (evaluation.metrics, *evaluation.members.values(), *evaluation.comparators.values()):
        assert all(spread.low <= spread.mean <= spread.high for spread in metrics.values())


def test_a_signal_in_the_cohort_shows_in_the_figures(evaluation: Evaluation) -> None:
    assert evaluation.metrics["roc_auc"].mean > 0.65
    assert evaluation.metrics["brier"].mean < 0.25
    assert evaluation.calibration_slope > 0


def test_the_bins_and_subgroups_hold_every_test_prediction_once(evaluation: Evaluation, people: Cohort) -> None:
    predictions = SPLITS * evaluation.protocol.test_patients
    bins = evaluation.calibration_bins
    assert sum(one.patients for one in bins) == predictions
    assert [one.risk for one in bins] == sorted(one.risk for one in bins)
    by_name = {one.name: one for one in evaluation.subgroups}
    middle = f"{np.median(people.column('age')):g}"
    halves = (("women", "men"), (f"aged under {middle}", f"aged {middle} or more"))
    assert set(by_name) == {name for half in halves for name in half}
    for half in halves:
        assert sum(by_name[name].patients for name in half) == len(people.outcome)
        assert sum(by_name[name].predictions for name in half) == predictions
    assert sum(evaluation.chosen.values()) == SPLITS


def test_a_group_in_which_nobody_died_is_left_out(people: Cohort) -> None:
    outcome = people.outcome.copy()
    women = people.column("sex") == 0
    outcome[women] = 0
    plan = replace(PLANS["followup"], candidates={name: one[:1] for name, one in PLANS["followup"].candidates.items()})
    told = evaluate(replace(people, outcome=outcome), "followup", plan, seed=1, splits=2)
    assert "women" not in {one.name for one in told.subgroups}
    assert "men" in {one.name for one in told.subgroups}


def test_the_decision_curve_stands_beside_the_comparator_and_treating_everyone(evaluation: Evaluation) -> None:
    assert [one.threshold for one in evaluation.decision_curve] == list(DECISION_THRESHOLDS)
    deaths = sum(one.deaths * one.patients for one in evaluation.calibration_bins)
    share = deaths / sum(one.patients for one in evaluation.calibration_bins)
    for one in evaluation.decision_curve:
        odds = one.threshold / (1 - one.threshold)
        assert one.treat_all == pytest.approx(share - (1 - share) * odds, abs=1e-4)
        assert max(one.model, one.comparator) <= share + 1e-6


def test_every_goal_is_held_against_its_figure(evaluation: Evaluation) -> None:
    assert [goal.figure for goal in evaluation.goals] == list(GOALS["bedside"])
    figures = {name: spread.mean for name, spread in evaluation.metrics.items()}
    for goal in evaluation.goals:
        wanted = figures[goal.figure] if goal.figure in figures else getattr(evaluation, goal.figure)
        assert goal == GOALS["bedside"][goal.figure].judge(goal.figure, wanted)


def test_one_split_is_judged_by_a_recipe_that_saw_its_training_side_alone(people: Cohort) -> None:
    features = people.features("bedside")
    train, test = np.arange(110), np.arange(110, 150)
    outcome = people.outcome.copy()
    split = _judge(features, outcome, NAMES, PLAN, train, test, 1)
    fitted = fit_recipe(features[train], outcome[train], NAMES, PLAN, 1)
    assert np.array_equal(split.test, test)
    assert np.array_equal(split.risk, fitted.risk(features[test]))
    assert np.array_equal(split.members, fitted.probabilities(features[test]))
    assert (split.threshold, split.columns) == (fitted.threshold, fitted.columns)

    outcome[test] = 1 - outcome[test]
    blind = _judge(features, outcome, NAMES, PLAN, train, test, 1)
    assert np.array_equal(blind.risk, split.risk)
    assert all(np.array_equal(blind.comparators[name], split.comparators[name]) for name in COMPARATORS)

    rows = np.arange(len(outcome)) % 3 > 0
    judged = _metrics(replace(people, unaffected=rows), split, split.risk)
    assert judged.items() >= classification_metrics(people.outcome[test], split.risk, split.threshold).items()
    kept = test[rows[test]]
    assert judged["roc_auc_unaffected"] == roc_auc_score(people.outcome[kept], split.risk[rows[test]])


def test_other_splits_give_other_figures(people: Cohort, evaluation: Evaluation) -> None:
    plan = replace(PLAN, sizes=(3,))
    other = evaluate(people, "bedside", plan, seed=1, splits=2, split_seed=SPLIT_SEED + 1)
    assert other.protocol.seed == SPLIT_SEED + 1
    assert other.metrics != evaluation.metrics


def alarms(people: Cohort, splits: int) -> list[str]:
    """What rings when the bedside model is judged; one size and setting are enough to tell."""
    plan = replace(PLAN, sizes=(3,), candidates={name: settings[:1] for name, settings in PLAN.candidates.items()})
    told = evaluate(people, "bedside", plan, seed=1, splits=splits)
    return [goal.figure for goal in told.goals if goal.alarm]


def test_a_column_that_gives_the_outcome_away_rings_the_alarm(people: Cohort) -> None:
    values = people.values.copy()
    generator = np.random.default_rng(1)
    # Sodium as a fill of the class's mean, with a little noise: what the published table has in some rows.
    values[:, Cohort.names("followup").index("serum_sodium")] = 137 - 3 * people.outcome + generator.normal(0, 1, 150)
    assert {"roc_auc", "brier", "mcc"} <= set(alarms(replace(people, values=values), 2))


@pytest.mark.data
def test_the_follow_up_time_fed_in_as_a_variable_rings_the_alarm_and_without_it_none_rings(
    published_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = Cohort.from_table(read_table(published_data))
    assert alarms(people, 8) == []
    monkeypatch.setitem(MODEL_VARIABLES, "bedside", MODEL_VARIABLES["followup"])
    assert "roc_auc" in alarms(people, 8)
