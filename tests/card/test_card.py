import re
from pathlib import Path

import msgspec
import pytest

from heartapp.card import filters, write_card
from heartapp.card.plots import plots
from heartapp.clinical.numbers import THIN_SPACE
from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.bundle import Manifest
from heartapp.inference.report import CohortFigures, Estimate, Report, Spread
from heartapp.training.audit import audit
from heartapp.ui.model_page import anchor
from tests.reports import evaluation_of, manifest_of, report_of, skipped_report, undated_report

DOIS = {
    "10.24432/C5Z89R", "10.1371/journal.pone.0181001", "10.1186/s12911-020-1023-5", "10.1136/bmj-2023-078378",
    "10.7326/M18-1377", "10.7326/M18-1376", "10.1002/bimj.202200302", "10.1177/0272989X06295361",
    "10.1023/A:1024068626366", "10.1093/eurheartj/ehs337",
}  # fmt: skip
REPORTS = {"full": report_of(), "undated": undated_report(), "skipped": skipped_report()}
LONGEST = 145
"""Lines of a card."""


@pytest.fixture(scope="module")
def bedside(models: Path) -> Manifest:
    """A dated model's."""
    return msgspec.structs.replace(manifest_of(models, "bedside"), horizon=180)


def section(card: str, title: str) -> str:
    return card.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_links_resolve_tables_are_even_and_plots_are_placed(models: Path, name: str, report: Report) -> None:
    horizon = report.evaluation.horizon if report.evaluation else None
    manifest = msgspec.structs.replace(manifest_of(models, name), horizon=horizon)
    card = write_card(manifest, report)
    assert card.startswith(f"# heartapp {name}, version {manifest.version}\n")
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
    assert len(card.splitlines()) <= LONGEST


def test_the_card_begins_with_a_label_of_facts_and_links_its_sources(bedside: Manifest) -> None:
    card = write_card(bedside, report_of())
    assert set(re.findall(r"https://doi\.org/([^)]+)", card)) == DOIS
    assert re.findall(r"^## (.*)$", card, re.MULTILINE)[0] == "Facts"
    label = section(card, "Facts")
    facts = dict(re.findall(r"^\| (.*?) \| (.*) \|$", label, re.MULTILINE))
    assert "299 patients" in facts["Who"]
    assert "within 180 days" in facts["Outcome"]
    assert facts["Inputs"] == "Uses age, ejection fraction and serum creatinine; records the others"
    assert "AUC by day 180 0.781 (0.681 to 0.881), Brier score by day 180 0.179 (0.079 to 0.279)" in facts["How good"]
    assert "No clear difference" in facts["Beside a plain regression"]
    assert "**High**" in facts["Risk of bias"]
    assert "the model’s page" in facts["Tested elsewhere"]
    assert "Clinical decisions" in facts["Must not be used for"]
    assert len(label.split()) <= 200


def test_every_figure_of_the_report_has_its_interval(bedside: Manifest) -> None:
    report = report_of()
    evaluation, instability = report.evaluation, report.instability
    assert evaluation
    assert instability
    card = write_card(bedside, report)
    figures: list[Spread | Estimate] = [
        *evaluation.metrics.values(),
        *evaluation.comparator.values(),
        *(one.slope for one in evaluation.calibration),
        *(figure for one in evaluation.subgroups for figure in (one.auc, one.brier, one.observed, one.expected)),
        instability.mean_absolute_change,
        instability.median_width,
    ]
    assert [one for one in figures if filters.interval(one) not in card] == []
    signed = [*evaluation.difference.values(), *(one.intercept for one in evaluation.calibration)]
    assert [one for one in signed if filters.difference(one) not in card] == []
    assert "100 random stratified splits (seeds 20260201, 20260202, 20260203, 20260204, 20260205)" in card


def test_missed_goals_are_named_on_top_and_beside_their_figure(bedside: Manifest) -> None:
    card = write_card(bedside, report_of())
    for title in ("Facts", "Performance"):
        assert re.search(r"\*\*[mM]issed\*\*: Matthews correlation\b.*Mean change of a risk\b", section(card, title))
    assert (
        "Matthews correlation, 0.460 and not at least 0.50; Mean change of a risk, 0.117 and not at most 0.06" in card
    )
    assert "look for a leak: Brier score by day 180" in card

    without = write_card(bedside, report_of(evaluation=evaluation_of(goals=[]), instability=None))
    assert "missed" not in without.lower()
    assert "leak: " not in without
    assert "Goals | 1 of 1 reached" in section(without, "Facts")


def test_without_an_evaluation_no_performance_is_given(bedside: Manifest) -> None:
    card = write_card(bedside, skipped_report())
    for title in ("Facts", "Performance"):
        assert "--skip-report" in section(card, title)
    assert "Goals" not in card


def test_an_undated_model_says_that_its_risk_has_no_date(models: Path) -> None:
    card = write_card(msgspec.structs.replace(manifest_of(models, "bedside"), horizon=None), undated_report())
    assert "without a date" in section(card, "Facts")
    assert "During follow-up | 1.034" in section(card, "Performance")
    assert "by day" not in section(card, "How it was made")


def test_the_card_of_followup_says_on_top_that_follow_up_time_leaks_the_outcome(models: Path) -> None:
    first = {name: write_card(manifest_of(models, name), undated_report()).split("\n\n")[1] for name in MODEL_VARIABLES}
    assert first["followup"].startswith("> **Follow-up time leaks the outcome.**")
    assert not first["bedside"].startswith(">")


def test_facts_about_the_published_table_are_not_given_for_another_one(bedside: Manifest) -> None:
    other = write_card(bedside, report_of(cohort=CohortFigures("another table", "sha256:" + "b" * 64, 150, 60, {})))
    published = write_card(bedside, report_of())
    for fact in ("Faisalabad", "1.83", "NYHA"):
        assert fact in published
        assert fact not in other
    assert "150 patients, 60 deaths" in other
    assert "heartapp train --data TABLE" in other


def test_only_variables_in_use_have_a_row_with_their_range_and_missing_values(bedside: Manifest) -> None:
    rows = re.findall(r"^\| (.*?) \| (.*?) \| (\d+) \|$", write_card(bedside, report_of()), re.MULTILINE)
    assert [row[0] for row in rows] == [BY_NAME[name].label for name in bedside.used]
    assert ("Age", "40 to 95 years", "0") in rows
    assert ("Serum creatinine", "0.5 to 9.4 mg/dL", "19") in rows


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
