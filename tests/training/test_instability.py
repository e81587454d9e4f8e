from __future__ import annotations

import numpy as np
import pytest

from heartapp.training.goals import INSTABILITY_GOALS, LEAST
from heartapp.training.instability import GROUPS, report_instability


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
    assert {goal.figure: goal.value for goal in report.goals} == {
        name: getattr(report, name).value for name in INSTABILITY_GOALS
    }
    middles = [middle for middle, _, _ in report.ranges]
    assert (len(middles), sorted(middles)) == (GROUPS, middles)
    assert middles[0] == pytest.approx(np.sort(served)[: len(served) // GROUPS].mean(), abs=1e-6)


@pytest.mark.parametrize(("refits", "splits"), [(LEAST - 1, LEAST), (LEAST, LEAST - 1)])
def test_few_refits_or_splits_judge_no_goal_and_equal_refits_have_no_instability(refits: int, splits: int) -> None:
    served = np.linspace(0.1, 0.9, 50)
    report = report_instability(np.tile(served, (refits, 1)), served, splits)
    assert report.goals == []
    assert (report.mean_absolute_change.value, report.median_width.value) == (0, 0)
