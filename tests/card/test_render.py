from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from heartapp.card import filters, write_card
from heartapp.clinical.numbers import THIN_SPACE
from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.bundle import read_bundle, read_served
from heartapp.inference.report import CohortFigures
from heartapp.training.audit import audit
from heartapp.ui.model_page import anchor
from heartapp.ui.plots import plots
from tests.reports import evaluation_of, manifest_of, report_of, skipped_report, spread_of

if TYPE_CHECKING:
    from pathlib import Path

    from heartapp.inference.bundle import Manifest
    from heartapp.inference.report import Report

DOIS = {
    "10.24432/C5Z89R", "10.1371/journal.pone.0181001", "10.1186/s12911-020-1023-5", "10.1136/bmj-2023-078378",
    "10.1145/3287560.3287596", "10.7326/M18-1377", "10.1002/bimj.202200302", "10.1002/sim.4154",
    "10.1186/s12916-019-1466-7", "10.1093/jamia/ocac093", "10.1177/0272989X06295361", "10.7326/M18-1376",
}  # fmt: skip


@pytest.fixture(scope="module")
def bedside(models: Path) -> Manifest:
    return manifest_of(models, "bedside")


def section(card: str, title: str) -> str:
    return card.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]


def check_structure(card: str, report: Report) -> None:
    """Links resolve, tables have even rows, and every plot has its place."""
    headings = [anchor(title) for title in re.findall(r"^## (.*)$", card, re.MULTILINE)]
    links = set(re.findall(r"\]\(#([^)]*)\)", card))
    assert len(set(headings)) == len(headings)
    assert links
    assert links <= set(headings)
    for block in card.split("\n\n"):
        assert len({line.count("|") for line in block.splitlines() if line.startswith("|")}) <= 1, block
    assert sorted(re.findall(r"^!\[[^]]+]\(plot:(.*)\)$", card, re.MULTILINE)) == sorted(plots(report))
    assert "\n\n\n" not in card
    assert "heart attack" not in card.lower()


@pytest.mark.parametrize("report", [report_of(), skipped_report()], ids=["full", "skipped"])
@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_links_resolve_tables_are_even_and_plots_are_placed(models: Path, name: str, report: Report) -> None:
    check_structure(write_card(manifest_of(models, name), report), report)


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_the_shipped_bundles_give_a_card_with_every_source(models: Path, name: str) -> None:
    bundle = read_bundle(models, name, read_served(models)[name])
    card = write_card(bundle.manifest, bundle.report)
    check_structure(card, bundle.report)
    assert card.startswith(f"# heartapp {name}, version {bundle.manifest.version}\n")
    assert set(re.findall(r"https://doi\.org/([^)]+)", card)) == DOIS
    assert len(card.splitlines()) <= 250


def test_every_citation_has_a_source(bedside: Manifest) -> None:
    card = write_card(bedside, report_of())
    sources = section(card, "Sources").lower()
    cited = set(re.findall(r"(\w+(?: et al\.| and \w+)) \(?(\d{4})\b", card.split("## Sources")[0]))
    assert len(cited) >= 8
    assert {one for one in cited if " ".join(one).lower() not in sources} == set()


def test_every_figure_of_the_report_is_there(bedside: Manifest) -> None:
    report = report_of()
    evaluation, survival, instability = report.evaluation, report.survival, report.instability
    assert evaluation
    assert survival
    assert instability
    card = write_card(bedside, report)
    measures = [evaluation.metrics, *evaluation.comparators.values(), survival.metrics, survival.null]
    assert [one for measure in measures for one in measure.values() if filters.spread(one) not in card] == []
    single = [
        evaluation.calibration_slope,
        evaluation.calibration_intercept,
        evaluation.expected_calibration_error,
        instability.median_width,
        instability.mean_absolute_change,
        *(one.slope for one in survival.calibration),
        *(one.value for one in (*evaluation.goals, *survival.goals, *instability.goals)),
    ]
    assert [one for one in single if filters.three(one) not in card] == []
    assert len(re.findall(r"^\| [\d.]+% \| [\d.]+% \|$", section(card, "Calibration"), re.MULTILINE)) == 10


def test_missed_goals_are_named_on_top_and_in_their_table(bedside: Manifest) -> None:
    card = write_card(bedside, report_of())
    for title in ("In short", "Goals"):
        assert re.search(r"\*\*[mM]issed\*\*: Matthews correlation, Mean change of a risk\b", section(card, title))
    assert "| Matthews correlation | 0.460 | at least 0.50 | **missed** by 0.040 |" in card
    assert "| Mean change of a risk | 0.117 | at most 0.06 | **missed** by 0.057 |" in card


def test_without_a_missed_goal_none_is_named(bedside: Manifest) -> None:
    card = write_card(bedside, report_of(evaluation=evaluation_of(goals=[]), instability=None))
    assert "missed" not in card.lower()
    assert "Goals | 2 of 2 reached" in section(card, "In short")


def test_without_an_evaluation_no_performance_is_given(bedside: Manifest) -> None:
    card = write_card(bedside, skipped_report())
    for title in ("In short", "Performance"):
        assert "--skip-report" in section(card, title)
    assert "## Goals" not in card
    assert "±" not in card


@pytest.mark.parametrize(
    ("plain", "text"),
    [
        ({"roc_auc": 0.80, "brier": 0.17, "mcc": 0.4}, "**The trees beat it**"),
        ({"roc_auc": 0.82, "brier": 0.15, "mcc": 0.6}, "**The trees do not beat it**"),
        ({"roc_auc": 0.8114, "brier": 0.1612, "mcc": 0.5069}, "**The trees do not beat it**"),
        ({"roc_auc": 0.80, "brier": 0.15, "mcc": 0.4}, "only in ROC AUC and Matthews correlation**"),
        ({"roc_auc": 0.82, "brier": 0.17, "mcc": 0.6}, "only in Brier score**"),
    ],
)
def test_the_comparison_with_the_plain_regression_is_on_top_either_way(
    bedside: Manifest, plain: dict[str, float], text: str
) -> None:
    evaluation = evaluation_of()
    metrics = evaluation.comparators["spline_regression"] | {name: spread_of(mean) for name, mean in plain.items()}
    evaluation = msgspec.structs.replace(evaluation, comparators={"spline_regression": metrics})
    short = section(write_card(bedside, report_of(evaluation=evaluation)), "In short")
    assert text in short
    assert f"ROC AUC 0.811 against {plain['roc_auc']:.3f}" in short


def test_the_card_of_followup_says_on_top_that_follow_up_time_leaks_the_outcome(models: Path) -> None:
    first = {name: write_card(manifest_of(models, name), report_of()).split("\n\n")[1] for name in MODEL_VARIABLES}
    assert first["followup"].startswith("> **Follow-up time leaks the outcome.**")
    assert not first["bedside"].startswith(">")


def test_facts_about_the_published_table_are_not_given_for_another_one(bedside: Manifest) -> None:
    other = write_card(bedside, report_of(cohort=CohortFigures("another table", "sha256:" + "b" * 64, 150, 60, {})))
    published = write_card(bedside, report_of())
    for fact in ("Faisalabad", "1.83", "NYHA"):
        assert fact in published
        assert fact not in other
    assert "150 patients, 60 deaths" in other


def test_variables_have_their_range_missing_values_and_role(bedside: Manifest) -> None:
    spare = msgspec.structs.replace(bedside, required=["age"])
    rows = re.findall(r"^\| (.*?) \| (.*?) \| (\d+) \| (.*?) \|$", write_card(spare, report_of()), re.MULTILINE)
    assert [row[0] for row in rows] == [BY_NAME[name].label for name in bedside.variable_names]
    assert ("Age", "40 to 95 years", "0", "required") in rows
    assert ("Ejection fraction", "14 to 80%", "0", "used") in rows
    assert ("Platelets", f"25{THIN_SPACE}100 to 850{THIN_SPACE}000 per µL", "25", "not used") in rows


@pytest.mark.data
def test_the_faults_of_the_data_are_those_that_the_audit_finds(bedside: Manifest, published_data: Path) -> None:
    faults = section(write_card(bedside, report_of()), "Data and its faults")
    found = audit(published_data).text()
    for finding, text in {
        "serum_creatinine: 1.83 in 8 rows, all of whom died": "1.83 in 8 rows, all of whom died",
        "serum_creatinine: 1.18 in 11 rows, all of whom survived": "1.18 in 11 rows, all of whom survived",
        "creatinine_phosphokinase: 582 in 47 rows": "582 in 47 rows",
        f"263{THIN_SPACE}358.03 in 25 rows": f"263{THIN_SPACE}358.03 in 25 rows",
        "by day 90, 43 of 203 survivors had left; mortality by Kaplan-Meier is 23.7%": "23.7% had died by day 90",
        "by day 180, 106 of 203 survivors had left; mortality by Kaplan-Meier is 34.6%": "34.6% by day 180",
        "the rows are sorted by time": "sorted by follow-up time",
    }.items():
        assert finding in found
        assert text in faults
    assert "Of 203 survivors, 43 left before day 90 and 106 before day 180" in faults
