from pathlib import Path

import msgspec
import pytest

from heartapp.inference.bundle import MEMBERS, REPORT, Bundle
from heartapp.inference.model import Model
from heartapp.inference.report import Report
from heartapp.training.goals import GOALS, INSTABILITY_GOALS, SHAPE_GOALS, judge


def test_a_shipped_evaluation_pools_five_seeds_and_gives_every_metric_with_its_spread(bundle: Bundle) -> None:
    evaluation = bundle.report.evaluation
    assert evaluation
    assert (evaluation.protocol.splits, len(evaluation.protocol.seeds)) == (100, 5)
    assert evaluation.horizon == bundle.manifest.horizon
    assert tuple(evaluation.members) == MEMBERS
    assert evaluation.metrics.keys() == evaluation.comparator.keys() == evaluation.difference.keys()
    for metrics in (evaluation.metrics, *evaluation.members.values(), evaluation.comparator):
        assert all(spread.low <= spread.mean <= spread.high and spread.sd > 0 for spread in metrics.values())


def test_each_goal_is_compared_with_its_figure_and_none_is_too_good_to_be_true(bundle: Bundle) -> None:
    evaluation = bundle.report.evaluation
    assert evaluation
    values = {figure: spread.mean for figure, spread in evaluation.metrics.items()}
    values |= {f"slope_{one.day}": one.slope.value for one in evaluation.calibration}
    assert evaluation.goals == judge(GOALS[bundle.manifest.name], values, evaluation.protocol.splits)
    assert not any(goal.alarm for goal in evaluation.goals)


def test_the_shipped_refits_and_the_shape_of_the_risk_are_judged(bedside: Model) -> None:
    report = bedside.bundle.report
    assert report.instability
    assert report.shape
    assert report.instability.refits >= 100
    assert [goal.figure for goal in report.instability.goals] == list(INSTABILITY_GOALS)
    assert [goal.figure for goal in report.shape.goals] == list(SHAPE_GOALS)
    assert report.shape.largest_fall == 0
    served = [middle for middle, _, _ in report.instability.ranges]
    assert served == sorted(served)
    assert all(low < high for _, low, high in report.instability.ranges)


def test_a_key_that_no_report_has_is_refused(models: Path, bedside: Model) -> None:
    content = (models / bedside.bundle.place / REPORT).read_bytes()
    with pytest.raises(msgspec.ValidationError, match="unknown field `accuracy`"):
        msgspec.json.decode(content.replace(b'"cohort"', b'"accuracy"', 1), type=Report)
