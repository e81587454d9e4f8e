"""docs/science.md agrees with the served bundles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from heartapp.card import write_card
from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import read_bundle, read_served

if TYPE_CHECKING:
    from heartapp.inference.bundle import Bundle

ROOT: Final = Path(__file__).parents[1]
SCIENCE: Final = (ROOT / "docs" / "science.md").read_text("utf-8")
MEASURES: Final = {
    "roc_auc": "ROC AUC",
    "brier": "Brier score",
    "mcc": "Matthews correlation",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
}


@pytest.fixture(scope="module")
def bundles(models: Path) -> dict[str, Bundle]:
    return {name: read_bundle(models, name, read_served(models)[name]) for name in MODEL_VARIABLES}


def performance_table(bundles: dict[str, Bundle]) -> str:
    """The table of performance, from the reports."""
    bedside, followup = (bundles[name].report.evaluation for name in ("bedside", "followup"))
    assert bedside
    assert followup
    columns = [bedside.metrics, bedside.comparators["spline_regression"], followup.metrics]
    head = f"| held-out patients, mean ± sd of {bedside.protocol.splits} splits "
    lines = [head + "| `bedside` | plain regression | `followup` |", "|---|---|---|---|"]
    for measure, label in MEASURES.items():
        figures = [column[measure] for column in columns]
        lines.append(f"| {label} | " + " | ".join(f"{one.mean:.3f} ± {one.sd:.3f}" for one in figures) + " |")
    slopes = f"{bedside.calibration_slope:.2f} | | {followup.calibration_slope:.2f}"
    lines.append(f"| calibration slope (1 is ideal) | {slopes} |")
    return "\n".join(lines)


def test_the_performance_is_that_of_the_served_bundles(bundles: dict[str, Bundle]) -> None:
    assert performance_table(bundles) in SCIENCE


def test_every_missed_goal_is_named(bundles: dict[str, Bundle]) -> None:
    for bundle in bundles.values():
        (missed,) = re.findall(r"\*\*Missed\*\*: (.*)\.", write_card(bundle.manifest, bundle.report))
        text = SCIENCE.lower().replace("\n", " ").replace("'", "’")
        assert [goal for goal in missed.split(", ") if goal.lower() not in text] == []


def test_every_linked_file_is_there() -> None:
    linked = re.findall(r"\]\(((?!https?:)[^)#]+)\)", SCIENCE)
    assert linked
    assert [path for path in linked if not (ROOT / "docs" / path).exists()] == []
