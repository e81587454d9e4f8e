from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.training.goals import LEAST, SHAPE_GOALS
from heartapp.training.shape import measure_shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from heartapp.training.cohort import Cohort
    from heartapp.training.recipe import FittedRecipe

NAMES = MODEL_VARIABLES["bedside"]
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
