"""Reports made by hand, with every part that one can have, and bundles that hold them."""

import hashlib
import shutil
from pathlib import Path
from typing import Final

import msgspec

from heartapp.card import write_card
from heartapp.inference.bundle import CARD, MANIFEST, MEMBERS, REPORT, FileEntry, Manifest, read_bundle
from heartapp.inference.report import (
    Bin,
    CalibrationReport,
    CohortFigures,
    Estimate,
    Evaluation,
    GoalResult,
    InstabilityReport,
    NetBenefit,
    Protocol,
    Report,
    Shape,
    Spread,
    Subgroup,
)
from heartapp.inference.served import read_served

METRICS: Final = {
    "roc_auc": 0.811,
    "pr_auc": 0.682,
    "mcc": 0.507,
    "sensitivity": 0.764,
    "specificity": 0.773,
    "roc_auc_unaffected": 0.803,
}
DATED: Final = {"auc_90": 0.772, "auc_180": 0.781, "brier_180": 0.179, "harrell": 0.751, "uno": 0.768}
UNDATED: Final = {"brier": 0.161}


def spread_of(mean: float) -> Spread:
    return Spread(mean, 0.05, round(mean - 0.1, 6), round(mean + 0.1, 6))


def estimate_of(value: float, reach: float = 0.02) -> Estimate:
    return Estimate(value, round(value - reach, 6), round(value + reach, 6))


def calibration_of(day: int | None) -> CalibrationReport:
    shift = (day or 0) / 10_000
    bins = [Bin(600, round(0.05 + 0.09 * step, 6), estimate_of(round(0.02 + 0.1 * step, 6))) for step in range(10)]
    return CalibrationReport(day, estimate_of(1.034 + shift, 0.2), estimate_of(-0.012 - shift, 0.04), bins)


def evaluation_of(horizon: int | None = 180, **changed: object) -> Evaluation:
    """An evaluation whose figures are all different."""
    days = (90, horizon) if horizon else (None,)
    figures = METRICS | (DATED if horizon else UNDATED)
    evaluation = Evaluation(
        protocol=Protocol("StratifiedShuffleSplit", 100, 60, [20260201 + place for place in range(5)], 500),
        horizon=horizon,
        metrics={name: spread_of(mean) for name, mean in figures.items()},
        members={member: {name: spread_of(mean - 0.01) for name, mean in METRICS.items()} for member in MEMBERS},
        comparator={name: spread_of(round(mean - 0.003, 6)) for name, mean in figures.items()},
        difference={name: estimate_of(0.003) for name in figures},
        calibration=[calibration_of(day) for day in days],
        decision_curve=[
            NetBenefit(
                round(0.05 * step, 2),
                estimate_of(0.29 - 0.022 * step),
                estimate_of(0.288 - 0.0215 * step),
                estimate_of(round(0.32 - 0.08 * step, 3)),
            )
            for step in range(1, 13)
        ],
        subgroups=[
            Subgroup("women", 105, *map(estimate_of, (0.815, 0.157, 0.315, 0.285))),
            Subgroup("men", 194, *map(estimate_of, (0.808, 0.163, 0.317, 0.341))),
        ],
        goals=[
            GoalResult("roc_auc", 0.811, (0.8, 1), (0.815, 1), "goal"),
            GoalResult("mcc", 0.46, (0.5, 1), None, "missed"),
            GoalResult("brier_180", 0.13, (0, 0.163), (0, 0.158), "stretch", alarm=True),
            GoalResult("slope_180", 1.052, (0.88, 1.15), None, "goal"),
        ],
    )
    return msgspec.structs.replace(evaluation, **changed)


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
        evaluation=evaluation_of(),
        instability=InstabilityReport(
            refits=100,
            mean_absolute_change=estimate_of(0.117),
            median_width=estimate_of(0.233),
            ranges=[(0.08 * step + 0.05, 0.06 * step + 0.01, 0.07 * step + 0.2) for step in range(10)],
            goals=[
                GoalResult("mean_absolute_change", 0.117, (0, 0.06), (0, 0.05), "missed"),
                GoalResult("median_width", 0.233, (0, 0.24), (0, 0.20), "goal"),
            ],
        ),
        shape=Shape(0.187, 0.0, [GoalResult("largest_step", 0.187, (0, 0.2), None, "goal")]),
    )
    return msgspec.structs.replace(report, **changed)


def undated_report() -> Report:
    """What training on a table without the follow-up time writes, and what the model ``followup`` has."""
    return report_of(evaluation=evaluation_of(None), instability=None, shape=None)


def skipped_report() -> Report:
    """What `heartapp train --skip-report` writes."""
    return report_of(evaluation=None, instability=None, shape=None)


def manifest_of(models: Path, name: str) -> Manifest:
    """A shipped model's manifest."""
    return read_bundle(models, name, read_served(models)[name]).manifest


def models_with(models: Path, folder: Path, report: Report) -> Path:
    """A copy of the served bundles that hold this report, and the card written of it."""
    shutil.copytree(models, folder)
    served = read_served(models)
    # Without digests, which the changed manifests no longer have.
    (folder / "served.toml").write_text("".join(f'{name} = "{version}"\n' for name, version in served.items()), "utf-8")
    for name, version in served.items():
        manifest = manifest_of(models, name)
        files = {REPORT: msgspec.json.encode(report), CARD: write_card(manifest, report).encode()}
        entries = {file: FileEntry(len(data), hashlib.sha256(data).hexdigest()) for file, data in files.items()}
        changed = msgspec.structs.replace(manifest, files={**manifest.files, **entries})
        for file, data in {**files, MANIFEST: msgspec.json.encode(changed)}.items():
            (folder / name / version / file).write_bytes(data)
    return folder
