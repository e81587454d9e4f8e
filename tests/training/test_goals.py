from __future__ import annotations

import math

import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.training.goals import GOALS, INSTABILITY_GOALS, LEAST, SHAPE_GOALS, Goal, judge


@pytest.mark.parametrize(
    ("value", "reached"),
    [(0.799, "missed"), (0.80, "goal"), (0.814, "goal"), (0.815, "stretch"), (0.9, "stretch"), (math.nan, "missed")],
)
def test_a_figure_is_compared_with_both_limits_of_its_goal(value: float, reached: str) -> None:
    result = Goal((0.8, 1), stretch=(0.815, 1)).judge("roc_auc", value)
    assert (result.figure, result.reached, result.alarm) == ("roc_auc", reached, False)
    assert result.value is value


@pytest.mark.parametrize(("value", "alarm"), [(0.84, False), (0.85, True), (math.nan, False)])
def test_a_figure_that_is_too_good_raises_an_alarm(value: float, alarm: bool) -> None:  # noqa: FBT001 - a column
    assert GOALS["bedside"]["roc_auc"].judge("roc_auc", value).alarm is alarm


def test_figures_with_a_goal_are_judged_from_fifty_splits_on() -> None:
    figures = {"mean_absolute_change": 0.05, "another": 1.0}
    (judged,) = judge(INSTABILITY_GOALS, figures, LEAST)
    assert (judged.figure, judged.value, judged.reached) == ("mean_absolute_change", 0.05, "stretch")
    assert (LEAST, judge(INSTABILITY_GOALS, figures, LEAST - 1)) == (50, [])


def test_every_model_has_goals_and_the_stretch_is_within_the_goal() -> None:
    assert tuple(GOALS) == tuple(MODEL_VARIABLES)
    for goal in (goal for goals in (*GOALS.values(), INSTABILITY_GOALS, SHAPE_GOALS) for goal in goals.values()):
        low, high = goal.stretch or goal.reach
        assert goal.reach[0] <= low <= high <= goal.reach[1]
