from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS, REPORT, read_bundle, read_served
from heartapp.inference.report import Evaluation, Report
from heartapp.training.goals import GOALS, INSTABILITY_GOALS, SHAPE_GOALS

if TYPE_CHECKING:
    from pathlib import Path

every_model = pytest.mark.parametrize("name", MODEL_VARIABLES)


def report_of(models: Path, name: str) -> Report:
    return read_bundle(models, name, read_served(models)[name]).report


def evaluation_of(models: Path, name: str) -> Evaluation:
    evaluation = report_of(models, name).evaluation
    assert evaluation is not None
    return evaluation


@every_model
def test_a_shipped_report_pools_five_seeds_and_gives_every_metric_with_its_spread(models: Path, name: str) -> None:
    evaluation = evaluation_of(models, name)
    assert (evaluation.protocol.splits, len(evaluation.protocol.seeds)) == (100, 5)
    assert tuple(evaluation.members) == MEMBERS
    assert evaluation.metrics.keys() == evaluation.comparator.keys() == evaluation.difference.keys()
    for metrics in (evaluation.metrics, *evaluation.members.values(), evaluation.comparator):
        assert all(spread.low <= spread.mean <= spread.high and spread.sd > 0 for spread in metrics.values())


def test_only_the_bedside_model_has_a_horizon_refits_and_a_shape(models: Path) -> None:
    assert evaluation_of(models, "bedside").horizon == 180
    assert evaluation_of(models, "followup").horizon is None
    followup = report_of(models, "followup")
    assert (followup.instability, followup.shape) == (None, None)


@every_model
def test_no_shipped_figure_is_too_good_to_be_true(models: Path, name: str) -> None:
    assert [goal.figure for goal in evaluation_of(models, name).goals if goal.alarm] == []


@every_model
def test_each_goal_is_compared_with_the_figure_in_the_report(models: Path, name: str) -> None:
    evaluation = evaluation_of(models, name)
    values = {figure: spread.mean for figure, spread in evaluation.metrics.items()}
    values |= {f"slope_{one.day}": one.slope.value for one in evaluation.calibration}
    assert evaluation.goals == [goal.judge(figure, values[figure]) for figure, goal in GOALS[name].items()]


def test_the_shipped_refits_and_the_shape_of_the_risk_are_judged(models: Path) -> None:
    report = report_of(models, "bedside")
    assert report.instability is not None
    assert report.shape is not None
    assert report.instability.refits >= 100
    assert [goal.figure for goal in report.instability.goals] == list(INSTABILITY_GOALS)
    assert [goal.figure for goal in report.shape.goals] == list(SHAPE_GOALS)
    assert report.shape.largest_fall == 0
    served = [middle for middle, _, _ in report.instability.ranges]
    assert served == sorted(served)
    assert all(low < high for _, low, high in report.instability.ranges)


def test_a_key_that_no_report_has_is_refused(models: Path) -> None:
    content = (models / "bedside" / read_served(models)["bedside"] / REPORT).read_bytes()
    with pytest.raises(msgspec.ValidationError, match="unknown field `accuracy`"):
        msgspec.json.decode(content.replace(b'"cohort"', b'"accuracy"', 1), type=Report)
