from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS, REPORT, read_bundle, read_served
from heartapp.inference.report import Evaluation, Report
from heartapp.training.goals import GOALS, SURVIVAL_GOALS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=MODEL_VARIABLES)
def report(request: pytest.FixtureRequest, models: Path) -> Report:
    return read_bundle(models, request.param, read_served(models)[request.param]).report


@pytest.fixture
def evaluation(report: Report) -> Evaluation:
    assert report.evaluation is not None
    return report.evaluation


def test_a_shipped_report_gives_every_metric_with_its_spread(evaluation: Evaluation) -> None:
    assert tuple(evaluation.members) == MEMBERS
    assert evaluation.comparators
    for metrics in (evaluation.metrics, *evaluation.members.values(), *evaluation.comparators.values()):
        assert metrics.keys() <= evaluation.metrics.keys()
        assert metrics.keys() >= {"roc_auc", "pr_auc", "brier", "mcc", "sensitivity", "specificity"}
        assert all(spread.low <= spread.mean <= spread.high and spread.sd > 0 for spread in metrics.values())
    for comparator in evaluation.comparators.values():
        assert comparator.keys() == evaluation.metrics.keys()


def test_a_shipped_report_s_bins_hold_every_test_prediction_once(evaluation: Evaluation) -> None:
    protocol = evaluation.protocol
    assert sum(one.patients for one in evaluation.calibration_bins) == protocol.splits * protocol.test_patients
    by_sex = [one for one in evaluation.subgroups if one.name in {"women", "men"}]
    assert sum(one.predictions for one in by_sex) == protocol.splits * protocol.test_patients
    assert sum(evaluation.chosen.values()) == protocol.splits


def test_no_shipped_figure_is_too_good_to_be_true(report: Report, evaluation: Evaluation) -> None:
    goals = [*evaluation.goals, *(report.survival.goals if report.survival else ())]
    assert [goal.figure for goal in goals if goal.alarm] == []


def test_each_goal_is_held_against_the_figure_that_the_report_gives(
    report: Report, evaluation: Evaluation, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["report"]
    assert {goal.figure for goal in evaluation.goals} == set(GOALS[name])
    for goal in evaluation.goals:
        spread = evaluation.metrics.get(goal.figure)
        assert goal.value == (spread.mean if spread else getattr(evaluation, goal.figure))
        assert GOALS[name][goal.figure].judge(goal.figure, goal.value) == goal
    if report.survival is not None:
        assert {goal.figure for goal in report.survival.goals} == set(SURVIVAL_GOALS)


def test_a_shipped_report_tells_how_the_refits_differ(report: Report) -> None:
    assert report.instability is not None
    assert report.instability.refits >= 100
    assert 0 < report.instability.mean_absolute_change < report.instability.median_width < 1
    served = [middle for middle, _, _ in report.instability.ranges]
    assert served == sorted(served)
    assert all(low < high for _, low, high in report.instability.ranges)


def test_a_key_that_no_report_has_is_refused(models: Path) -> None:
    content = (models / "bedside" / read_served(models)["bedside"] / REPORT).read_bytes()
    with pytest.raises(msgspec.ValidationError, match="unknown field `accuracy`"):
        msgspec.json.decode(content.replace(b'"cohort"', b'"accuracy"', 1), type=Report)
