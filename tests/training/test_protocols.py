from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from heartapp.card.filters import interval, span
from heartapp.training import goals as goals_module
from heartapp.training.goals import GOALS, INSTABILITY_GOALS, SHAPE_GOALS
from heartapp.training.protocols import describe, run_protocols
from tests.reports import evaluation_of

if TYPE_CHECKING:
    from heartapp.training.cohort import Cohort


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
@pytest.mark.parametrize("least", [2, 3])
def test_every_protocol_is_run_and_goals_stand_beside_their_figures_unless_the_splits_are_few(
    table: Cohort, monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    monkeypatch.setattr(goals_module, "LEAST", least)
    text = "\n".join(run_protocols(table, seed=1, splits=2, split_seed=7, refits=2))
    for model in GOALS:
        assert f"P1, {model}: 2 splits, 37 held-out patients each, seeds 7\n" in text
    assert "P3, bedside: 2 bootstrap refits" in text
    for goals in (*GOALS.values(), INSTABILITY_GOALS, SHAPE_GOALS):
        for figure in goals:
            lines = re.findall(rf"^  {figure} +\S?\d\.\d{{3}}.*", text, re.MULTILINE)
            assert lines, figure
            assert any(re.search(" goal .*: (stretch|goal|missed)", line) for line in lines) is (least == 2), figure
    assert least == 2 or "ALARM" not in text
