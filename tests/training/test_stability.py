from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.training.goals import INSTABILITY_GOALS, LEAST, SHAPE_GOALS
from heartapp.training.stability import GROUPS, measure_shape, report_instability

if TYPE_CHECKING:
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
