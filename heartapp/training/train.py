"""`heartapp train`: from a table to a bundle of each model on disk."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import joblib
import msgspec
import numpy as np

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES, fingerprint
from heartapp.inference.bundle import (
    FORMAT,
    JOBLIB,
    MANIFEST,
    MEMBERS,
    ONNX,
    REPORT,
    SERVED,
    FileEntry,
    Golden,
    Manifest,
    Platt,
    Seen,
    TrainingData,
    read_bundle,
    read_served,
)
from heartapp.inference.model import Model
from heartapp.inference.report import Cohort, Report
from heartapp.training.evaluation import SPLITS, evaluate
from heartapp.training.export import check_parity, to_onnx
from heartapp.training.recipe import fit_recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.training.data import Table
    from heartapp.training.recipe import FittedRecipe

SEED: Final = 519
GOLDEN_ROWS: Final = 32
_LIBRARIES: Final = ("numpy", "scikit-learn", "onnx", "onnxruntime", "onnxmltools", "skl2onnx", "joblib")


def train(table: Table, output: Path, *, seed: int = SEED, report: bool = True, splits: int = SPLITS) -> list[Path]:
    """Train both models and write one new bundle of each under ``output``, which then serves them.

    Args:
        table: the training data.
        output: the folder of bundles; what is there stays, a new version gets the next number.
        seed: of folds and members.
        report: whether to run the outer evaluation; without it the report holds no performance.
        splits: of the outer evaluation.

    Returns:
        The folders written.
    """
    return [
        _train_model(name, names, table, output, seed=seed, splits=splits if report else 0)
        for name, names in MODEL_VARIABLES.items()
    ]


def _train_model(name: str, names: Sequence[str], table: Table, output: Path, *, seed: int, splits: int) -> Path:
    features = table.features(tuple(names))
    fitted = fit_recipe(features, table.outcome, seed)
    content = to_onnx(fitted.members, len(names))
    check_parity(fitted, content, features, names)
    files = {
        ONNX: content,
        JOBLIB: _joblib(fitted),
        REPORT: _pretty(_report(fitted, features, table, names, seed=seed, splits=splits)),
    }
    number = _next_version(output / name)
    manifest = Manifest(
        format=FORMAT,
        name=name,
        version=number,
        created=_now(),
        seed=seed,
        files={file: FileEntry(len(data), hashlib.sha256(data).hexdigest()) for file, data in files.items()},
        variables=[_seen(column, features[:, index]) for index, column in enumerate(names)],
        fingerprint=fingerprint(names),
        members=list(MEMBERS),
        calibration=Platt(fitted.calibration.slope, fitted.calibration.intercept),
        threshold=fitted.threshold,
        base_rate=fitted.base_rate,
        golden=_golden(fitted, names, features),
        training_data=TrainingData(table.digest, len(table.outcome), int(table.outcome.sum())),
        libraries={library: version(library) for library in (*_LIBRARIES, _xgboost())},
    )
    return _write(output, manifest, {**files, MANIFEST: _pretty(manifest)})


def _report(
    fitted: FittedRecipe,
    features: NDArray[np.float32],
    table: Table,
    names: Sequence[str],
    *,
    seed: int,
    splits: int,
) -> Report:
    evaluation = evaluate(features, table.outcome, names, seed=seed, splits=splits) if splits else None
    return Report(
        cohort=Cohort(table.origin, table.digest, len(table.outcome), int(table.outcome.sum())),
        hyperparameters=fitted.settings,
        evaluation=evaluation,
    )


def _seen(name: str, column: NDArray[np.float32]) -> Seen:
    """The soft limits, rounded to a precision that is measured: no digit that only one patient explains."""
    p1, p99 = np.percentile(column, [1, 99], method="nearest")
    return Seen(name, *(round(float(value), 3) for value in (column.min(), p1, p99, column.max())))


def _golden(fitted: FittedRecipe, names: Sequence[str], features: NDArray[np.float32]) -> Golden:
    """Rows drawn evenly between the smallest and the largest value of each column; no patient's."""
    generator = np.random.default_rng(0)
    rows = generator.uniform(features.min(axis=0), features.max(axis=0), (GOLDEN_ROWS, len(names))).round(1)
    choices = [index for index, name in enumerate(names) if BY_NAME[name].kind != "number"]
    rows[:, choices] = rows[:, choices].round()
    probabilities = fitted.probabilities(rows.astype(np.float32))
    return Golden(rows.tolist(), probabilities.tolist(), fitted.calibration.risk(probabilities).tolist())


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


def _next_version(folder: Path) -> str:
    taken = [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]
    return str(max(taken, default=0) + 1)


def _write(output: Path, manifest: Manifest, files: dict[str, bytes]) -> Path:
    """Write a bundle whole or not at all, load it as a server would, then name it in ``served.toml``."""
    folder = output / manifest.name / manifest.version
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    try:
        for name, content in files.items():
            (unfinished / name).write_bytes(content)
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    Model(read_bundle(output, manifest.name, manifest.version))
    served = read_served(output) if (output / SERVED).exists() else {}
    served[manifest.name] = manifest.version
    temporary = output / f".{SERVED}"
    temporary.write_text("".join(f'{name} = "{number}"\n' for name, number in sorted(served.items())), "utf-8")
    temporary.replace(output / SERVED)
    return folder
