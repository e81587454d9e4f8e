from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.training import description
from heartapp.training.export import TOLERANCE, answers, to_onnx
from heartapp.training.recipe import Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from heartapp.training.cohort import Cohort
    from heartapp.training.recipe import FittedRecipe

NAMES = MODEL_VARIABLES["followup"]


@pytest.fixture(scope="module")
def features(people: Cohort) -> NDArray[np.float32]:
    return people.features("followup")


def test_the_ranges_are_those_of_the_training_data(features: NDArray[np.float32]) -> None:
    for seen, name, column in zip(description.seen(NAMES, features), NAMES, features.T, strict=True):
        assert seen.name == name
        assert (seen.minimum, seen.maximum) == pytest.approx((np.nanmin(column), np.nanmax(column)), abs=5e-4)


def test_the_typical_patient_has_values_that_people_write(features: NDArray[np.float32]) -> None:
    typical = dict(zip(NAMES, description.typical(NAMES, features), strict=True))
    for name, column in zip(NAMES, features.T, strict=True):
        variable = BY_NAME[name]
        assert variable.allows(typical[name])
        steps = typical[name] / variable.step
        assert steps == pytest.approx(round(steps))
        if variable.kind == "number":
            assert abs(typical[name] - np.nanmedian(column)) <= variable.step / 2 + 1e-3
        else:
            assert np.mean(column == typical[name]) >= 0.5


def test_required_are_the_few_variables_in_use_or_those_that_no_patient_lacked(
    recipe: Recipe, people: Cohort, features: NDArray[np.float32]
) -> None:
    used = [recipe.names[column] for column in recipe.columns]
    assert description.required(recipe, people.features("bedside")) == used
    few = replace(recipe, names=used)
    assert description.required(few, np.full((1, len(used)), np.nan, np.float32)) == used
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
