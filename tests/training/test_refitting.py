from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.refits import RefitTable
from heartapp.training.data import read_table
from heartapp.training.defaults import SEED
from heartapp.training.recipe import Recipe
from heartapp.training.refitting import MOST_POINTS, make_axes, make_table, refit, rows_over

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from heartapp.training.cohort import Cohort, Sample

NAMES = MODEL_VARIABLES["bedside"]
REFITS = 3
HALF_STEP = 0.5 / 255 + 1e-6


@pytest.fixture(scope="module")
def made_up(recipe: Recipe) -> NDArray[np.float32]:
    """Patients anywhere within the limits, with whole numbers, tenths, and creatinine that was in µmol/L."""
    generator = np.random.default_rng(3)
    count = 3_000
    age, fraction = generator.uniform(18, 110, count), generator.uniform(5, 90, count)
    creatinine = np.exp(generator.normal(0.3, 0.6, count)).clip(0.1, 40)
    age[:1_000], fraction[:1_000], creatinine[:1_000] = (one[:1_000].round() for one in (age, fraction, creatinine))
    creatinine[1_000:2_000] = generator.integers(40, 600, 1_000) / 88.42
    rows = np.full((count, len(NAMES)), np.nan, np.float32)
    rows[:, recipe.columns] = np.column_stack([age, fraction, creatinine])
    return rows


def grid_rows(recipe: Recipe, sample: Sample) -> NDArray[np.float32]:
    return rows_over([*make_axes(recipe, sample).values()], recipe.columns, len(NAMES))


def error_of_table(recipe: Recipe, sample: Sample, rows: NDArray[np.float32]) -> float:
    """The largest difference between a refit's risk from the table and from its members."""
    grid = grid_rows(recipe, sample)
    risks = refit(recipe, sample, np.vstack([grid, rows]), refits=REFITS)
    table = RefitTable.from_bytes(make_table(make_axes(recipe, sample), risks[:, : len(grid)]).to_bytes())
    found = np.array([table.risks_of(row) for row in rows[:, recipe.columns].tolist()]).T
    return float(np.abs(found - risks[:, len(grid) :]).max())


def test_each_refit_is_the_whole_recipe_on_a_bootstrap_sample(recipe: Recipe, people: Cohort) -> None:
    sample = people.sample("bedside")
    risks = refit(recipe, sample, sample.features, refits=REFITS)
    drawn = np.random.default_rng(recipe.seed).integers(0, len(people.outcome), len(people.outcome))
    assert np.array_equal(risks[0], recipe.fit(sample.draw(drawn)).risk(sample.features).astype(np.float32))
    assert len({one.tobytes() for one in risks}) == REFITS
    assert np.array_equal(refit(recipe, sample, sample.features, refits=1), risks[:1])


def test_the_grid_has_the_values_of_the_data_and_what_noise_makes_of_them(recipe: Recipe, people: Cohort) -> None:
    sample = people.sample("bedside")
    axes = make_axes(recipe, sample)
    assert [*axes] == ["age", "ejection_fraction", "serum_creatinine"]
    assert set(axes["age"].tolist()) == set(people.column("age").tolist())
    fractions = people.column("ejection_fraction")
    assert {*fractions.tolist(), fractions.min() - 2, fractions.max() + 2} <= set(axes["ejection_fraction"].tolist())
    assert len(axes["serum_creatinine"]) == MOST_POINTS  # fewer than the cohort has: its creatinine has two decimals
    assert set(axes["serum_creatinine"]) <= set(sample.features[:, recipe.columns[2]].astype(np.float64).tolist())
    unused = [column for column in range(len(NAMES)) if column not in recipe.columns]
    assert np.isnan(grid_rows(recipe, sample)[:, unused]).all()


def test_the_table_has_the_risks_of_the_members_for_every_patient(
    recipe: Recipe, people: Cohort, made_up: NDArray[np.float32]
) -> None:
    values = people.values.copy()
    column = [*BY_NAME].index("serum_creatinine")
    values[:, column] = values[:, column].round(1)  # few enough values for the grid
    sample = replace(people, values=values).sample("bedside")
    assert error_of_table(recipe, sample, made_up) <= HALF_STEP


@pytest.mark.data
def test_the_table_of_the_published_data_has_them_too(published_data: Path, made_up: NDArray[np.float32]) -> None:
    published = read_table(published_data).without_fills()
    recipe, sample = Recipe.of_cohort("bedside", SEED, published), published.sample("bedside")
    assert error_of_table(recipe, sample, made_up) <= HALF_STEP
