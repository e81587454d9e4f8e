import io
import json
import platform
import shutil
import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

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
    Manifest,
    list_bundles,
    read_bundle,
)
from heartapp.inference.model import Model
from heartapp.statistics.censoring import kaplan_meier
from heartapp.training import description
from heartapp.training import train as train_module
from heartapp.training.cohort import Cohort
from heartapp.training.data import read_table
from heartapp.training.defaults import BEDSIDE_USES, SEED
from heartapp.training.export import TOLERANCE, ExportError, probe_rows, to_onnx
from heartapp.training.recipe import FittedRecipe
from heartapp.training.train import train
from tests.conftest import REPRODUCE, require
from tests.training.small import lacking, small_training

NAMES = MODEL_VARIABLES["followup"]
SPLITS, REFIT_COUNT = 2, 2
MADE_ON = ("linux", "x86_64")
"""Where the shipped bundles are made; other processors and compilers round otherwise."""

every_model = pytest.mark.parametrize("name", MODEL_VARIABLES)

TRAIN = f"""
import sys
from pathlib import Path
from heartapp.training.data import read_table
from heartapp.training.train import train
from tests.training.small import small_training
with small_training():
    train(read_table(Path(sys.argv[1])), Path(sys.argv[2]), splits={SPLITS}, refits={REFIT_COUNT})
"""


@pytest.fixture(scope="module")
def trained(table: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of bundles that were trained on the cohort, with a report."""
    output = tmp_path_factory.mktemp("trained") / "models"
    with small_training():
        folders = train(table, output, splits=SPLITS, refits=REFIT_COUNT)
    assert folders == [output / name / "1" for name in MODEL_VARIABLES]
    return output


@pytest.fixture(scope="module")
def shipped(models: Path) -> dict[str, Bundle]:
    return {name: bundle_of(models, name) for name in MODEL_VARIABLES}


@pytest.fixture(scope="module")
def retrained(
    published_data: Path, shipped: dict[str, Bundle], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Bundle]:
    """Both models trained on the published data, without the evaluation and most refits, which take minutes."""
    output = tmp_path_factory.mktemp("retrained")
    train(read_table(published_data), output, seed=shipped["bedside"].manifest.seed, splits=0, refits=REFIT_COUNT)
    return {name: bundle_of(output, name) for name in MODEL_VARIABLES}


def bundle_of(root: Path, name: str) -> Bundle:
    return read_bundle(root, name, max(version for one, version in list_bundles(root) if one == name))


def reproducible(bundle: Bundle) -> Manifest:
    """The manifest, which pins the other files, but not the pickle: its bytes depend on the process that writes it."""
    manifest = bundle.manifest
    files = {file: entry for file, entry in manifest.files.items() if file != JOBLIB}
    return msgspec.structs.replace(manifest, files=files)


@every_model
def test_manifest_and_report_describe_data_patients_and_libraries(trained: Path, table: Cohort, name: str) -> None:
    bundle, cohort, names = bundle_of(trained, name), table.without_fills(), list(MODEL_VARIABLES[name])
    refits = {REFITS} if name == "bedside" else set()
    assert {path.name for path in (trained / name / "1").iterdir()} == {MANIFEST, *FILES, *refits}
    assert not (trained / SERVED).exists()
    manifest, report, features = bundle.manifest, bundle.report, cohort.features(name)
    assert (manifest.fingerprint, manifest.seed) == (fingerprint(names), SEED)
    data = manifest.training_data
    assert (data.digest, data.patients, data.deaths) == (table.digest, len(table.outcome), table.outcome.sum())
    assert manifest.variables == description.seen(names, features)
    assert manifest.typical == description.typical(names, features)
    assert all(version(library) == stated for library, stated in manifest.libraries.items())
    assert {library.removesuffix("-cpu") for library in manifest.libraries} >= {"scikit-learn", "xgboost", "onnx"}
    assert (report.cohort.source, report.cohort.digest, report.cohort.fills) == ("another table", table.digest, {})
    assert tuple(report.hyperparameters) == MEMBERS
    assert report.evaluation
    assert report.evaluation.protocol.splits == SPLITS


def test_the_bedside_risk_has_a_date_curve_support_and_refits_and_that_of_followup_has_none(
    trained: Path, table: Cohort
) -> None:
    bundle, sample = bundle_of(trained, "bedside"), table.without_fills().sample("bedside")
    manifest, columns = bundle.manifest, [MODEL_VARIABLES["bedside"].index(name) for name in BEDSIDE_USES]
    assert sample.time is not None
    assert (manifest.used, manifest.required) == ([*BEDSIDE_USES], [*BEDSIDE_USES])
    assert (manifest.horizon, manifest.curve and manifest.curve.horizon) == (180, 180)
    assert manifest.base_rate == 1 - kaplan_meier(sample.time, sample.outcome, 180)
    assert manifest.support == description.make_support(BEDSIDE_USES, sample.features[:, columns])
    assert bundle.report.instability
    assert bundle.report.instability.refits == REFIT_COUNT
    followup = bundle_of(trained, "followup")
    assert (followup.manifest.horizon, followup.manifest.curve, followup.manifest.support) == (None, None, None)
    assert (followup.manifest.base_rate, followup.report.instability) == (table.outcome.mean(), None)
    assert followup.manifest.used == [*NAMES]


@every_model
def test_the_pickled_members_give_the_probabilities_of_the_served_graph(
    trained: Path, random_patients: Callable[[Sequence[str], int], list[list[float]]], name: str
) -> None:
    members = joblib.load(trained / name / "1" / JOBLIB)
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
    """What a file holds, without compression and without the spaces of a pretty printer; of arrays, the numbers."""
    if file == REFITS:
        with np.load(io.BytesIO(content)) as arrays:
            return b"".join(array.tobytes() for array in arrays.values() if array.dtype.kind == "f")
    return zlib.decompress(content) if file == JOBLIB else content if file == ONNX else content.translate(None, b" \n")


@pytest.mark.parametrize(
    "source", [("trained", "table"), pytest.param(("models", "published"), marks=pytest.mark.data)], ids="/".join
)
@every_model
def test_a_bundle_holds_no_patient_s_row_nor_the_three_best_values_next_to_each_other(
    request: pytest.FixtureRequest, source: tuple[str, str], name: str
) -> None:
    root, people = (request.getfixturevalue(fixture) for fixture in source)
    folder, people = root / name / bundle_of(root, name).manifest.version, people.without_fills()
    features = people.features(name).astype(np.float64)
    rows = features[~np.isnan(features).any(axis=1)].tolist()
    best = np.column_stack([people.column(one) for one in BEDSIDE_USES])
    # Three whole numbers could be node numbers of a tree; a creatinine with decimals is a measurement.
    best = best[~np.isnan(best).any(axis=1) & (best[:, 2] % 1 > 0)].tolist()
    files = {path.name: unpacked(path.name, path.read_bytes()) for path in folder.iterdir() if path.is_file()}
    for file, content in files.items():
        wanted = rows if file in {ONNX, JOBLIB} else [*rows, *best]
        found = [form for row in wanted for form in forms_of(row) if form in content]
        assert found == [], file
    golden = json.loads(files[MANIFEST])["golden"]["rows"]
    assert {tuple(row) for row in features.tolist()}.isdisjoint(map(tuple, golden))
    assert forms_of(golden[0])[0] in files[MANIFEST], "the search finds what is there"


def test_other_processes_write_the_same_bytes(
    trained: Path, cohort: Path, run_python: Callable[..., str], tmp_path: Path
) -> None:
    run_python(TRAIN, cohort, tmp_path)
    for name in MODEL_VARIABLES:
        assert reproducible(bundle_of(tmp_path, name)) == reproducible(bundle_of(trained, name))


@pytest.mark.usefixtures("small_plans")
def test_missing_cells_and_absent_columns_leave_the_next_versions_usable(
    trained: Path, table: Cohort, tmp_path: Path
) -> None:
    root, values = shutil.copytree(trained, tmp_path / "models"), lacking(table, "smoking").values
    values[::5, NAMES.index("platelets")] = np.nan
    folders = train(replace(table, values=values, horizon=91), root, seed=2, splits=0, refits=0)
    assert folders == [root / name / "2" for name in MODEL_VARIABLES]
    assert read_bundle(root, "bedside", "1").digest == bundle_of(trained, "bedside").digest
    for name in MODEL_VARIABLES:
        model = Model(read_bundle(root, name, "2"))
        manifest, report = model.bundle.manifest, model.bundle.report
        assert (manifest.version, manifest.seed, model.bundle.refits) == ("2", 2, None)
        assert (report.evaluation, report.instability) == (None, None)
        assert not (report.shape and report.shape.goals)
        assert model.names == tuple(one for one in MODEL_VARIABLES[name] if one != "smoking")
        assert "platelets" not in model.required
        assert model.curve is None if name == "followup" else model.curve and model.curve.days[-1] == 91


@pytest.mark.usefixtures("small_plans")
def test_without_follow_up_times_bedside_alone_is_trained_and_has_no_date(table: Cohort, tmp_path: Path) -> None:
    smallest = lacking(table, *{*NAMES} - {*BEDSIDE_USES})
    train(replace(smallest, horizon=None), tmp_path, splits=0, refits=0)
    assert list_bundles(tmp_path) == [("bedside", "1")]
    model = Model(bundle_of(tmp_path, "bedside"))
    assert (model.bundle.manifest.horizon, model.curve, model.names) == (None, None, BEDSIDE_USES)
    high, low = model.risk([[80, 20, 2.5], [50, 60, 0.9]])
    assert high > low


@pytest.mark.usefixtures("small_plans")
def test_estimators_that_the_graph_does_not_match_leave_nothing_written(
    table: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    shipped: dict[str, Bundle], retrained: dict[str, Bundle], published: Cohort, name: str
) -> None:
    old, new = shipped[name], retrained[name]
    rows = probe_rows(old.onnx, published.features(name), MODEL_VARIABLES[name])
    assert np.abs(Model(old).probabilities(rows) - Model(new).probabilities(rows)).max() <= TOLERANCE
    assert (new.report.cohort, new.report.hyperparameters) == (old.report.cohort, old.report.hyperparameters)
    assert (new.refits is None) == (old.refits is None)
    if new.refits and old.refits:
        change = new.refits.risks.astype(int) - old.refits.risks[..., :REFIT_COUNT, :]
        assert np.abs(change).max() <= 1
    if made_alike(old, new):
        assert old.manifest.files[ONNX] == new.manifest.files[ONNX]
        same = {"version": "", "files": {}}
        assert msgspec.structs.replace(old.manifest, **same) == msgspec.structs.replace(new.manifest, **same)


@pytest.mark.data
def test_training_in_full_gives_every_shipped_file_anew(
    shipped: dict[str, Bundle], published_data: Path, tmp_path: Path
) -> None:
    require(REPRODUCE, "takes minutes; set HEARTAPP_REPRODUCE=1, as `make reproduce` does")
    with parallel_config(backend="loky"):
        train(read_table(published_data), tmp_path, seed=shipped["bedside"].manifest.seed)
    for name, old in shipped.items():
        new = bundle_of(tmp_path, name)
        assert set(new.manifest.files) == set(old.manifest.files)
        require(made_alike(old, new), "the shipped bundles were made with other libraries or on another processor")
        for file in set(old.manifest.files) - {CARD}:
            assert old.manifest.files[file] == new.manifest.files[file], (name, file)
