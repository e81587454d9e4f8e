"""docs/science.md agrees with the served bundles."""

from pathlib import Path
from typing import Final

import pytest

from heartapp.card.filters import difference, figure, interval, missed
from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import read_bundle
from heartapp.inference.report import Evaluation, Report
from heartapp.inference.served import read_served

ROOT: Final = Path(__file__).parents[1]
SCIENCE: Final = (ROOT / "docs" / "science.md").read_text("utf-8")
BEDSIDE: Final = ("roc_auc", "mcc", "auc_180", "brier_180", "harrell", "uno")
FOLLOWUP: Final = ("roc_auc", "mcc", "brier")


@pytest.fixture(scope="module")
def reports(models: Path) -> dict[str, Report]:
    return {name: read_bundle(models, name, read_served(models)[name]).report for name in MODEL_VARIABLES}


def evaluation_of(report: Report) -> Evaluation:
    assert report.evaluation
    return report.evaluation


def test_the_performance_is_that_of_the_served_bundles(reports: dict[str, Report]) -> None:
    bedside, followup = (evaluation_of(reports[name]) for name in ("bedside", "followup"))
    for name in BEDSIDE:
        values = (interval(bedside.metrics[name]), interval(bedside.comparator[name]))
        assert f"| {figure(name)} | {' | '.join(values)} | {difference(bedside.difference[name])} |\n" in SCIENCE
    for one in bedside.calibration:
        assert f"| {figure(f'slope_{one.day}')} | {interval(one.slope)} | | |\n" in SCIENCE
    for name in FOLLOWUP:
        assert f"{figure(name)} {interval(followup.metrics[name])}" in SCIENCE.replace("\n", " ")


def test_stability_and_shape_are_those_of_the_served_bundle(reports: dict[str, Report]) -> None:
    instability, shape = reports["bedside"].instability, reports["bedside"].shape
    assert instability
    assert shape
    text = SCIENCE.replace("\n", " ")
    for value in (interval(instability.mean_absolute_change), interval(instability.median_width)):
        assert value in text
    assert f"{shape.largest_step:.3f}" in text


def test_every_missed_goal_is_named(reports: dict[str, Report]) -> None:
    text = SCIENCE.lower().replace("\n", " ")
    for report in reports.values():
        parts = (report.evaluation, report.instability, report.shape)
        goals = [goal for part in parts if part for goal in part.goals]
        assert [goal.figure for goal in missed(goals) if figure(goal.figure).lower() not in text] == []
