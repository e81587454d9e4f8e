from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import read_bundle, read_served
from heartapp.inference.telling import performance, tell
from heartapp.training import reproduction
from heartapp.training.audit import audit
from heartapp.training.card import write_card
from tests.reports import manifest_of, report_of, skipped_report

if TYPE_CHECKING:
    from pathlib import Path

    from heartapp.inference.report import Report


@pytest.mark.parametrize("report", [report_of(), skipped_report()], ids=["full", "skipped"])
@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_a_card_has_every_section_and_tables_of_even_rows(models: Path, name: str, report: Report) -> None:
    manifest = manifest_of(models, name)
    card = write_card(manifest, report)
    assert card.startswith(f"# heartapp {name}, version {manifest.version}\n")
    assert re.findall(r"^## (.*)$", card, re.MULTILINE) == [section.title for section in tell(manifest, report)]
    for block in card.split("\n\n"):
        rows = [line for line in block.split("\n") if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1, block
    assert "heart attack" not in card.lower()
    assert card.endswith(".\n")


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_the_shipped_card_says_what_the_page_says(models: Path, name: str) -> None:
    bundle = read_bundle(models, name, read_served(models)[name])
    assert bundle.card.decode() == write_card(bundle.manifest, bundle.report)


def test_a_card_of_the_model_that_is_told_the_future_opens_with_that(models: Path) -> None:
    manifest = manifest_of(models, "followup")
    card = write_card(manifest, report_of())
    assert card.index("> **This model is told the future.**") < card.index("- The risk that a patient")


def test_long_numbers_of_a_plot_are_given_in_steps_and_short_ones_in_full(models: Path) -> None:
    card = write_card(manifest_of(models, "bedside"), report_of())
    roc, recall = card.split("**Points of the curve, every 5th; `report.json` has them all**")[1:]
    assert len(re.findall(r"^\| \d+% \|", roc.split("\n\n")[1], re.MULTILINE)) == 11
    assert len(re.findall(r"^\| \d+% \|", recall.split("\n\n")[1], re.MULTILINE)) == 11
    decision = card.split("**Net benefit by threshold**\n\n")[1].split("\n\n")[0]
    assert decision.count("\n") == 13


def test_a_bar_in_a_cell_does_not_end_it(models: Path) -> None:
    report = msgspec.structs.replace(report_of(), hyperparameters={"decision_tree": {"criterion": "gini|other"}})
    assert r"| gini\|other |" in write_card(manifest_of(models, "bedside"), report)


@pytest.mark.parametrize(
    ("told", "published"),
    [
        (performance.CHICCO_BEDSIDE, reproduction._BEDSIDE),
        (performance.CHICCO_FOLLOWUP, reproduction._FOLLOWUP),
    ],
)
def test_published_figures_are_those_that_the_reproduction_is_held_against(
    told: tuple[tuple[str, float, float, str], ...], published: tuple[reproduction._Method, ...]
) -> None:
    rows = [method for method in published if method.theirs]
    assert [(mcc, area) for _, mcc, area, _ in told] == [(row.theirs[0], row.theirs[-1]) for row in rows]
    assert ["hard labels" in of for *_, of in told] == [row.hard for row in rows]
    assert ["swapped" in of for *_, of in told] == [row.swapped for row in rows]


@pytest.mark.data
def test_what_is_told_of_the_data_is_what_the_audit_finds(models: Path, published_data: Path) -> None:
    card = write_card(manifest_of(models, "bedside"), report_of())
    found = audit(published_data).text()
    for finding, told in {
        "serum_creatinine: 1.83 in 8 rows, all of whom died": "of 1.83 stands in 8 rows, all of whom died",
        "serum_creatinine: 1.18 in 11 rows, all of whom survived": "1.18 in 11, all of whom survived",
        "creatinine_phosphokinase: 582 in 47 rows": "phosphokinase of 582 stands in 47 rows",
        "263 358.03 in 25 rows": "263 358.03 in 25",
        "by day 90, 43 of 203 survivors had left; mortality by Kaplan-Meier is 23.7%": "23.7% had died by day 90",
        "by day 180, 106 of 203 survivors had left; mortality by Kaplan-Meier is 34.6%": "34.6% by day 180",
        "the rows are sorted by time": "sorted by follow-up time",
    }.items():
        assert finding in found
        assert told in card
    assert "Of the 203 survivors 43 had left before day 90 and 106 before day 180" in card
