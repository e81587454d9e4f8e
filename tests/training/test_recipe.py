from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.inference.calibration import Calibration
from heartapp.training.data import Table, read_table
from heartapp.training.members import CANDIDATES
from heartapp.training.recipe import FOLDS, FittedRecipe, fit_calibration, fit_recipe, positive

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SEED = 519
NAMES = MODEL_VARIABLES["bedside"]


@pytest.fixture(scope="module")
def table(cohort: Path) -> Table:
    return read_table(cohort)


@pytest.fixture(scope="module")
def features(table: Table) -> NDArray[np.float32]:
    return table.features(NAMES)


@pytest.fixture(scope="module")
def fitted(table: Table, features: NDArray[np.float32]) -> FittedRecipe:
    return fit_recipe(features, table.outcome, SEED)


def test_each_member_is_fitted_with_one_of_its_candidates(fitted: FittedRecipe) -> None:
    assert tuple(fitted.settings) == MEMBERS
    assert all(setting in CANDIDATES[name] for name, setting in fitted.settings.items())


def test_the_threshold_is_the_share_of_deaths_in_the_training_data(fitted: FittedRecipe, table: Table) -> None:
    assert fitted.base_rate == table.outcome.mean()
    assert fitted.threshold == round(fitted.base_rate, 2)


def test_the_risk_is_the_calibrated_median_of_the_members(fitted: FittedRecipe, features: NDArray[np.float32]) -> None:
    members = np.column_stack([positive(member, features) for member in fitted.members])
    assert np.array_equal(fitted.probabilities(features), members)
    assert np.array_equal(fitted.risk(features), fitted.calibration.transform(np.median(members, axis=1)))


def test_a_member_s_probability_is_of_death_and_in_single_precision(
    fitted: FittedRecipe, features: NDArray[np.float32]
) -> None:
    for member in fitted.members:
        died = positive(member, features)
        assert died.dtype == np.float32
        assert np.allclose(died, member.predict_proba(features)[:, 1], atol=1e-7)


def test_the_recipe_finds_the_signal(fitted: FittedRecipe, table: Table, features: NDArray[np.float32]) -> None:
    assert roc_auc_score(table.outcome, fitted.risk(features)) > 0.75


def test_the_same_data_and_seed_give_the_same_answers(
    fitted: FittedRecipe, table: Table, features: NDArray[np.float32]
) -> None:
    again = fit_recipe(features, table.outcome, SEED)
    assert np.array_equal(again.probabilities(features), fitted.probabilities(features))
    assert (again.calibration, again.settings) == (fitted.calibration, fitted.settings)


def test_the_calibration_is_fitted_on_patients_that_the_members_had_not_seen(
    fitted: FittedRecipe, table: Table, features: NDArray[np.float32]
) -> None:
    median = np.empty(len(table.outcome), np.float32)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    for train, test in folds.split(features, table.outcome):
        # The settings were chosen on these folds; fitting anew on each training side leaves the test side unseen.
        members = [
            type(member)(**member.get_params()).fit(features[train], table.outcome[train])  # type: ignore[attr-defined]
            for member in fitted.members
        ]
        median[test] = np.median([positive(member, features[test]) for member in members], axis=0)
    assert fitted.calibration == fit_calibration(median, table.outcome)


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
