import math
import re

import pytest

from heartapp.card.filters import interval, span
from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.training import goals as goals_module
from heartapp.training.cohort import Cohort
from heartapp.training.goals import GOALS, INSTABILITY_GOALS, LEAST, SHAPE_GOALS, Goal, judge
from heartapp.training.protocols import describe, run_protocols
from tests.reports import evaluation_of


@pytest.mark.parametrize(
    ("value", "reached"),
    [
        (0.799, "missed"),
        (0.80, "goal"),
        (0.814, "goal"),
        (0.815, "stretch"),
        (0.84, "stretch"),
        (0.85, "stretch, alarm"),
        (math.nan, "missed"),
    ],
)
def test_a_figure_is_compared_with_all_limits_of_its_goal(value: float, reached: str) -> None:
    result = Goal((0.8, 1), stretch=(0.815, 1), too_good=(0.85, 1)).judge("roc_auc", value)
    assert (result.figure, result.reached + ", alarm" * result.alarm) == ("roc_auc", reached)
    assert result.value is value


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


def test_a_line_gives_the_figure_its_interval_what_is_beside_it_and_the_goal() -> None:
    evaluation = evaluation_of()
    lines = {line.split()[0]: line for line in describe(evaluation.metrics, evaluation.goals, {"mcc": "beside"})}
    assert list(lines) == list(evaluation.metrics)
    judged = {goal.figure: goal for goal in evaluation.goals}
    for name, spread in evaluation.metrics.items():
        assert interval(spread) in lines[name]
        assert ("goal" in lines[name]) is (name in judged)
        assert name not in judged or judged[name].reached in lines[name]
        assert ("ALARM" in lines[name]) is (name == "brier_180")
        assert ("beside" in lines[name]) is (name == "mcc")


def test_a_missed_goal_is_marked_with_its_limits() -> None:
    for goals in (GOALS["bedside"]["brier_180"], GOALS["bedside"]["mcc"]):
        stretch = ", stretch at most 0.178" if goals.stretch else ""
        (line,) = describe({"x": 0.3}, [goals.judge("x", 0.3)])
        assert line.split(maxsplit=2) == ["x", "0.300", f"goal {span(goals.reach)}{stretch}: missed"]


@pytest.mark.usefixtures("small_plans")
def test_every_protocol_is_run_and_goals_stand_beside_their_figures(
    table: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(goals_module, "LEAST", 2)
    text = "\n".join(run_protocols(table, seed=1, splits=2, split_seed=7, refits=2))
    for model in GOALS:
        assert f"P1, {model}: 2 splits, 37 held-out patients each, seeds 7\n" in text
    assert "P3, bedside: 2 bootstrap refits" in text
    for goals in (*GOALS.values(), INSTABILITY_GOALS, SHAPE_GOALS):
        for figure in goals:
            line = rf"^  {figure} +\S?\d\.\d{{3}}.* goal .*: (stretch|goal|missed)"
            assert re.search(line, text, re.MULTILINE), figure
