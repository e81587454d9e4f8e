from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS, REPORT, read_bundle, read_served
from heartapp.inference.report import Evaluation, Report

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=MODEL_VARIABLES)
def report(request: pytest.FixtureRequest, models: Path) -> Report:
    return read_bundle(models, request.param, read_served(models)[request.param]).report


@pytest.fixture
def evaluation(report: Report) -> Evaluation:
    assert report.evaluation is not None
    return report.evaluation


def test_a_shipped_report_tells_the_cohort_and_the_settings_of_each_member(report: Report) -> None:
    assert report.cohort.source == "the published data set"
    assert 0 < report.cohort.deaths < report.cohort.patients
    assert tuple(report.hyperparameters) == MEMBERS


def test_a_shipped_report_gives_every_metric_with_its_spread(evaluation: Evaluation) -> None:
    assert tuple(evaluation.members) == MEMBERS
    for metrics in (evaluation.metrics, *evaluation.members.values(), *evaluation.comparators.values()):
        assert metrics.keys() == evaluation.metrics.keys()
        assert all(spread.low <= spread.mean <= spread.high and spread.sd > 0 for spread in metrics.values())


def test_a_shipped_report_s_bins_hold_every_test_prediction_once(evaluation: Evaluation) -> None:
    protocol = evaluation.protocol
    assert sum(one.patients for one in evaluation.calibration_bins) == protocol.splits * protocol.test_patients


def test_a_report_written_and_read_again_is_the_same(report: Report) -> None:
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_a_key_that_no_report_has_is_refused(models: Path) -> None:
    content = (models / "bedside" / read_served(models)["bedside"] / REPORT).read_bytes()
    with pytest.raises(msgspec.ValidationError, match="unknown field `accuracy`"):
        msgspec.json.decode(content.replace(b'"cohort"', b'"accuracy"', 1), type=Report)
