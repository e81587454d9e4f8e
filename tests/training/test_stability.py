from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.refits import RefitTable
from heartapp.training.cohort import Cohort
from heartapp.training.goals import INSTABILITY_GOALS, LEAST, SHAPE_GOALS
from heartapp.training.recipe import FittedRecipe, Recipe
from heartapp.training.stability import (
    GROUPS,
    MOST_POINTS,
    make_axes,
    make_table,
    measure_shape,
    refit,
    report_instability,
    rows_over,
)

NAMES = MODEL_VARIABLES["bedside"]
REFITS = 3
HALF_STEP = 0.5 / 255 + 1e-6
AGE, CREATININE = NAMES.index("age"), NAMES.index("serum_creatinine")


class Stub:
    """A model of age and creatinine whose steps are known."""

    columns = (AGE, CREATININE)

    def __init__(self, fall: float) -> None:
        self.fall = fall

    def risk(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """A jump of 0.25 at creatinine 1.9, and a fall at age 80."""
        return 0.5 + 0.25 * (features[:, CREATININE] > 1.85) - self.fall * (features[:, AGE] >= 80)


@pytest.mark.parametrize("fall", [0.0, 0.125])
def test_the_largest_step_and_the_largest_fall_are_found(people: Cohort, fall: float) -> None:
    shape = measure_shape(cast("FittedRecipe", Stub(fall)), NAMES, people.features("bedside"), LEAST)
    assert (shape.largest_step, shape.largest_fall) == (0.25, fall)
    assert [goal.figure for goal in shape.goals] == list(SHAPE_GOALS)
    assert [goal.reached for goal in shape.goals] == ["missed", "missed" if fall else "goal"]


def test_the_trained_risk_never_falls_and_few_splits_judge_no_goal(bedside: FittedRecipe, people: Cohort) -> None:
    shape = measure_shape(bedside, NAMES, people.features("bedside"), LEAST - 1)
    assert shape.largest_fall == 0
    assert 0 < shape.largest_step < 1
    assert shape.goals == []


def test_the_instability_is_that_of_the_refits_risks() -> None:
    generator = np.random.default_rng(1)
    served = generator.uniform(0.2, 0.8, 100)
    refits = served + generator.normal(0, 0.05, (LEAST, 100))
    report = report_instability(refits, served, LEAST)
    low, high = np.percentile(refits, [2.5, 97.5], axis=0)
    assert report.refits == LEAST
    assert report.mean_absolute_change.value == pytest.approx(np.abs(refits - served).mean(), abs=1e-6)
    assert report.median_width.value == pytest.approx(np.median(high - low), abs=1e-6)
    for figure in (report.mean_absolute_change, report.median_width):
        assert figure.low < figure.value < figure.high
    values = {name: getattr(report, name).value for name in INSTABILITY_GOALS}
    assert {goal.figure: goal.value for goal in report.goals} == values
    middles = [middle for middle, _, _ in report.ranges]
    assert (len(middles), sorted(middles)) == (GROUPS, middles)
    assert middles[0] == pytest.approx(np.sort(served)[: len(served) // GROUPS].mean(), abs=1e-6)


@pytest.mark.parametrize(("refits", "splits"), [(LEAST - 1, LEAST), (LEAST, LEAST - 1)])
def test_few_refits_or_splits_judge_no_goal_and_equal_refits_have_no_instability(refits: int, splits: int) -> None:
    served = np.linspace(0.1, 0.9, 50)
    report = report_instability(np.tile(served, (refits, 1)), served, splits)
    assert report.goals == []
    assert (report.mean_absolute_change.value, report.median_width.value) == (0, 0)


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
    assert np.isnan(rows_over([*axes.values()], recipe.columns, len(NAMES))[:, unused]).all()


def test_the_table_has_the_risks_of_the_members_for_every_patient(
    recipe: Recipe, people: Cohort, made_up: NDArray[np.float32]
) -> None:
    values = people.values.copy()
    column = [*BY_NAME].index("serum_creatinine")
    values[:, column] = values[:, column].round(1)  # few enough values for the grid
    sample = replace(people, values=values).sample("bedside")
    axes = make_axes(recipe, sample)
    grid = rows_over([*axes.values()], recipe.columns, len(NAMES))
    risks = refit(recipe, sample, np.vstack([grid, made_up]), refits=REFITS)
    table = RefitTable.from_bytes(make_table(axes, risks[:, : len(grid)]).to_bytes())
    found = np.array([table.risks_of(row) for row in made_up[:, recipe.columns].tolist()]).T
    assert np.abs(found - risks[:, len(grid) :]).max() <= HALF_STEP
