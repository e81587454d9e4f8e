"""`heartapp train`: from a table to a bundle of each model on disk."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import joblib
import msgspec
import numpy as np

from heartapp.card import write_card
from heartapp.clinical.variables import fingerprint
from heartapp.inference.bundle import (
    CARD,
    FORMAT,
    JOBLIB,
    MANIFEST,
    MEMBERS,
    ONNX,
    REFITS,
    REPORT,
    FileEntry,
    Manifest,
    Platt,
    TrainingData,
)
from heartapp.inference.refits import Refits
from heartapp.inference.report import CohortFigures, Report
from heartapp.inference.survival import SURVIVAL, write_survival
from heartapp.training import description
from heartapp.training.cohort import Cohort
from heartapp.training.defaults import BUNDLE_REFITS, SEED, SPLITS
from heartapp.training.evaluation import evaluate
from heartapp.training.export import find_edges, settle_threshold, to_onnx
from heartapp.training.instability import report_instability
from heartapp.training.members import PLANS
from heartapp.training.recipe import fit_recipe
from heartapp.training.refitting import pack, refit
from heartapp.training.survival import Patients, make_survival
from heartapp.training.survival_evaluation import evaluate_survival
from heartapp.training.writing import next_version, write_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from heartapp.training.data import Table
    from heartapp.training.recipe import FittedRecipe

WITH_SURVIVAL: Final = "bedside"
"""The model that has a survival curve: one that is told the follow-up time has no use for it."""
_LIBRARIES: Final = (
    "numpy",
    "scikit-learn",
    "lifelines",
    "onnx",
    "onnxruntime",
    "onnxmltools",
    "skl2onnx",
    "joblib",
)


def train(
    table: Table, output: Path, *, seed: int = SEED, splits: int = SPLITS, refits: int = BUNDLE_REFITS
) -> list[Path]:
    """Train both models and write one new bundle of each under ``output``, which then serves them.

    Args:
        table: the training data.
        output: the folder of bundles; what is there stays, a new version gets the next number.
        seed: of folds, members and samples.
        splits: of the outer evaluations; 0 leaves them out, and the report then holds no performance.
        refits: on bootstrap samples; 0 leaves them out, and the bundle then cannot tell how sure it is.

    Returns:
        The folders written.
    """
    cohort = Cohort.from_table(table)
    return [_train_model(name, cohort, output, seed=seed, splits=splits, refits=refits) for name in PLANS]


def _train_model(name: str, cohort: Cohort, output: Path, *, seed: int, splits: int, refits: int) -> Path:
    names, features, plan = cohort.names(name), cohort.features(name), PLANS[name]
    fitted = fit_recipe(features, cohort.outcome, names, plan, seed)
    content = to_onnx(fitted, len(names))
    fitted = settle_threshold(fitted, content, features, names)
    files = {ONNX: content, JOBLIB: _joblib(fitted)}
    instability = None
    if refits:
        trees = pack(refit(features, cohort.outcome, names, plan, seed=seed, refits=refits))
        files[REFITS] = trees.to_bytes()
        instability = report_instability(Refits(trees), features, fitted.risk(features))
    patients = _patients(cohort) if name == WITH_SURVIVAL else None
    if patients is not None:
        files[SURVIVAL] = write_survival(make_survival(patients, seed=seed)[1])
    report = Report(
        cohort=_figures(cohort),
        hyperparameters=fitted.settings,
        instability=instability,
        evaluation=evaluate(cohort, name, plan, seed=seed, splits=splits) if splits else None,
        survival=evaluate_survival(patients, seed=seed, splits=splits) if patients and splits else None,
    )
    files[REPORT] = _pretty(report)
    used = [names[column] for column in fitted.columns]
    manifest = Manifest(
        format=FORMAT,
        name=name,
        version=next_version(output, name),
        created=_now(),
        seed=seed,
        files={},
        variables=description.seen(names, features),
        required=description.required(fitted, names, features),
        used=used,
        edges=find_edges(content, names),
        typical=description.typical(names, features),
        domain=description.domain(used, names, features, seed),
        fingerprint=fingerprint(names),
        members=list(MEMBERS),
        calibration=Platt(float(fitted.calibration.slope), float(fitted.calibration.intercept)),
        threshold=fitted.threshold,
        base_rate=fitted.base_rate,
        golden=description.golden(fitted.calibration, content, names, features),
        training_data=TrainingData(cohort.digest, len(cohort.outcome), int(cohort.outcome.sum())),
        libraries={library: version(library) for library in (*_LIBRARIES, _xgboost())},
    )
    files[CARD] = write_card(manifest, report).encode()
    entries = {file: FileEntry(len(data), hashlib.sha256(data).hexdigest()) for file, data in files.items()}
    files[MANIFEST] = _pretty(msgspec.structs.replace(manifest, files=entries))
    return write_bundle(output, name, manifest.version, files)


def _patients(cohort: Cohort) -> Patients:
    """The cohort as the survival model takes it."""
    return Patients(cohort.values, Cohort.names("followup"), cohort.column("time"), cohort.outcome)


def _figures(cohort: Cohort) -> CohortFigures:
    return CohortFigures(
        source=cohort.origin,
        digest=cohort.digest,
        patients=len(cohort.outcome),
        deaths=int(cohort.outcome.sum()),
        fills={
            name: count
            for name, count in zip(Cohort.names("followup"), np.isnan(cohort.values).sum(axis=0).tolist(), strict=True)
            if count
        },
    )


def _joblib(fitted: FittedRecipe) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(dict(zip(MEMBERS, fitted.members, strict=True)), buffer, compress=3)
    return buffer.getvalue()


def _pretty(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _now() -> str:
    """The time of training; ``SOURCE_DATE_EPOCH`` sets it where builds have to be reproducible to the byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _xgboost() -> str:
    """XGBoost's distribution: the CPU build where it exists, the full one elsewhere."""
    return "xgboost-cpu" if sys.platform != "darwin" else "xgboost"
