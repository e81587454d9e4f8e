from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from heartapp.training.goals import GOALS, INSTABILITY_GOALS
from heartapp.training.protocols import describe, run_protocols

if TYPE_CHECKING:
    from heartapp.inference.report import Evaluation
    from heartapp.training.data import Table


def test_a_line_gives_the_figure_the_comparator_and_the_goal(evaluation: Evaluation) -> None:
    (comparator,) = evaluation.comparators.values()
    goals = [msgspec.structs.replace(goal, alarm=goal.figure == "brier") for goal in evaluation.goals]
    lines = {line.split()[0]: line for line in describe(evaluation.metrics, goals, comparator)}
    assert list(lines) == list(evaluation.metrics)
    judged = {goal.figure: goal for goal in goals}
    for name, spread in evaluation.metrics.items():
        assert f"{spread.mean:.3f} ± {spread.sd:.3f}" in lines[name]
        assert f"{comparator[name].mean:.3f} ± {comparator[name].sd:.3f}" in lines[name]
        assert ("goal" in lines[name]) is (name in judged)
        assert name not in judged or judged[name].reached in lines[name]
        assert ("ALARM" in lines[name]) is (name == "brier")


def test_a_missed_goal_is_marked_with_its_limits() -> None:
    (line,) = describe({"brier": 0.17}, [GOALS["bedside"]["brier"].judge("brier", 0.17)])
    assert line.split(maxsplit=2) == ["brier", "0.170", "goal at most 0.163, stretch at most 0.158: missed"]


@pytest.mark.usefixtures("small_plans")
def test_every_protocol_is_run_and_every_goal_printed_beside_its_figure(table: Table) -> None:
    text = "\n".join(run_protocols(table, seed=1, splits=2, split_seed=7, refits=2))
    splits = "StratifiedShuffleSplit(n_splits=2, test_size=37, random_state=7)"
    for title in (f"P1, bedside: {splits}", f"P1, followup: {splits}"):
        assert title in text
    assert "P3, bedside: 2 bootstrap refits" in text
    assert re.search("chosen in [12] splits: age", text)
    for goals in (*GOALS.values(), INSTABILITY_GOALS):
        for figure in goals:
            assert re.search(rf"^  {figure} +\S?\d\.\d{{3}} .*goal .*: (stretch|goal|missed)", text, re.MULTILINE), (
                figure
            )
