from __future__ import annotations

import errno
import hashlib
import json
import platform
import shutil
import sys
import zlib
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import joblib
import msgspec
import numpy as np
import pytest

from heartapp.clinical.variables import MODEL_VARIABLES, fingerprint
from heartapp.inference.bundle import (
    FILES,
    JOBLIB,
    MANIFEST,
    MEMBERS,
    ONNX,
    REPORT,
    SERVED,
    Bundle,
    list_bundles,
    read_bundle,
    read_served,
)
from heartapp.inference.model import Model
from heartapp.training import train as train_module
from heartapp.training.data import Table, read_table
from heartapp.training.export import TOLERANCE, ExportError, probe_rows, to_onnx
from heartapp.training.recipe import positive
from heartapp.training.train import GOLDEN_ROWS, SEED, train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from heartapp.training.members import Estimator

SPLITS = 2
EPOCH = 1_800_000_000
MADE_ON = ("linux", "x86_64")
"""Where the shipped bundles are made; other processors and compilers round otherwise."""

every_model = pytest.mark.parametrize("name", MODEL_VARIABLES)

TRAIN = f"""
import sys
from pathlib import Path
from heartapp.training.data import read_table
from heartapp.training.train import train
train(read_table(Path(sys.argv[1])), Path(sys.argv[2]), splits={SPLITS})
"""


@pytest.fixture(scope="module")
def table(cohort: Path) -> Table:
    return read_table(cohort)


@pytest.fixture(scope="module")
def trained(table: Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of bundles that were trained on the cohort, with a report."""
    output = tmp_path_factory.mktemp("trained") / "models"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", str(EPOCH))
        folders = train(table, output, splits=SPLITS)
    assert folders == [output / name / "1" for name in MODEL_VARIABLES]
    return output


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "models")


@pytest.fixture(scope="session")
def retrained(published_data: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both models trained in full from the published data, with the seed of the shipped ones."""
    (seed,) = {bundle_of(models, name).manifest.seed for name in MODEL_VARIABLES}
    output = tmp_path_factory.mktemp("retrained")
    train(read_table(published_data), output, seed=seed)
    return output


def bundle_of(root: Path, name: str) -> Bundle:
    return read_bundle(root, name, read_served(root)[name])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, by its path there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@every_model
def test_a_trained_bundle_passes_every_check_and_is_served(trained: Path, name: str) -> None:
    assert {path.name for path in (trained / name / "1").iterdir()} == {MANIFEST, *FILES}
    assert read_served(trained) == {"bedside": "1", "followup": "1"}
    assert Model(bundle_of(trained, name)).variables


@every_model
def test_the_manifest_tells_what_the_model_was_made_of(trained: Path, table: Table, name: str) -> None:
    manifest = bundle_of(trained, name).manifest
    names = MODEL_VARIABLES[name]
    assert manifest.fingerprint == fingerprint(names)
    assert manifest.variable_names == names
    assert manifest.seed == SEED
    data = manifest.training_data
    assert (data.digest, data.patients, data.deaths) == (table.digest, len(table.outcome), table.outcome.sum())
    assert manifest.base_rate == table.outcome.mean()
    assert all(version(library) == stated for library, stated in manifest.libraries.items())
    assert {library.removesuffix("-cpu") for library in manifest.libraries} >= {"scikit-learn", "xgboost", "onnx"}


@every_model
def test_the_soft_limits_are_what_the_training_data_held(trained: Path, table: Table, name: str) -> None:
    features = table.features(MODEL_VARIABLES[name])
    for seen, column in zip(bundle_of(trained, name).manifest.variables, features.T, strict=True):
        assert seen.minimum == pytest.approx(column.min(), abs=5e-4)
        assert seen.maximum == pytest.approx(column.max(), abs=5e-4)
        assert seen.minimum <= seen.p1 <= seen.p99 <= seen.maximum
        assert np.mean(column < seen.p1 - 5e-4) <= 0.01
        assert np.mean(column > seen.p99 + 5e-4) <= 0.01


@every_model
def test_the_report_holds_cohort_settings_and_performance(trained: Path, table: Table, name: str) -> None:
    report = bundle_of(trained, name).report
    assert report.cohort.source == table.origin == "another table"
    assert report.cohort.digest == table.digest
    assert tuple(report.hyperparameters) == MEMBERS
    assert report.evaluation is not None
    assert report.evaluation.protocol.splits == SPLITS


@every_model
def test_the_pickled_members_answer_as_the_served_graph(
    trained: Path, random_patients: Callable[[Sequence[str], int], list[list[float]]], name: str
) -> None:
    members: dict[str, Estimator] = joblib.load(trained / name / "1" / JOBLIB)
    assert tuple(members) == MEMBERS
    rows = np.array(random_patients(MODEL_VARIABLES[name], 1_000), np.float32)
    model = Model(bundle_of(trained, name))
    served = model.probabilities(rows)
    pickled = np.column_stack([positive(member, rows) for member in members.values()])
    assert np.abs(served - pickled).max() <= TOLERANCE
    assert np.array_equal(served >= model.cutoff, pickled >= model.cutoff)


def written_forms(row: Iterable[float]) -> list[bytes]:
    """A row as text and as numbers in memory, without the spaces that a pretty printer puts in."""
    values = [float(value) for value in row]
    texts = [",".join(map(repr, values)), ",".join(repr(value).removesuffix(".0") for value in values)]
    return [*(text.encode() for text in texts), np.array(values, np.float32).tobytes(), np.array(values).tobytes()]


def holds_a_row(content: bytes, rows: Iterable[Iterable[float]]) -> bool:
    packed = content.translate(None, b" \n")
    return any(form in content or form in packed for row in rows for form in written_forms(row))


@every_model
def test_a_bundle_holds_no_patient_s_row(trained: Path, table: Table, name: str) -> None:
    folder = trained / name / "1"
    rows = table.features(MODEL_VARIABLES[name]).tolist()
    files = {file: (folder / file).read_bytes() for file in (MANIFEST, *FILES)}
    files[JOBLIB] = zlib.decompress(files[JOBLIB])
    assert [file for file, content in files.items() if holds_a_row(content, rows)] == []

    golden = bundle_of(trained, name).manifest.golden.rows
    assert {tuple(row) for row in golden}.isdisjoint(map(tuple, rows))
    assert len(golden) == GOLDEN_ROWS
    assert holds_a_row(files[MANIFEST], golden), "the search finds what is there"
    assert all(holds_a_row(b"x" + form, rows) for form in written_forms(rows[7]))


@every_model
def test_the_same_data_and_seed_give_the_same_bytes_in_another_process(
    trained: Path, trained_elsewhere: Path, name: str
) -> None:
    for file in (ONNX, REPORT):
        assert (trained_elsewhere / name / "1" / file).read_bytes() == (trained / name / "1" / file).read_bytes()


@pytest.fixture(scope="module")
def trained_elsewhere(cohort: Path, run_python: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("elsewhere")
    run_python(TRAIN, cohort, output)
    return output


def test_training_again_adds_the_next_version_and_leaves_the_others_alone(copied: Path, table: Table) -> None:
    (copied / "bedside" / "1").rename(copied / "bedside" / "9")
    (copied / "bedside" / "notes").mkdir()
    (copied / SERVED).write_text('bedside = "1"\nfollowup = "1"\nthird = "4"\n', "utf-8")
    before = contents(copied / "bedside" / "9")
    folders = train(table, copied, seed=2, report=False)
    assert folders == [copied / "bedside" / "10", copied / "followup" / "2"]
    assert contents(copied / "bedside" / "9") == before
    assert read_served(copied) == {"bedside": "10", "followup": "2", "third": "4"}
    anew = bundle_of(copied, "bedside")
    assert anew.manifest.seed == 2
    assert anew.report.evaluation is None
    assert not list(copied.rglob(".*"))


def test_an_estimator_that_the_graph_does_not_match_leaves_nothing_written(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_module, "to_onnx", lambda members, columns: to_onnx(members[::-1], columns))
    with pytest.raises(ExportError, match="no bundle was written"):
        train(table, tmp_path / "models", report=False)
    assert not (tmp_path / "models").exists()


def test_a_disk_that_is_full_leaves_no_half_bundle(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = contents(copied / "bedside" / "1")
    manifest = msgspec.structs.replace(bundle_of(copied, "bedside").manifest, version="2")
    written: list[str] = []

    def fill_up(path: Path, content: bytes) -> int:
        written.append(path.name)
        if len(written) == len(files):
            raise OSError(errno.ENOSPC, "No space left on device")
        with path.open("wb") as file:
            return file.write(content)

    before = contents(copied)
    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(OSError, match="No space left"):
        train_module._write(copied, manifest, files)
    assert sorted(written) == sorted(files)
    assert contents(copied) == before
    assert list_bundles(copied) == [("bedside", "1"), ("followup", "1")]
    assert not list((copied / "bedside").glob(".*"))


@every_model
def test_source_date_epoch_sets_the_time_of_training(trained: Path, name: str) -> None:
    assert bundle_of(trained, name).manifest.created == "2027-01-15T08:00:00Z"


def test_the_time_of_training_is_written_in_utc_to_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    moment = datetime.strptime(train_module._now(), "%Y-%m-%dT%H:%M:%S%z")
    assert moment.tzinfo == UTC


def test_a_bundle_is_readable_by_everyone_as_other_files_are(trained: Path) -> None:
    assert (trained / "bedside" / "1").stat().st_mode & 0o555 == 0o555


def test_the_manifest_s_digests_are_of_the_files_written(trained: Path) -> None:
    folder = trained / "bedside" / "1"
    stated = json.loads((folder / MANIFEST).read_bytes())["files"]
    assert stated == {
        file: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for file, content in contents(folder).items()
        if file != MANIFEST
    }


@pytest.mark.data
@every_model
def test_the_shipped_bundle_is_what_training_on_the_published_data_gives(
    models: Path, retrained: Path, published_data: Path, name: str
) -> None:
    shipped, anew = bundle_of(models, name), bundle_of(retrained, name)
    assert shipped.manifest.training_data == anew.manifest.training_data
    if shipped.manifest.libraries == anew.manifest.libraries and (sys.platform, platform.machine()) == MADE_ON:
        for file in (ONNX, REPORT):
            assert shipped.manifest.files[file] == anew.manifest.files[file], file
    names = MODEL_VARIABLES[name]
    rows = probe_rows(shipped.onnx, read_table(published_data).features(names), names)
    difference = np.abs(Model(shipped).probabilities(rows) - Model(anew).probabilities(rows))
    assert difference.max() <= TOLERANCE
