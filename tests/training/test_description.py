from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.support import SMALLEST
from heartapp.training import description
from heartapp.training.cohort import Cohort
from heartapp.training.defaults import BEDSIDE_USES
from heartapp.training.description import AXES, MOST_FLAGGED, WINDOWS, make_support
from heartapp.training.evaluation import fit_comparator
from heartapp.training.export import TOLERANCE, answers, to_onnx
from heartapp.training.recipe import FittedRecipe, Recipe

NAMES = MODEL_VARIABLES["followup"]


@pytest.fixture(scope="module")
def features(people: Cohort) -> NDArray[np.float32]:
    return people.features("followup")


@pytest.fixture(scope="module")
def known(people: Cohort) -> NDArray[np.float64]:
    """The used values of the patients who have all of them, shape (n, 3)."""
    values = np.column_stack([people.column(name) for name in BEDSIDE_USES])
    return values[~np.isnan(values).any(axis=1)]


def test_ranges_and_the_typical_patient_are_those_of_the_training_data(features: NDArray[np.float32]) -> None:
    typical = description.typical(NAMES, features)
    for seen, value, name, column in zip(description.seen(NAMES, features), typical, NAMES, features.T, strict=True):
        assert seen.name == name
        assert (seen.minimum, seen.maximum) == pytest.approx((np.nanmin(column), np.nanmax(column)), abs=5e-4)
        variable = BY_NAME[name]
        assert variable.allows(value)
        assert value / variable.step == pytest.approx(round(value / variable.step))
        if variable.kind == "number":
            assert abs(value - np.nanmedian(column)) <= variable.step / 2 + 1e-3
        else:
            assert np.mean(column == value) >= 0.5


def test_required_are_the_few_variables_in_use_or_those_that_no_patient_lacked(
    recipe: Recipe, people: Cohort, features: NDArray[np.float32]
) -> None:
    assert description.required(recipe, people.features("bedside")) == [*BEDSIDE_USES]
    few = replace(recipe, names=BEDSIDE_USES)
    assert description.required(few, np.full((1, len(BEDSIDE_USES)), np.nan, np.float32)) == [*BEDSIDE_USES]
    complete = [name for name, column in zip(NAMES, features.T, strict=True) if not np.isnan(column).any()]
    assert description.required(Recipe.of_cohort("followup", 1, people), features) == complete
    assert len(complete) < len(NAMES)


def test_golden_rows_are_drawn_within_the_ranges_and_are_no_patients(
    followup: FittedRecipe, features: NDArray[np.float32]
) -> None:
    content = to_onnx(followup, len(NAMES))
    golden = description.golden(followup.calibration, content, NAMES, features)
    rows = np.array(golden.rows)
    assert rows.shape == (description.GOLDEN_ROWS, len(NAMES))
    assert np.all(rows >= np.nanmin(features, axis=0).round(1) - 0.1)
    assert np.all(rows <= np.nanmax(features, axis=0).round(1) + 0.1)
    assert {tuple(row) for row in golden.rows}.isdisjoint({tuple(row) for row in features.tolist()})
    for column, name in zip(rows.T, NAMES, strict=True):
        assert all(map(BY_NAME[name].allows, column.tolist()))
    probabilities = answers(content, rows.astype(np.float32))
    assert np.array(golden.probabilities, np.float32).tolist() == probabilities.tolist()
    assert golden.risks == followup.calibration.risk(probabilities).tolist()
    assert probabilities == pytest.approx(followup.probabilities(rows.astype(np.float32)), abs=TOLERANCE)
    assert description.golden(followup.calibration, content, NAMES, features[::-1]).rows == golden.rows


def near(point: NDArray[np.float64], patients: NDArray[np.float64]) -> int:
    """How many patients are within the windows around a point, counted one by one."""
    age, fraction, _ = np.abs(patients - point).T
    creatinine = np.maximum(patients[:, 2] / point[2], point[2] / patients[:, 2])
    return int(((age <= 10) & (fraction <= 5) & (creatinine <= 4 + 1e-9)).sum())


def test_the_count_at_a_grid_point_is_that_of_the_patients_within_the_windows(
    people: Cohort, known: NDArray[np.float64]
) -> None:
    support = make_support(BEDSIDE_USES, np.column_stack([people.column(name) for name in BEDSIDE_USES]))
    generator = np.random.default_rng(1)
    for _ in range(200):
        point = np.array([generator.choice(AXES[name]) for name in BEDSIDE_USES])
        count = near(point, known)
        kept = 0 if count < min(SMALLEST, support.least) else min(count, support.least)
        assert support.near(point.tolist()) == kept


def test_the_axes_lie_within_the_limits_and_closer_than_the_windows() -> None:
    for name, axis in AXES.items():
        assert all(map(BY_NAME[name].allows, axis))
        scale = np.log if BY_NAME[name].logarithmic else np.asarray
        assert np.diff(scale(axis)).max() <= scale(WINDOWS[name]) / 3


def test_the_limit_is_the_largest_that_flags_at_most_5_percent_of_the_patients(known: NDArray[np.float64]) -> None:
    axes = [np.array(AXES[name]) for name in BEDSIDE_USES]
    cells = [axis[np.abs(axis[:, None] - column).argmin(axis=0)] for axis, column in zip(axes, known.T, strict=True)]
    others = [near(cell, np.delete(known, row, axis=0)) for row, cell in enumerate(np.column_stack(cells))]
    least = make_support(BEDSIDE_USES, known).least
    assert np.mean(np.array(others) < least) <= MOST_FLAGGED < np.mean(np.array(others) <= least)


def test_the_served_regression_is_the_one_that_the_evaluation_compares_with(table: Cohort) -> None:
    sample = table.sample("bedside")
    recipe = Recipe.of_cohort("bedside", 1, table)
    model, calibration = fit_comparator(recipe, sample)
    served = description.regression(recipe, sample)
    expected = calibration.transform(model.predict_proba(sample.features)[:, 1])
    risks = [served.risk(dict(zip(recipe.names, row, strict=True))) for row in sample.features.astype(float).tolist()]
    assert np.abs(np.array(risks) - expected).max() < 1e-6
