from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS, read_bundle
from heartapp.inference.model import Model
from heartapp.inference.served import read_served
from heartapp.statistics.censoring import censoring_weights, kaplan_meier
from heartapp.training.cohort import Cohort, Sample
from heartapp.training.dating import fit_calibration, fit_curve
from heartapp.training.defaults import BEDSIDE_USES, SEED
from heartapp.training.members import PLANS
from heartapp.training.recipe import FOLDS, FittedRecipe, Recipe, make_folds, simplest_good
from tests.training.small import SMALLEST, lacking, small

NAMES = MODEL_VARIABLES["bedside"]


@pytest.fixture(scope="module")
def sample(people: Cohort) -> Sample:
    return people.sample("bedside")


@pytest.fixture(scope="module")
def held_out(bedside: FittedRecipe, recipe: Recipe, sample: Sample) -> NDArray[np.float32]:
    """The median of members that had not seen the patient."""
    median = np.empty(len(sample.outcome), np.float32)
    used = sample.features[:, bedside.columns]
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(used, sample.outcome):
        members = [
            recipe.plan.make_member(name, setting, BEDSIDE_USES, SEED).fit(used[train], sample.outcome[train])
            for name, setting in bedside.settings.items()
        ]
        probabilities = [member.predict_proba(used[test])[:, 1].astype(np.float32) for member in members]
        median[test] = np.median(probabilities, axis=0)
    return median


def test_the_recipe_of_a_model_has_the_variables_and_the_horizon_of_the_cohort(people: Cohort) -> None:
    part = replace(lacking(people, "platelets"), horizon=90)
    recipe = Recipe.of_cohort("bedside", 7, part)
    assert (recipe.names, recipe.plan) == (part.names("bedside"), PLANS["bedside"])
    assert "platelets" not in recipe.names
    assert (recipe.seed, recipe.horizon) == (7, 90)
    assert Recipe.of_cohort("followup", 7, part).horizon is None


def test_settings_are_among_those_of_the_plan(people: Cohort) -> None:
    plan = small(PLANS["followup"])
    fitted = Recipe(MODEL_VARIABLES["followup"], plan, SEED, None).fit(people.sample("followup"))
    assert tuple(fitted.settings) == MEMBERS
    assert all(setting in plan.candidates[member] for member, setting in fitted.settings.items())


def test_the_risk_is_the_calibrated_median_of_the_members_and_finds_the_signal(
    bedside: FittedRecipe, sample: Sample
) -> None:
    features = sample.features
    used = features[:, bedside.columns]
    members = np.column_stack([member.predict_proba(used)[:, 1].astype(np.float32) for member in bedside.members])
    assert np.array_equal(bedside.probabilities(features), members)
    assert np.array_equal(bedside.risk(features), bedside.calibration.transform(np.median(members, axis=1)))
    assert roc_auc_score(sample.outcome, bedside.risk(features)) > 0.75


def test_a_dated_risk_is_calibrated_to_death_within_the_horizon_on_patients_not_seen(
    bedside: FittedRecipe, sample: Sample, held_out: NDArray[np.float32]
) -> None:
    time, died = sample.time, sample.outcome
    assert time is not None
    assert bedside.horizon == 180
    dead, weight = censoring_weights(time, died, time, died, 180)
    assert bedside.calibration == fit_calibration(held_out, dead, weight, SMALLEST["bedside"].slope_sd)
    assert bedside.curve == fit_curve(bedside.calibration.transform(held_out), time, died, 180)
    assert bedside.base_rate == 1 - kaplan_meier(time, died, 180)
    assert bedside.threshold == round(bedside.base_rate, 2)


def test_without_follow_up_times_the_risk_is_of_the_outcome_and_has_no_curve(
    bedside: FittedRecipe, recipe: Recipe, sample: Sample, held_out: NDArray[np.float32]
) -> None:
    undated = replace(recipe, horizon=None).fit(replace(sample, time=None))
    assert (undated.horizon, undated.curve) == (None, None)
    assert undated.base_rate == sample.outcome.mean()
    assert undated.calibration == fit_calibration(held_out, sample.outcome, np.ones(len(held_out)), 0.2)
    assert np.array_equal(undated.probabilities(sample.features), bedside.probabilities(sample.features))


@pytest.mark.parametrize("shipped", [False, True], ids=["trained", "shipped"])
def test_the_risk_never_falls_with_age_or_creatinine(bedside: FittedRecipe, models: Path, *, shipped: bool) -> None:
    """Over the whole grid of what can be entered, missing values included."""
    model = Model(read_bundle(models, "bedside", read_served(models)["bedside"])) if shipped else bedside
    creatinine = [*(np.arange(1, 121) / 10).tolist(), 40, np.nan]
    axes: tuple[list[float], ...] = ([*range(18, 111)], [*range(5, 91), np.nan], creatinine)
    grid = np.full((*map(len, axes), len(NAMES)), np.nan, np.float32)
    for name, values in zip(BEDSIDE_USES, np.meshgrid(*axes, indexing="ij"), strict=True):
        grid[..., NAMES.index(name)] = values
    risk = np.asarray(model.risk(grid.reshape(-1, len(NAMES)))).reshape(grid.shape[:-1])
    assert np.diff(risk, axis=0).min() >= 0
    assert np.diff(risk[..., :-1], axis=2).min() >= 0


def test_no_fold_separates_the_copies_of_a_patient_and_every_fold_has_deaths(people: Cohort, sample: Sample) -> None:
    drawn = np.random.default_rng(1).integers(0, len(people.outcome), len(people.outcome))
    copies = sample.draw(drawn)
    held_out = []
    for train, test in make_folds(FOLDS, copies, SEED):
        assert set(drawn[train]).isdisjoint(drawn[test])
        assert {0, 1} == set(copies.outcome[test]) == set(copies.outcome[train])
        held_out += test.tolist()
    assert sorted(held_out) == list(range(len(drawn)))


def test_the_simplest_is_chosen_unless_another_is_better_by_more_than_chance() -> None:
    generator = np.random.default_rng(1)
    risk = generator.uniform(0.05, 0.95, 200)
    outcome = (generator.random(200) < risk).astype(np.int64)
    useless = np.full_like(risk, 0.5)
    noisy = np.clip(risk + generator.normal(0, 0.01, 200), 0, 1)
    assert simplest_good([useless, risk], outcome) == 1
    assert simplest_good([risk, useless], outcome) == 0
    assert simplest_good([useless, noisy, risk], outcome) == 1
    assert simplest_good([risk, risk], outcome) == 0
