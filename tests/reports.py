"""Reports with changes, and bundles that hold them. The shipped bedside model's report has every part."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from heartapp.card import write_card
from heartapp.inference.bundle import CARD, MANIFEST, REPORT, FileEntry, read_bundle, read_served
from heartapp.inference.report import Bin, GoalResult, Spread

if TYPE_CHECKING:
    from heartapp.inference.bundle import Manifest
    from heartapp.inference.report import Evaluation, Report, SurvivalEvaluation

MODELS: Final = Path(__file__).parents[1] / "models"
METRICS: Final = {
    "roc_auc": 0.811,
    "pr_auc": 0.682,
    "brier": 0.161,
    "mcc": 0.507,
    "sensitivity": 0.764,
    "specificity": 0.773,
    "roc_auc_unaffected": 0.803,
    "net_benefit_20": 0.212,
    "net_benefit_30": 0.176,
}


def spread_of(mean: float) -> Spread:
    return Spread(mean, 0.05, mean - 0.1, mean + 0.1)


def goal_of(figure: str, value: float, **changed: object) -> GoalResult:
    return msgspec.structs.replace(GoalResult(figure, value, (0.8, 1), (0.815, 1), "goal"), **changed)


def shipped() -> Report:
    return read_bundle(MODELS, "bedside", read_served(MODELS)["bedside"]).report


def report_of(**changed: object) -> Report:
    """The shipped report with simple figures; one goal of the refits is missed."""
    instability = shipped().instability
    assert instability is not None
    instability = msgspec.structs.replace(
        instability,
        ranges=[(0.08 * step + 0.05, 0.06 * step + 0.01, 0.07 * step + 0.2) for step in range(10)],
        goals=[
            GoalResult("mean_absolute_change", 0.117, (0, 0.06), (0, 0.06), "missed"),
            GoalResult("median_width", 0.233, (0, 0.25), (0, 0.25), "stretch"),
        ],
    )
    parts = {"evaluation": evaluation_of(), "instability": instability, "survival": survival_of()}
    return msgspec.structs.replace(shipped(), **{**parts, **changed})


def evaluation_of(**changed: object) -> Evaluation:
    """The shipped evaluation with simple figures; one goal is missed and one figure too good."""
    evaluation = shipped().evaluation
    assert evaluation is not None
    parts = {
        "metrics": {name: spread_of(mean) for name, mean in METRICS.items()},
        "calibration_bins": [Bin(600, round(0.05 + 0.09 * step, 6), round(0.02 + 0.1 * step, 6)) for step in range(10)],
        "goals": [
            goal_of("roc_auc", 0.811),
            goal_of("mcc", 0.46, goal=(0.5, 1), stretch=(0.52, 1), reached="missed"),
            goal_of("brier", 0.13, goal=(0, 0.163), stretch=(0, 0.158), reached="stretch", alarm=True),
            goal_of("calibration_intercept", -0.012, goal=(-0.05, 0.05), stretch=(-0.03, 0.03)),
        ],
    }
    return msgspec.structs.replace(evaluation, **{**parts, **changed})


def survival_of() -> SurvivalEvaluation:
    """The shipped evaluation of the survival curve, whose goals are reached."""
    survival = shipped().survival
    assert survival is not None
    return msgspec.structs.replace(survival, goals=[goal_of("harrell_c", 0.751), goal_of("uno_c", 0.768)])


def skipped_report() -> Report:
    """The report after `heartapp train --skip-report`."""
    return report_of(evaluation=None, survival=None, instability=None)


def manifest_of(models: Path, name: str) -> Manifest:
    """A shipped model's manifest."""
    return read_bundle(models, name, read_served(models)[name]).manifest


def models_with(models: Path, folder: Path, report: Report) -> Path:
    """A copy of the served bundles with this report and its card."""
    shutil.copytree(models, folder)
    for name, version in read_served(models).items():
        manifest = manifest_of(models, name)
        files = {REPORT: msgspec.json.encode(report), CARD: write_card(manifest, report).encode()}
        entries = {file: FileEntry(len(data), hashlib.sha256(data).hexdigest()) for file, data in files.items()}
        changed = msgspec.structs.replace(manifest, files={**manifest.files, **entries})
        for file, data in {**files, MANIFEST: msgspec.json.encode(changed)}.items():
            (folder / name / version / file).write_bytes(data)
    return folder
