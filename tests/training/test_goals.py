from __future__ import annotations

import math

import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.training.goals import GOALS, INSTABILITY_GOALS, SURVIVAL_GOALS, Goal

EVERY = [goal for goals in (*GOALS.values(), INSTABILITY_GOALS, SURVIVAL_GOALS) for goal in goals.values()]


@pytest.mark.parametrize(
    ("figure", "value", "reached", "alarm"),
    [
        ("roc_auc", 0.799, "missed", False),
        ("roc_auc", 0.80, "goal", False),
        ("roc_auc", 0.815, "stretch", False),
        ("roc_auc", 0.849, "stretch", False),
        ("roc_auc", 0.851, "stretch", True),
        ("roc_auc", 0.97, "stretch", True),
        ("roc_auc_unaffected", 0.839, "stretch", False),
        ("roc_auc_unaffected", 0.841, "stretch", True),
        ("brier", 0.164, "missed", False),
        ("brier", 0.163, "goal", False),
        ("brier", 0.141, "stretch", False),
        ("brier", 0.139, "stretch", True),
        ("mcc", 0.51, "goal", False),
        ("mcc", 0.61, "stretch", True),
        ("calibration_slope", 0.89, "missed", False),
        ("calibration_slope", 1.10, "goal", False),
        ("calibration_slope", 1, "stretch", False),
        ("calibration_intercept", -0.051, "missed", False),
        ("calibration_intercept", -0.04, "goal", False),
        ("expected_calibration_error", 0.060, "stretch", False),
        ("brier", math.nan, "missed", False),
    ],
)
def test_a_figure_of_the_bedside_model_is_held_against_its_goal_and_its_alarm(
    figure: str,
    value: float,
    reached: str,
    alarm: bool,  # noqa: FBT001 - a column of the table
) -> None:
    told = GOALS["bedside"][figure].judge(figure, value)
    assert (told.figure, told.reached, told.alarm) == (figure, reached, alarm)
    assert told.value is value


def test_every_model_has_goals_and_the_stretch_is_within_the_goal() -> None:
    assert tuple(GOALS) == tuple(MODEL_VARIABLES)
    for goal in EVERY:
        assert goal.reach[0] <= goal.stretch[0] <= goal.stretch[1] <= goal.reach[1]


def test_what_is_too_good_lies_beyond_the_stretch() -> None:
    alarmed = [goal for goal in EVERY if goal.too_good is not None]
    assert len(alarmed) == 4
    for goal in alarmed:
        assert goal.too_good is not None
        assert goal.reach[0] < goal.too_good[0] or goal.too_good[1] < goal.stretch[1]


def test_a_goal_without_an_alarm_never_rings() -> None:
    assert not Goal((0, 1), (0, 1)).judge("mcc", 1).alarm
