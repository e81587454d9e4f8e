from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.report import Bin, CohortFigures, InstabilityReport, NetBenefit
from heartapp.inference.telling import curve, judgement, origin, parts, performance, tell
from heartapp.inference.telling.parts import Bullets, Figure, Section, Table, Warn
from tests.reports import evaluation_of, goal_of, manifest_of, report_of, skipped_report, spread_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from heartapp.inference.bundle import Manifest
    from heartapp.inference.report import Report


@pytest.fixture
def bedside(models: Path) -> Manifest:
    return manifest_of(models, "bedside")


@pytest.fixture
def followup(models: Path) -> Manifest:
    return manifest_of(models, "followup")


def texts(sections: list[Section]) -> Iterator[str]:
    for section in sections:
        for part in section.parts:
            match part:
                case Bullets():
                    yield from part.items
                case Warn():
                    yield part.text
                case Figure():
                    yield part.seen
                case Table():
                    yield from (cell for row in part.rows for cell in row)
                case _:
                    yield part


def said(manifest: Manifest, report: Report) -> str:
    return "\n".join(texts(tell(manifest, report)))


def tables(sections: list[Section]) -> list[Table]:
    every = [part for section in sections for part in section.parts]
    return [part for part in every if isinstance(part, Table)] + [
        part.table for part in every if isinstance(part, Figure)
    ]


# The parts


@pytest.mark.parametrize(
    ("wanted", "written"),
    [
        ((0.8, 1), "at least 0.80"),
        ((0, 0.163), "at most 0.163"),
        ((-0.05, 0.05), "−0.05 to 0.05"),
        ((0.89, 0.91), "0.89 to 0.91"),
    ],
)
def test_a_goal_is_written_by_the_side_on_which_it_can_be_missed(wanted: tuple[float, float], written: str) -> None:
    assert parts.limits(wanted) == written


@pytest.mark.parametrize(
    ("changed", "written"),
    [
        ({}, "reached"),
        ({"reached": "stretch"}, "reached, and the stretch"),
        ({"reached": "stretch", "alarm": True}, "reached, and the stretch; too good: look for a leak"),
        ({"reached": "missed", "goal": (0.9, 1)}, "missed by 0.089"),
        ({"reached": "missed", "goal": (0, 0.5)}, "missed by 0.311"),
    ],
)
def test_a_verdict_says_by_how_much_a_goal_is_missed(changed: dict[str, object], written: str) -> None:
    assert parts.verdict(goal_of("roc_auc", 0.811, **changed)) == written


def test_numbers_have_three_decimals_a_true_minus_and_say_where_they_do_not_exist() -> None:
    assert (parts.three(-0.0512), parts.signed(0.0512), parts.signed(-1)) == ("−0.051", "+0.051", "−1.000")
    assert {parts.three(-0.0004), parts.signed(-0.0004), parts.signed(0.0004), parts.signed(0)} == {"0.000"}
    assert parts.limits((-0.0001, 0.5)) == "0.00 to 0.50"
    assert parts.three(math.nan) == parts.signed(math.nan) == "undefined"
    assert parts.spread(spread_of(0.5)) == "0.500 ± 0.050"
    assert parts.middle(spread_of(0.5)) == "0.400 to 0.600"


@pytest.mark.parametrize(("items", "written"), [("", ""), ("a", "a"), ("ab", "a and b"), ("abc", "a, b and c")])
def test_a_list_reads_as_a_sentence(items: str, written: str) -> None:
    assert parts.listed([*items]) == written


def test_a_figure_without_a_name_for_people_keeps_that_of_the_report() -> None:
    assert (parts.figure("brier"), parts.figure("new_score")) == ("Brier score", "new score")
    assert parts.reading("brier")
    assert parts.reading("new_score") == ""


# The telling


@pytest.mark.parametrize("report", [report_of(), skipped_report()], ids=["full", "skipped"])
@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_every_link_leads_to_a_section_and_every_row_fits_its_table(models: Path, name: str, report: Report) -> None:
    sections = tell(manifest_of(models, name), report)
    anchors = [section.anchor for section in sections]
    assert len(set(anchors)) == len(anchors)
    links = set(re.findall(r"]\(#([^)]*)\)", "\n".join(texts(sections))))
    assert links
    assert links <= set(anchors)
    for table in tables(sections):
        assert {len(row) for row in table.rows} == {len(table.head)}, table.caption
        assert set(table.numbers) < set(range(len(table.head))) or table.numbers == tuple(range(len(table.head)))


def test_every_figure_of_the_report_is_told_with_its_spread(bedside: Manifest) -> None:
    report = report_of()
    assert report.evaluation is not None
    assert report.survival is not None
    assert report.instability is not None
    text = said(bedside, report)
    spreads = [
        *report.evaluation.metrics.values(),
        *report.survival.metrics.values(),
        *report.survival.null.values(),
        *(spread for one in report.evaluation.comparators.values() for spread in one.values()),
    ]
    assert all(parts.spread(one) in text for one in spreads)
    assert all(parts.three(one.value) in text for one in (*report.evaluation.goals, *report.survival.goals))
    assert f"slope {parts.three(report.evaluation.calibration_slope)}" in text
    assert parts.three(report.instability.median_width) in text
    for figure, numbers in {
        "calibration": 10, "roc": 51, "precision-recall": 51, "decision": 12, "instability": 10, "survival-180": 10,
    }.items():  # fmt: skip
        (found,) = [
            part
            for section in tell(bedside, report)
            for part in section.parts
            if isinstance(part, Figure) and part.name == figure
        ]
        assert len(found.table.rows) == numbers


def test_a_report_that_was_skipped_says_that_nothing_is_known(bedside: Manifest) -> None:
    sections = tell(bedside, skipped_report())
    text = "\n".join(texts(sections))
    assert performance.UNKNOWN in text
    assert "cannot tell how much a patient’s risk depends on the sample" in text
    assert "holds no evaluation of a survival curve" in text
    assert not [part for section in sections for part in section.parts if isinstance(part, Figure)]
    assert "ROC AUC" not in text
    assert "in no evaluation of this bundle" in text
    assert "in no evaluation of this bundle" not in said(bedside, report_of())


def test_the_model_that_is_told_the_future_says_so_before_anything_else(bedside: Manifest, followup: Manifest) -> None:
    first = tell(followup, report_of())[0].parts[0]
    assert isinstance(first, Warn)
    assert "told the future" in first.text
    assert "It knows the future." in said(followup, report_of())
    assert "contest is unfair" in said(followup, report_of())
    for phrase in ("told the future", "knows the future", "contest is unfair"):
        assert phrase not in said(bedside, report_of())


def test_another_table_is_not_told_as_the_published_cohort(bedside: Manifest) -> None:
    other = said(bedside, report_of(cohort=CohortFigures("another table", "sha256:" + "b" * 64, 150, 60, {})))
    for phrase in ("Faisalabad", "1.83", "NYHA"):
        assert phrase in said(bedside, report_of())
        assert phrase not in other
    assert "from the table with the digest below" in other
    assert "how these patients were picked" in other


@pytest.mark.parametrize(
    ("plain", "sentence"),
    [
        ({"roc_auc": 0.80, "brier": 0.17, "mcc": 0.4}, "The three trees beat it**"),
        ({"roc_auc": 0.82, "brier": 0.15, "mcc": 0.6}, "The three trees do not beat it**"),
        ({"roc_auc": 0.8114, "brier": 0.1612, "mcc": 0.5069}, "The three trees do not beat it**"),
        ({"roc_auc": 0.80, "brier": 0.15, "mcc": 0.4}, "beat it by ROC AUC and Matthews correlation only**"),
        ({"roc_auc": 0.82, "brier": 0.17, "mcc": 0.6}, "beat it by Brier score only**"),
    ],
)
def test_whether_the_trees_beat_the_plain_regression_is_said_either_way(
    bedside: Manifest, plain: dict[str, float], sentence: str
) -> None:
    comparators = {"spline_regression": {name: spread_of(mean) for name, mean in plain.items()}}
    told = performance.compared(bedside, evaluation_of(comparators=comparators))
    assert sentence in told
    assert f"ROC AUC 0.811 against {plain['roc_auc']:.3f}" in told


def test_goals_are_told_as_reached_or_by_name_as_missed() -> None:
    assert performance.goals([]) == []
    assert "All are reached." in str(performance.goals([goal_of("roc_auc", 0.811)])[0])
    missed = [goal_of("roc_auc", 0.7, reached="missed"), goal_of("mcc", 0.4, reached="missed")]
    assert "Missed: ROC AUC and Matthews correlation." in str(performance.goals(missed)[0])


def test_a_risk_that_moves_too_much_from_refit_to_refit_is_told_at_once(bedside: Manifest, followup: Manifest) -> None:
    calm = InstabilityReport(200, 0.05, 0.2, [(0.5, 0.4, 0.6)], [])
    short = judgement.in_short
    assert "**missed**: Mean change of a risk." in "\n".join(texts([short(bedside, report_of())]))
    assert "stability" not in "\n".join(texts([short(bedside, report_of(instability=calm))]))
    assert "stability" not in "\n".join(texts([short(followup, report_of())]))
    told = "\n".join(texts([performance.instability(bedside, report_of())]))
    assert "missed by 0.057" in told
    assert "Median width of a patient’s range: 0.233; the goal, at most 0.25, is reached" in told


def test_a_model_that_is_never_useful_and_a_cohort_without_subgroups_are_told(bedside: Manifest) -> None:
    useless = evaluation_of(decision_curve=[NetBenefit(0.1, -0.1, 0, 0.2)], subgroups=[])
    report = report_of(evaluation=useless)
    (figure,) = [one for one in performance.net_benefit(bedside, report).parts if isinstance(one, Figure)]
    assert "at 0 of the 1 thresholds; it" in figure.seen
    assert "furthest apart" not in "\n".join(texts([performance.subgroups(report)]))
    assert "furthest apart among women: 28.5% predicted, 31.5% died" in "\n".join(
        texts([performance.subgroups(report_of())])
    )


def test_what_a_calibration_plot_shows_is_counted() -> None:
    seen = performance.bins_seen([Bin(10, 0.1, 0.2), Bin(10, 0.5, 0.2), Bin(10, 0.8, 0.81)])
    assert "In 2 of them more died than predicted" in seen
    assert "where 50% were predicted and 20% died" in seen


def test_a_curve_without_a_null_score_shows_a_dash() -> None:
    (section,) = curve.survival(report_of())
    (table,) = [part for part in section.parts if isinstance(part, Table) and part.head[1] == "Curve"]
    assert [row[2] for row in table.rows] == ["–", "–", "0.195 ± 0.050", "–"]


def test_variables_stand_with_their_typical_value_and_their_role(bedside: Manifest) -> None:
    (table,) = origin.variables(bedside, report_of()).parts
    assert isinstance(table, Table)
    rows = {row[0]: row for row in table.rows}
    assert rows["Platelets"][-2:] == ("25", "used" if "platelets" in bedside.used else "not used")
    assert rows["Age"][-1] == "required"
    assert set(rows) == {BY_NAME[name].label for name in bedside.variable_names}
    spare = msgspec.structs.replace(bedside, required=["age"])
    (table,) = origin.variables(spare, report_of()).parts
    assert isinstance(table, Table)
    assert {row[-1] for row in table.rows if row[0] == "Ejection fraction"} == {"used"}
