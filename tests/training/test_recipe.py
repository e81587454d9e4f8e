from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.inference.calibration import Calibration
from heartapp.training.cohort import Sample
from heartapp.training.members import make_member
from heartapp.training.recipe import (
    FOLDS,
    RANKING_FOLDS,
    FittedRecipe,
    Recipe,
    _simplest_good,
    fit_calibration,
    make_folds,
    rank_columns,
)
from tests.training.small import SMALL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from heartapp.training.cohort import Cohort

SEED = 519
NAMES = MODEL_VARIABLES["bedside"]


@pytest.fixture(scope="module")
def bedside(people: Cohort) -> FittedRecipe:
    """Fitted with all choices of the plan."""
    return Recipe(NAMES, SMALL["bedside"], SEED).fit(people.sample("bedside"))


@pytest.fixture(scope="module")
def features(people: Cohort) -> NDArray[np.float32]:
    return people.features("bedside")


def test_the_recipe_of_a_model_has_its_variables_and_seed() -> None:
    recipe = Recipe.of_model("followup", 7)
    assert (recipe.names, recipe.seed) == (MODEL_VARIABLES["followup"], 7)


def test_columns_and_settings_are_among_those_of_the_plan(bedside: FittedRecipe, followup: FittedRecipe) -> None:
    plan = SMALL["bedside"]
    assert len(bedside.columns) in {size or len(NAMES) for size in plan.sizes}
    assert list(bedside.columns) == sorted(set(bedside.columns))
    assert tuple(bedside.settings) == MEMBERS
    assert all(setting in plan.candidates[member] for member, setting in bedside.settings.items())
    assert followup.columns == tuple(range(len(MODEL_VARIABLES["followup"])))


def test_the_signal_is_found_and_what_is_not_used_changes_nothing(
    bedside: FittedRecipe, people: Cohort, features: NDArray[np.float32]
) -> None:
    assert {NAMES[column] for column in bedside.columns} >= {"age", "ejection_fraction"}
    assert roc_auc_score(people.outcome, bedside.risk(features)) > 0.75
    others = features.copy()
    others[:, [column for column in range(len(NAMES)) if column not in bedside.columns]] = np.nan
    assert np.array_equal(bedside.risk(others), bedside.risk(features))


def test_the_threshold_is_the_share_of_deaths_in_the_training_data(bedside: FittedRecipe, people: Cohort) -> None:
    assert bedside.base_rate == people.outcome.mean()
    assert bedside.threshold == round(bedside.base_rate, 2)


def test_the_risk_is_the_calibrated_median_of_the_members(bedside: FittedRecipe, features: NDArray[np.float32]) -> None:
    used = features[:, bedside.columns]
    members = np.column_stack([member.predict_proba(used)[:, 1].astype(np.float32) for member in bedside.members])
    assert np.array_equal(bedside.probabilities(features), members)
    assert np.array_equal(bedside.risk(features), bedside.calibration.transform(np.median(members, axis=1)))


def test_the_calibration_is_fitted_on_patients_that_the_members_had_not_seen(
    bedside: FittedRecipe, people: Cohort, features: NDArray[np.float32]
) -> None:
    median = np.empty(len(people.outcome), np.float32)
    used, names = features[:, bedside.columns], [NAMES[column] for column in bedside.columns]
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(features, people.outcome):
        members = [
            make_member(name, setting, names, SEED).fit(used[train], people.outcome[train])
            for name, setting in bedside.settings.items()
        ]
        probabilities = [member.predict_proba(used[test])[:, 1].astype(np.float32) for member in members]
        median[test] = np.median(probabilities, axis=0)
    assert bedside.calibration == fit_calibration(median, people.outcome)


@pytest.mark.parametrize("count", [FOLDS, RANKING_FOLDS])
def test_no_fold_separates_the_copies_of_a_patient_and_every_fold_has_deaths(count: int, people: Cohort) -> None:
    drawn = np.random.default_rng(1).integers(0, len(people.outcome), len(people.outcome))
    sample = people.sample("bedside").draw(drawn)
    held_out = []
    for train, test in make_folds(count, sample, SEED):
        assert set(drawn[train]).isdisjoint(drawn[test])
        assert {0, 1} == set(sample.outcome[test]) == set(sample.outcome[train])
        held_out += test.tolist()
    assert sorted(held_out) == list(range(len(drawn)))


def test_the_simplest_is_chosen_unless_another_is_better_by_more_than_chance() -> None:
    generator = np.random.default_rng(1)
    risk = generator.uniform(0.05, 0.95, 200)
    outcome = (generator.random(200) < risk).astype(np.int64)
    useless = np.full_like(risk, 0.5)
    noisy = np.clip(risk + generator.normal(0, 0.01, 200), 0, 1)
    assert _simplest_good([useless, risk], outcome) == 1
    assert _simplest_good([risk, useless], outcome) == 0
    assert _simplest_good([useless, noisy, risk], outcome) == 1
    assert _simplest_good([risk, risk], outcome) == 0


def test_columns_are_ranked_by_the_cost_of_shuffling_them() -> None:
    generator = np.random.default_rng(1)
    features = generator.random((200, 4)).astype(np.float32)
    outcome = ((features[:, 2] * 2 + features[:, 0] + generator.normal(0, 0.2, 200)) > 1.5).astype(np.int64)
    ranked = rank_columns(Sample(features, outcome), 1)
    assert (ranked[:2], sorted(ranked)) == ([2, 0], [0, 1, 2, 3])


def test_a_calibrated_risk_has_the_mean_and_slope_of_the_outcome() -> None:
    generator = np.random.default_rng(1)
    overconfident = generator.uniform(0.02, 0.98, 5_000)
    truth = Calibration(0.5, -0.7).transform(overconfident)
    outcome = (generator.random(5_000) < truth).astype(np.int64)
    fitted = fit_calibration(overconfident.astype(np.float32), outcome)
    assert (fitted.slope, fitted.intercept) == pytest.approx((0.5, -0.7), abs=0.1)
    assert fitted.transform(overconfident).mean() == pytest.approx(outcome.mean(), abs=1e-4)


def test_members_that_order_patients_the_wrong_way_round_give_everyone_the_base_rate() -> None:
    probability = np.linspace(0.05, 0.95, 200, dtype=np.float32)
    outcome = (probability < 0.3).astype(np.int64)
    calibration = fit_calibration(probability, outcome)
    assert calibration.slope > 0
    assert calibration.transform(probability) == pytest.approx(outcome.mean(), abs=0.002)
