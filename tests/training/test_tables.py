from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from heartapp.inference.report import InstabilityReport
from heartapp.training.goals import INSTABILITY_GOALS
from heartapp.training.tables import instability, performance

if TYPE_CHECKING:
    from heartapp.inference.report import Evaluation


def test_every_figure_stands_beside_the_plain_regression_s_and_its_goal(evaluation: Evaluation) -> None:
    text = performance(evaluation)
    (comparator,) = evaluation.comparators.values()
    for name, spread in evaluation.metrics.items():
        line = next(line for line in text.splitlines() if line.split()[0] == name)
        assert f"{spread.mean:.3f} ± {spread.sd:.3f}" in line
        assert f"{comparator[name].mean:.3f} ± {comparator[name].sd:.3f}" in line
    for goal in evaluation.goals:
        line = [line for line in text.splitlines() if line.split()[0] == goal.figure][-1]
        assert f"{goal.value:.3f}" in line
        assert goal.reached in line
        assert ("ALARM" in line) == goal.alarm
    for names, count in evaluation.chosen.items():
        assert f"chosen in {count} splits: {names}" in text


def test_an_alarm_is_told(evaluation: Evaluation) -> None:
    rung = [msgspec.structs.replace(goal, alarm=True) for goal in evaluation.goals]
    text = performance(msgspec.structs.replace(evaluation, goals=rung))
    assert text.count("ALARM: look for a leak") == len(rung)


@pytest.mark.parametrize(
    ("change", "width", "reached"), [(0.05, 0.2, ["stretch", "stretch"]), (0.07, 0.3, ["missed", "missed"])]
)
def test_the_figures_of_instability_stand_beside_their_goals(change: float, width: float, reached: list[str]) -> None:
    figures = {"mean_absolute_change": change, "median_width": width}
    goals = [goal.judge(name, figures[name]) for name, goal in INSTABILITY_GOALS.items()]
    head, *rows = instability(InstabilityReport(refits=200, **figures, goals=goals, ranges=[])).splitlines()
    assert head.split() == ["goal", "value", "reach", "stretch", "reached"]
    assert [row.split() for row in rows] == [
        ["mean_absolute_change", f"{change:.3f}", "<=", "0.06", "<=", "0.06", reached[0]],
        ["median_width", f"{width:.3f}", "<=", "0.25", "<=", "0.25", reached[1]],
    ]
