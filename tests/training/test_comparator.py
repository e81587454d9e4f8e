from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.training.comparator import Comparator
from heartapp.training.defaults import BEDSIDE_USES
from heartapp.training.recipe import Recipe
from tests.training.small import SMALLEST

if TYPE_CHECKING:
    from heartapp.training.cohort import Cohort


@pytest.mark.parametrize(("model", "horizon"), [("bedside", 180), ("bedside", None), ("followup", None)])
def test_the_comparator_predicts_from_its_three_variables_in_either_model(
    people: Cohort, model: str, horizon: int | None
) -> None:
    names = MODEL_VARIABLES[model]
    fitted = Comparator.fit(people.sample(model), Recipe(names, SMALLEST[model], 1, horizon))

    def risk(**values: float) -> float:
        patient = [values.get(name, BY_NAME[name].example) for name in names]
        return float(fitted.risk(np.array([patient], np.float32))[0])

    assert all(0 <= risk(**{name: BY_NAME[name].low}) <= 1 for name in names)
    for name in names:
        assert (risk(**{name: BY_NAME[name].high}) != risk()) is (name in BEDSIDE_USES)
    assert risk(age=90, ejection_fraction=20) > risk(age=45, ejection_fraction=60)


def test_a_dated_comparator_is_calibrated_to_death_within_the_horizon(people: Cohort, recipe: Recipe) -> None:
    sample = people.sample("bedside")
    early, late, undated = (
        Comparator.fit(sample, replace(recipe, horizon=horizon)).risk(sample.features) for horizon in (60, 180, None)
    )
    assert early.mean() < late.mean()
    assert np.array_equal(np.argsort(early), np.argsort(undated))
    assert undated.mean() == pytest.approx(people.outcome.mean(), abs=0.02)
