from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.refits import RefitTable
from heartapp.training.data import read_table
from heartapp.training.defaults import SEED
from heartapp.training.recipe import Recipe
from heartapp.training.refitting import AXES, grid_rows, make_table, refit

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from heartapp.training.cohort import Cohort

NAMES = MODEL_VARIABLES["bedside"]
REFITS = 3


@pytest.fixture(scope="module")
def made_up(recipe: Recipe) -> NDArray[np.float32]:
    """Patients anywhere within the limits, mostly where patients are, with numbers as people write them."""
    generator = np.random.default_rng(3)
    rows = np.full((2_000, len(NAMES)), np.nan, np.float32)
    drawn = [
        np.where(generator.random(2_000) < 0.9, generator.integers(40, 96, 2_000), generator.integers(18, 111, 2_000)),
        np.where(generator.random(2_000) < 0.9, generator.integers(10, 81, 2_000), generator.integers(5, 91, 2_000)),
        np.minimum(np.exp(generator.normal(0.2, 0.5, 2_000)), 40).round(1).clip(0.1),
    ]
    rows[:, recipe.columns] = np.column_stack(drawn)
    return rows


@pytest.fixture(scope="module")
def risks(recipe: Recipe, people: Cohort, made_up: NDArray[np.float32]) -> NDArray[np.float32]:
    """The refits' risks of the grid, of the patients and of the made-up patients."""
    sample = people.sample("bedside")
    return refit(recipe, sample, np.vstack([grid_rows(recipe), sample.features, made_up]), refits=REFITS)


def test_each_refit_is_the_whole_recipe_on_a_bootstrap_sample(
    risks: NDArray[np.float32], recipe: Recipe, people: Cohort
) -> None:
    sample, points = people.sample("bedside"), len(grid_rows(recipe))
    drawn = np.random.default_rng(recipe.seed).integers(0, len(people.outcome), len(people.outcome))
    fitted = recipe.fit(sample.draw(drawn))
    assert np.array_equal(risks[0, points : points + len(drawn)], fitted.risk(sample.features).astype(np.float32))
    assert len({one.tobytes() for one in risks}) == REFITS
    assert np.array_equal(refit(recipe, sample, sample.features, refits=1), risks[:1, points : points + len(drawn)])


def test_the_grid_has_the_values_that_people_write(recipe: Recipe) -> None:
    rows = grid_rows(recipe)
    usual = {"age": range(40, 96), "ejection_fraction": range(11, 81), "serum_creatinine": np.arange(5, 41) / 10}
    for column, (name, axis) in zip(recipe.columns, AXES.items(), strict=True):
        assert all(BY_NAME[name].allows(value) for value in axis)
        assert np.array_equal(np.unique(rows[:, column]), axis.astype(np.float32))
        assert set(usual[name]) <= set(axis.tolist())
    unused = [column for column in range(len(NAMES)) if column not in recipe.columns]
    assert np.isnan(rows[:, unused]).all()


def test_the_table_gives_a_grid_point_its_own_risks(recipe: Recipe, risks: NDArray[np.float32]) -> None:
    rows = grid_rows(recipe)
    table = make_table(recipe, risks[:, : len(rows)])
    for point in np.random.default_rng(1).integers(0, len(rows), 50).tolist():
        found = table.risks_of(rows[point, recipe.columns].tolist())
        assert found == pytest.approx(risks[:, point], abs=0.5 / 255 + 1e-6)


def move_of_bounds(recipe: Recipe, risks: NDArray[np.float32], rows: NDArray[np.float32]) -> float:
    """The largest difference between a bound from the table and from the refits; the first risks are of the grid."""
    points = len(grid_rows(recipe))
    table = RefitTable.from_bytes(make_table(recipe, risks[:, :points]).to_bytes())
    known = ~np.isnan(rows[:, recipe.columns]).any(axis=1)
    near = np.array([table.risks_of(row) for row in rows[known][:, recipe.columns].tolist()]).T
    bounds = [np.percentile(one, [2.5, 97.5], axis=0) for one in (near, risks[:, points:][:, known])]
    return float(np.abs(bounds[0] - bounds[1]).max())


def test_no_bound_from_the_table_is_a_point_off_that_from_the_trees(
    recipe: Recipe, people: Cohort, risks: NDArray[np.float32], made_up: NDArray[np.float32]
) -> None:
    features = people.features("bedside")
    # Creatinine as people write it: the generated patients have two decimals.
    written = features.copy()
    creatinine = NAMES.index("serum_creatinine")
    written[:, creatinine] = written[:, creatinine].round(1)
    refits = refit(recipe, people.sample("bedside"), np.vstack([grid_rows(recipe), written]), refits=REFITS)
    assert move_of_bounds(recipe, refits, written) < 0.01
    made_up_risks = np.delete(risks, np.s_[len(grid_rows(recipe)) : -len(made_up)], axis=1)
    assert move_of_bounds(recipe, made_up_risks, made_up) < 0.01


@pytest.mark.data
def test_no_bound_on_the_published_data_is_a_point_off(published_data: Path, made_up: NDArray[np.float32]) -> None:
    published = read_table(published_data).without_fills()
    recipe, sample = Recipe.of_cohort("bedside", SEED, published), published.sample("bedside")
    rows = np.vstack([sample.features, made_up])
    refits = refit(recipe, sample, np.vstack([grid_rows(recipe), rows]), refits=REFITS)
    assert move_of_bounds(recipe, refits, rows) < 0.01
