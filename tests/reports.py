"""Reports made by hand, with every part that one can have, and bundles that hold them."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING, Final

import msgspec

from heartapp.card import write_card
from heartapp.inference.bundle import CARD, MANIFEST, MEMBERS, REPORT, FileEntry, read_bundle, read_served
from heartapp.inference.report import (
    Bin,
    CohortFigures,
    Evaluation,
    GoalResult,
    HorizonCalibration,
    InstabilityReport,
    NetBenefit,
    Protocol,
    Report,
    Spread,
    Subgroup,
    SurvivalEvaluation,
)

if TYPE_CHECKING:
    from pathlib import Path

    from heartapp.inference.bundle import Manifest

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
CURVE: Final = {"harrell_c": 0.751, "uno_c": 0.768, "integrated_brier": 0.157, "auc_90": 0.772}


def spread_of(mean: float) -> Spread:
    return Spread(mean, 0.05, mean - 0.1, mean + 0.1)


def bins_of(patients: int) -> list[Bin]:
    return [Bin(patients, round(0.05 + 0.09 * step, 6), round(0.02 + 0.1 * step, 6)) for step in range(10)]


def goal_of(figure: str, value: float, **changed: object) -> GoalResult:
    goal = GoalResult(figure, value, (0.8, 1), (0.815, 1), "goal")
    return msgspec.structs.replace(goal, **changed)


def evaluation_of(**changed: object) -> Evaluation:
    """An evaluation whose figures are all different."""
    metrics = {name: spread_of(mean) for name, mean in METRICS.items()}
    evaluation = Evaluation(
        protocol=Protocol("StratifiedShuffleSplit", 100, 60, 20260101),
        metrics=metrics,
        members={member: {name: spread_of(mean - 0.01) for name, mean in METRICS.items()} for member in MEMBERS},
        comparators={"spline_regression": {name: spread_of(mean - 0.003) for name, mean in METRICS.items()}},
        calibration_slope=1.034,
        calibration_intercept=-0.012,
        expected_calibration_error=0.047,
        calibration_bins=bins_of(600),
        roc_curve=[(step / 50, (step / 50) ** 0.25) for step in range(51)],
        precision_recall_curve=[(step / 50, 1 - 0.68 * (step / 50) ** 2) for step in range(51)],
        decision_curve=[
            NetBenefit(round(0.05 * step, 2), 0.29 - 0.022 * step, 0.288 - 0.0215 * step, round(0.32 - 0.08 * step, 3))
            for step in range(1, 13)
        ],
        subgroups=[
            Subgroup("women", 105, 2100, 0.815, 0.157, 0.315, 0.285),
            Subgroup("men", 194, 3900, 0.808, 0.163, 0.317, 0.341),
        ],
        goals=[
            goal_of("roc_auc", 0.811),
            goal_of("mcc", 0.46, goal=(0.5, 1), stretch=(0.52, 1), reached="missed"),
            goal_of("brier", 0.13, goal=(0, 0.163), stretch=(0, 0.158), reached="stretch", alarm=True),
            goal_of("calibration_intercept", -0.012, goal=(-0.05, 0.05), stretch=(-0.03, 0.03)),
        ],
        chosen={"age, ejection_fraction, serum_creatinine": 93, "age, serum_creatinine, serum_sodium": 7},
    )
    return msgspec.structs.replace(evaluation, **changed)


def survival_of() -> SurvivalEvaluation:
    return SurvivalEvaluation(
        protocol=Protocol("StratifiedShuffleSplit", 100, 60, 20260101),
        last_day=240,
        metrics={name: spread_of(mean) for name, mean in CURVE.items()},
        null={"integrated_brier": spread_of(0.195)},
        calibration=[HorizonCalibration(day, 0.981, 0.44, -0.006, bins_of(500)) for day in (90, 180)],
        goals=[goal_of("harrell_c", 0.751), goal_of("calibration_slope_90", 0.981, goal=(0.85, 1.15))],
        penalties={"5": 40, "10": 60},
    )


def report_of(**changed: object) -> Report:
    """A report with every part."""
    report = Report(
        cohort=CohortFigures(
            "the published data set", "sha256:" + "a" * 64, 299, 96, {"platelets": 25, "serum_creatinine": 19}
        ),
        hyperparameters={
            "decision_tree": {"criterion": "gini", "max_depth": None},
            "random_forest": {"max_depth": 8, "subsample": 0.5},
            "gradient_boosting": {"max_depth": 3, "subsample": 0.5},
        },
        instability=InstabilityReport(
            refits=100,
            mean_absolute_change=0.117,
            median_width=0.233,
            ranges=[(0.08 * step + 0.05, 0.06 * step + 0.01, 0.07 * step + 0.2) for step in range(10)],
            goals=[
                GoalResult("mean_absolute_change", 0.117, (0, 0.06), (0, 0.06), "missed"),
                GoalResult("median_width", 0.233, (0, 0.25), (0, 0.25), "stretch"),
            ],
        ),
        evaluation=evaluation_of(),
        survival=survival_of(),
    )
    return msgspec.structs.replace(report, **changed)


def skipped_report() -> Report:
    """What `heartapp train --skip-report` writes."""
    return report_of(evaluation=None, survival=None, instability=None)


def manifest_of(models: Path, name: str) -> Manifest:
    """A shipped model's manifest."""
    return read_bundle(models, name, read_served(models)[name]).manifest


def models_with(models: Path, folder: Path, report: Report) -> Path:
    """A copy of the served bundles that hold this report, and the card written of it."""
    shutil.copytree(models, folder)
    for name, version in read_served(models).items():
        manifest = manifest_of(models, name)
        files = {REPORT: msgspec.json.encode(report), CARD: write_card(manifest, report).encode()}
        entries = {file: FileEntry(len(data), hashlib.sha256(data).hexdigest()) for file, data in files.items()}
        changed = msgspec.structs.replace(manifest, files={**manifest.files, **entries})
        for file, data in {**files, MANIFEST: msgspec.json.encode(changed)}.items():
            (folder / name / version / file).write_bytes(data)
    return folder
