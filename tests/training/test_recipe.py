from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.inference.calibration import Calibration
from heartapp.training.members import PLANS, make_member
from heartapp.training.recipe import (
    FOLDS,
    RANKING_FOLDS,
    FittedRecipe,
    _folds,
    _rank,
    _simplest_good,
    fit_calibration,
    fit_recipe,
    positive,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from heartapp.training.cohort import Cohort

SEED = 519
NAMES = MODEL_VARIABLES["bedside"]


@pytest.fixture(scope="module")
def features(people: Cohort) -> NDArray[np.float32]:
    return people.features("bedside")


def test_each_member_is_fitted_with_one_of_its_candidates(bedside: FittedRecipe, followup: FittedRecipe) -> None:
    for name, fitted in (("bedside", bedside), ("followup", followup)):
        assert tuple(fitted.settings) == MEMBERS
        assert all(setting in PLANS[name].candidates[member] for member, setting in fitted.settings.items())


def test_the_columns_are_of_a_size_that_the_plan_tries(bedside: FittedRecipe, followup: FittedRecipe) -> None:
    assert len(bedside.columns) in {size or len(NAMES) for size in PLANS["bedside"].sizes}
    assert followup.columns == tuple(range(len(MODEL_VARIABLES["followup"])))
    assert list(bedside.columns) == sorted(set(bedside.columns))


def test_the_variables_that_tell_the_outcome_are_chosen(bedside: FittedRecipe) -> None:
    """The generated patients die of age, a weak heart and creatinine."""
    assert {NAMES[column] for column in bedside.columns} >= {"age", "ejection_fraction"}


def test_what_is_not_used_changes_nothing(bedside: FittedRecipe, features: NDArray[np.float32]) -> None:
    others = features.copy()
    others[:, [column for column in range(len(NAMES)) if column not in bedside.columns]] = np.nan
    assert np.array_equal(bedside.risk(others), bedside.risk(features))


def test_the_threshold_is_the_share_of_deaths_in_the_training_data(bedside: FittedRecipe, people: Cohort) -> None:
    assert bedside.base_rate == people.outcome.mean()
    assert bedside.threshold == round(bedside.base_rate, 2)


def test_the_risk_is_the_calibrated_median_of_the_members(bedside: FittedRecipe, features: NDArray[np.float32]) -> None:
    used = features[:, bedside.columns]
    members = np.column_stack([positive(member, used) for member in bedside.members])
    assert np.array_equal(bedside.probabilities(features), members)
    assert np.array_equal(bedside.risk(features), bedside.calibration.transform(np.median(members, axis=1)))


def test_a_member_s_probability_is_of_death_and_in_single_precision(
    bedside: FittedRecipe, features: NDArray[np.float32]
) -> None:
    used = features[:, bedside.columns]
    for member in bedside.members:
        died = positive(member, used)
        assert died.dtype == np.float32
        assert np.allclose(died, member.predict_proba(used)[:, 1], atol=1e-7)


def test_the_recipe_finds_the_signal(bedside: FittedRecipe, people: Cohort, features: NDArray[np.float32]) -> None:
    assert roc_auc_score(people.outcome, bedside.risk(features)) > 0.75


def test_the_same_data_and_seed_give_the_same_answers(
    bedside: FittedRecipe, people: Cohort, features: NDArray[np.float32]
) -> None:
    again = fit_recipe(features, people.outcome, NAMES, PLANS["bedside"], SEED)
    assert np.array_equal(again.probabilities(features), bedside.probabilities(features))
    assert (again.calibration, again.settings, again.columns) == (
        bedside.calibration,
        bedside.settings,
        bedside.columns,
    )


def test_the_calibration_is_fitted_on_patients_that_the_members_had_not_seen(
    bedside: FittedRecipe, people: Cohort, features: NDArray[np.float32]
) -> None:
    median = np.empty(len(people.outcome), np.float32)
    used = features[:, bedside.columns]
    variables = [NAMES[column] for column in bedside.columns]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    for train, test in folds.split(features, people.outcome):
        # The settings were chosen on these folds; fitting anew on each training side leaves the test side unseen.
        members = [
            make_member(name, setting, variables, SEED).fit(used[train], people.outcome[train])
            for name, setting in bedside.settings.items()
        ]
        median[test] = np.median([positive(member, used[test]) for member in members], axis=0)
    assert bedside.calibration == fit_calibration(median, people.outcome)


@pytest.mark.parametrize("count", [FOLDS, RANKING_FOLDS])
def test_no_fold_parts_the_copies_of_a_patient_and_every_one_holds_deaths(count: int, people: Cohort) -> None:
    sample = np.random.default_rng(1).integers(0, len(people.outcome), len(people.outcome))
    outcome = people.outcome[sample]
    held_out = []
    for train, test in _folds(count, outcome, sample, SEED):
        assert set(sample[train]).isdisjoint(sample[test])
        assert {0, 1} == set(outcome[test]) == set(outcome[train])
        held_out += test.tolist()
    assert sorted(held_out) == list(range(len(outcome)))


def test_the_simplest_is_taken_unless_another_is_better_by_more_than_chance() -> None:
    generator = np.random.default_rng(1)
    risk = generator.uniform(0.05, 0.95, 200)
    outcome = (generator.random(200) < risk).astype(np.int64)
    useless = np.full_like(risk, 0.5)
    noisy = np.clip(risk + generator.normal(0, 0.01, 200), 0, 1)
    assert _simplest_good([useless, risk], outcome) == 1
    assert _simplest_good([risk, useless], outcome) == 0
    assert _simplest_good([useless, noisy, risk], outcome) == 1
    assert _simplest_good([risk, risk], outcome) == 0


def test_columns_are_ranked_by_what_shuffling_them_costs() -> None:
    generator = np.random.default_rng(1)
    features = generator.random((200, 4)).astype(np.float32)
    outcome = ((features[:, 2] * 2 + features[:, 0] + generator.normal(0, 0.2, 200)) > 1.5).astype(np.int64)
    assert _rank(features, outcome, None, 1)[:2] == [2, 0]
    assert sorted(_rank(features, outcome, None, 1)) == [0, 1, 2, 3]


def test_a_calibrated_risk_has_the_mean_and_slope_of_the_outcome() -> None:
    generator = np.random.default_rng(1)
    overconfident = generator.uniform(0.02, 0.98, 5_000)
    truth = Calibration(0.5, -0.7).transform(overconfident)
    outcome = (generator.random(5_000) < truth).astype(np.int64)
    fitted = fit_calibration(overconfident.astype(np.float32), outcome)
    assert fitted.slope == pytest.approx(0.5, abs=0.06)
    assert fitted.intercept == pytest.approx(-0.7, abs=0.1)
    assert fitted.transform(overconfident).mean() == pytest.approx(outcome.mean(), abs=1e-4)


def test_members_that_order_patients_the_wrong_way_round_give_everyone_the_base_rate() -> None:
    probability = np.linspace(0.05, 0.95, 200, dtype=np.float32)
    outcome = (probability < 0.3).astype(np.int64)
    calibration = fit_calibration(probability, outcome)
    assert calibration.slope > 0
    assert calibration.transform(probability) == pytest.approx(outcome.mean(), abs=0.002)
