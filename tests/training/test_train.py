from __future__ import annotations

import io
import json
import platform
import shutil
import sys
import zlib
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import joblib
import msgspec
import numpy as np
import pytest
from joblib import parallel_config

from heartapp.clinical.variables import MODEL_VARIABLES, fingerprint
from heartapp.inference.bundle import (
    CARD,
    FILES,
    JOBLIB,
    MANIFEST,
    MEMBERS,
    ONNX,
    REFITS,
    SERVED,
    Bundle,
    read_bundle,
    read_served,
)
from heartapp.inference.model import Model
from heartapp.statistics.censoring import kaplan_meier
from heartapp.training import description
from heartapp.training import train as train_module
from heartapp.training.cohort import Cohort
from heartapp.training.data import read_table
from heartapp.training.defaults import SEED
from heartapp.training.description import GOLDEN_ROWS
from heartapp.training.export import TOLERANCE, ExportError, probe_rows, to_onnx
from heartapp.training.recipe import Recipe
from heartapp.training.refitting import refit
from heartapp.training.support import make_support
from heartapp.training.train import train
from tests.conftest import REPRODUCE, require
from tests.training.small import small_training

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from heartapp.training.data import Table
    from heartapp.training.members import Estimator
    from heartapp.training.recipe import FittedRecipe

SPLITS, REFIT_COUNT = 2, 2
TELLING = ("age", "ejection_fraction", "serum_creatinine")
MADE_ON = ("linux", "x86_64")
"""Where the shipped bundles are made; other processors and compilers round otherwise."""

every_model = pytest.mark.parametrize("name", MODEL_VARIABLES)

TRAIN = f"""
import sys
from pathlib import Path
from heartapp.training.data import read_table
from heartapp.training.refitting import refit
from heartapp.training.support import make_support
from heartapp.training.train import train
from tests.training.small import small_training
with small_training():
    train(read_table(Path(sys.argv[1])), Path(sys.argv[2]), splits={SPLITS}, refits={REFIT_COUNT})
"""


@pytest.fixture(scope="module")
def trained(table: Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of bundles that were trained on the cohort, with a report."""
    output = tmp_path_factory.mktemp("trained") / "models"
    with small_training():
        folders = train(table, output, splits=SPLITS, refits=REFIT_COUNT)
    assert folders == [output / name / "1" for name in MODEL_VARIABLES]
    return output


@pytest.fixture(scope="session")
def seed(models: Path) -> int:
    """That of the shipped bundles."""
    (seed,) = {bundle_of(models, name).manifest.seed for name in MODEL_VARIABLES}
    return seed


@pytest.fixture(scope="session")
def retrained(published_data: Path, seed: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both models trained from the published data, without the evaluation and the refits, which take minutes."""
    output = tmp_path_factory.mktemp("retrained")
    train(read_table(published_data), output, seed=seed, splits=0, refits=0)
    return output


@pytest.fixture(scope="session")
def published(published_data: Path) -> Cohort:
    return Cohort.from_table(read_table(published_data))


def bundle_of(root: Path, name: str) -> Bundle:
    return read_bundle(root, name, read_served(root)[name])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, by its path there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def reproducible(folder: Path) -> dict[str, bytes]:
    """The same without the pickles and their digests: the bytes of a pickle depend on the process that writes it."""
    files = {file: content for file, content in contents(folder).items() if not file.endswith(JOBLIB)}
    for file in [file for file in files if file.endswith(MANIFEST)]:
        manifest = json.loads(files[file])
        del manifest["files"][JOBLIB]
        files[file] = json.dumps(manifest).encode()
    return files


@every_model
def test_a_trained_bundle_passes_every_check_and_is_served(trained: Path, name: str) -> None:
    refits = {REFITS} if name == "bedside" else set()
    assert {path.name for path in (trained / name / "1").iterdir()} == {MANIFEST, *FILES, *refits}
    assert read_served(trained) == {"bedside": "1", "followup": "1"}
    assert Model(bundle_of(trained, name)).variables


@every_model
def test_the_manifest_describes_data_patients_and_libraries(trained: Path, table: Table, name: str) -> None:
    manifest, features, names = (
        bundle_of(trained, name).manifest,
        Cohort.from_table(table).features(name),
        list(MODEL_VARIABLES[name]),
    )
    assert manifest.fingerprint == fingerprint(names)
    assert manifest.seed == SEED
    data = manifest.training_data
    assert (data.digest, data.patients, data.deaths) == (table.digest, len(table.outcome), table.outcome.sum())
    assert manifest.variables == description.seen(names, features)
    assert manifest.typical == description.typical(names, features)
    assert set(manifest.required) <= set(names)
    assert all(version(library) == stated for library, stated in manifest.libraries.items())
    assert {library.removesuffix("-cpu") for library in manifest.libraries} >= {"scikit-learn", "xgboost", "onnx"}


def test_the_bedside_risk_is_of_death_within_the_horizon_and_has_curve_and_support(trained: Path, table: Table) -> None:
    manifest = bundle_of(trained, "bedside").manifest
    cohort = Cohort.from_table(table)
    sample, columns = cohort.sample("bedside"), Recipe.of_cohort("bedside", 1, cohort).columns
    assert sample.time is not None
    assert (manifest.used, manifest.required) == ([*TELLING], [*TELLING])
    assert (manifest.horizon, manifest.curve and manifest.curve.horizon) == (180, 180)
    assert manifest.base_rate == 1 - kaplan_meier(sample.time, sample.outcome, 180)
    assert manifest.support == make_support(TELLING, sample.features[:, columns])


def test_the_followup_risk_has_no_date_and_no_refits(trained: Path, table: Table) -> None:
    manifest = bundle_of(trained, "followup").manifest
    assert (manifest.horizon, manifest.curve, manifest.support) == (None, None, None)
    assert manifest.base_rate == table.outcome.mean()
    assert bundle_of(trained, "followup").report.instability is None


@every_model
def test_the_report_holds_cohort_settings_and_performance(trained: Path, table: Table, name: str) -> None:
    report = bundle_of(trained, name).report
    assert (report.cohort.source, report.cohort.digest, report.cohort.fills) == ("another table", table.digest, {})
    assert tuple(report.hyperparameters) == MEMBERS
    assert report.evaluation is not None
    assert report.evaluation.protocol.splits == SPLITS
    assert (report.instability is not None) == (name == "bedside")
    assert not report.instability or report.instability.refits == REFIT_COUNT


@every_model
def test_the_pickled_members_give_the_probabilities_of_the_served_graph(
    trained: Path, random_patients: Callable[[Sequence[str], int], list[list[float]]], name: str
) -> None:
    members: dict[str, Estimator] = joblib.load(trained / name / "1" / JOBLIB)
    assert tuple(members) == MEMBERS
    rows = np.array(random_patients(MODEL_VARIABLES[name], 1_000), np.float32)
    rows[::2][np.random.default_rng(1).random(rows[::2].shape) < 0.2] = np.nan
    model = Model(bundle_of(trained, name))
    used = rows[:, [model.names.index(one) for one in model.bundle.manifest.used]]
    pickled = np.column_stack([member.predict_proba(used)[:, 1] for member in members.values()])
    assert np.abs(model.probabilities(rows) - pickled).max() <= TOLERANCE


def forms_of(row: Iterable[float]) -> list[bytes]:
    """A row as text, in both spellings of whole numbers, and as it is in memory, in both precisions."""
    values = [float(value) for value in row]
    texts = (",".join(map(repr, values)), ",".join(repr(value).removesuffix(".0") for value in values))
    return [*map(str.encode, texts), *(np.array(values, kind).tobytes() for kind in (np.float32, np.float64))]


def unpacked(file: str, content: bytes) -> bytes:
    """What a file holds, without compression and without the spaces of a pretty printer."""
    if file == REFITS:
        with np.load(io.BytesIO(content)) as arrays:
            return b"".join(array.tobytes() for array in arrays.values())
    return zlib.decompress(content) if file == JOBLIB else content if file == ONNX else content.translate(None, b" \n")


def check_holds_no_row(folder: Path, people: Cohort, name: str) -> None:
    """No patient's row is in any file, nor the three values that identify a patient best, next to each other."""
    features = people.features(name).astype(np.float64)
    rows = features[~np.isnan(features).any(axis=1)].tolist()
    best = np.column_stack([people.column(one) for one in TELLING])
    # Three whole numbers could be node numbers of a tree; a creatinine with decimals is a measurement.
    best = best[~np.isnan(best).any(axis=1) & (best[:, 2] % 1 > 0)].tolist()
    files = {path.name: unpacked(path.name, path.read_bytes()) for path in folder.iterdir()}
    for file, content in files.items():
        wanted = rows if file in {ONNX, JOBLIB} else [*rows, *best]
        found = [form for row in wanted for form in forms_of(row) if form in content]
        assert found == [], file
    golden = json.loads(files[MANIFEST])["golden"]["rows"]
    assert len(golden) == GOLDEN_ROWS
    assert {tuple(row) for row in features.tolist()}.isdisjoint(map(tuple, golden))
    assert forms_of(golden[0])[0] in files[MANIFEST], "the search finds what is there"


@every_model
def test_a_bundle_holds_no_patient_s_row(trained: Path, table: Table, name: str) -> None:
    check_holds_no_row(trained / name / "1", Cohort.from_table(table), name)


@pytest.mark.data
@every_model
def test_the_shipped_bundle_holds_no_patient_s_row(models: Path, published: Cohort, name: str) -> None:
    check_holds_no_row(models / name / read_served(models)[name], published, name)


def test_other_processes_write_the_same_bytes(
    trained: Path, cohort: Path, run_python: Callable[..., str], tmp_path: Path
) -> None:
    run_python(TRAIN, cohort, tmp_path)
    ours, theirs = reproducible(trained), reproducible(tmp_path)
    assert set(ours) == set(theirs)
    assert [file for file in ours if ours[file] != theirs[file]] == []


@pytest.mark.usefixtures("small_plans")
def test_training_again_adds_the_next_version_and_leaves_the_others_alone(
    trained: Path, table: Table, tmp_path: Path
) -> None:
    before = contents(shutil.copytree(trained, tmp_path, dirs_exist_ok=True))
    folders = train(table, tmp_path, seed=2, splits=0, refits=0)
    assert folders == [tmp_path / name / "2" for name in MODEL_VARIABLES]
    assert before.items() - contents(tmp_path).items() == {(SERVED, before[SERVED])}
    anew = bundle_of(tmp_path, "bedside")
    assert (anew.manifest.version, anew.manifest.seed) == ("2", 2)
    assert (anew.report.evaluation, anew.report.instability, anew.refits) == (None, None, None)
    assert anew.manifest.curve is not None


@pytest.mark.usefixtures("small_plans")
def test_estimators_that_the_graph_does_not_match_leave_nothing_written(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def turned(fitted: FittedRecipe, columns: int) -> bytes:
        return to_onnx(replace(fitted, members=fitted.members[::-1]), columns)

    monkeypatch.setattr(train_module, "to_onnx", turned)
    with pytest.raises(ExportError, match="no bundle was written"):
        train(table, tmp_path / "models", splits=0, refits=0)
    assert not (tmp_path / "models").exists()


def made_alike(shipped: Bundle, anew: Bundle) -> bool:
    """Whether this machine makes the very bytes of a shipped bundle: the same libraries on the same processor."""
    return shipped.manifest.libraries == anew.manifest.libraries and (sys.platform, platform.machine()) == MADE_ON


@pytest.mark.data
@every_model
def test_training_on_the_published_data_gives_what_the_shipped_bundle_serves(
    models: Path, retrained: Path, published: Cohort, name: str
) -> None:
    shipped, anew = bundle_of(models, name), bundle_of(retrained, name)
    assert shipped.manifest.training_data == anew.manifest.training_data
    names = MODEL_VARIABLES[name]
    rows = probe_rows(shipped.onnx, published.features(name), names)
    difference = np.abs(Model(shipped).probabilities(rows) - Model(anew).probabilities(rows))
    assert difference.max() <= TOLERANCE
    assert (anew.report.cohort, anew.report.hyperparameters) == (
        shipped.report.cohort,
        shipped.report.hyperparameters,
    )
    if made_alike(shipped, anew):
        assert shipped.manifest.files[ONNX] == anew.manifest.files[ONNX]
        same = {"name": "", "version": "", "files": {}}
        assert msgspec.structs.replace(shipped.manifest, **same) == msgspec.structs.replace(anew.manifest, **same)


@pytest.mark.data
def test_the_shipped_refits_are_what_refitting_on_the_published_data_gives(
    models: Path, published: Cohort, seed: int
) -> None:
    shipped, recipe = bundle_of(models, "bedside"), Recipe.of_cohort("bedside", seed, published)
    assert shipped.refits is not None
    sample = published.sample("bedside")
    known = sample.features[~np.isnan(sample.features[:, recipe.columns]).any(axis=1)]
    anew = refit(recipe, sample, known, refits=2)
    ours = np.array([shipped.refits.risks_of(row) for row in known[:, recipe.columns].tolist()])
    assert np.abs(ours[:, :2].T - anew).max() < 0.01


@pytest.mark.data
def test_training_in_full_gives_every_shipped_file_anew(
    models: Path, published_data: Path, seed: int, tmp_path: Path
) -> None:
    require(REPRODUCE, "takes minutes; set HEARTAPP_REPRODUCE=1, as `make reproduce` does")
    with parallel_config(backend="loky"):
        train(read_table(published_data), tmp_path, seed=seed)
    for name in MODEL_VARIABLES:
        shipped, anew = bundle_of(models, name), bundle_of(tmp_path, name)
        assert anew.report.cohort == shipped.report.cohort
        assert set(anew.manifest.files) == set(shipped.manifest.files)
        require(made_alike(shipped, anew), "the shipped bundles were made with other libraries or on another processor")
        for file in set(shipped.manifest.files) - {CARD}:
            assert shipped.manifest.files[file] == anew.manifest.files[file], (name, file)
