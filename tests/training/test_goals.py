from __future__ import annotations

import math

import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.training.goals import GOALS, INSTABILITY_GOALS, SURVIVAL_GOALS, Goal, judge

EVERY = [goal for goals in (*GOALS.values(), INSTABILITY_GOALS, SURVIVAL_GOALS) for goal in goals.values()]


@pytest.mark.parametrize(
    ("value", "reached"),
    [(0.799, "missed"), (0.80, "goal"), (0.814, "goal"), (0.815, "stretch"), (0.9, "stretch"), (math.nan, "missed")],
)
def test_a_figure_is_compared_with_both_limits_of_its_goal(value: float, reached: str) -> None:
    result = Goal((0.8, 1), (0.815, 1)).judge("roc_auc", value)
    assert (result.figure, result.reached, result.alarm) == ("roc_auc", reached, False)
    assert result.value is value


@pytest.mark.parametrize(("value", "alarm"), [(0.84, False), (0.85, True), (math.nan, False)])
def test_a_figure_that_is_too_good_raises_an_alarm(value: float, alarm: bool) -> None:  # noqa: FBT001 - a column
    assert GOALS["bedside"]["roc_auc"].judge("roc_auc", value).alarm is alarm


def test_every_goal_is_compared_with_its_own_figure() -> None:
    figures = {"mean_absolute_change": 0.05, "median_width": 0.3, "another": 1.0}
    results = [(result.figure, result.value, result.reached) for result in judge(INSTABILITY_GOALS, figures)]
    assert results == [("mean_absolute_change", 0.05, "stretch"), ("median_width", 0.3, "missed")]


def test_every_model_has_goals_and_the_stretch_is_within_the_goal() -> None:
    assert tuple(GOALS) == tuple(MODEL_VARIABLES)
    for goal in EVERY:
        assert goal.reach[0] <= goal.stretch[0] <= goal.stretch[1] <= goal.reach[1]


def test_what_is_too_good_lies_beyond_the_stretch() -> None:
    alarms = [(goal.stretch, goal.too_good) for goal in EVERY if goal.too_good]
    assert len(alarms) == 4
    assert all(stretch[0] < too_good[0] or too_good[1] < stretch[1] for stretch, too_good in alarms)
