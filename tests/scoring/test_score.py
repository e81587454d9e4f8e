"""One file in, one file out: what is in it, what is rejected, and what is left after an error."""

import csv
import io
import json
import resource
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from heartapp.clinical.variables import BY_NAME
from heartapp.errors import DataError
from heartapp.inference.model import Model
from heartapp.scoring import source as source_module
from heartapp.scoring.output import ADDED, METADATA
from heartapp.scoring.score import Options, Report, score_file
from tests.client import added, spelled

FAULTY = {7: "age", 2_500: "sex"}
"""Row, counted from 0, and the variable that is out of range there."""
HEADER = "age,ejection_fraction,serum_creatinine"


@pytest.fixture(scope="module")
def table(patients: pa.Table) -> pa.Table:
    """The patients, two of them faulty."""
    for row, name in FAULTY.items():
        values = patients[name].to_pylist()
        values[row] = 7
        position = patients.column_names.index(name)
        patients = patients.set_column(position, name, pa.array(values, patients[name].type))
    return patients


@pytest.fixture(scope="module")
def inputs(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same patients as CSV and as Parquet."""
    folder = tmp_path_factory.mktemp("inputs")
    pa_csv.write_csv(table, folder / "in.csv")
    pq.write_table(table, folder / "in.parquet", row_group_size=700)
    return {path.suffix: path for path in folder.iterdir()}


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(source_module, "BATCH_ROWS", 250)
    monkeypatch.setattr("heartapp.scoring.output.GROUP_BYTES", 50_000)


@pytest.fixture(scope="module")
def wanted(bedside: Model, table: pa.Table) -> list[dict[str, Any]]:
    """The added columns of each good patient, from single predictions."""
    rows = np.column_stack([table[name].to_numpy() for name in bedside.names]).tolist()
    return [spelled(bedside.predict(row)) for index, row in enumerate(rows) if index not in FAULTY]


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def run(source: object, target: object, model: Model, **options: Any) -> Report:
    return score_file(str(source), str(target), model, Options(**options))


@pytest.mark.parametrize("source", [".csv", ".parquet"])
@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
def test_a_file_keeps_its_columns_and_gets_what_each_single_prediction_says(
    bedside: Model, inputs: dict[str, Path], wanted: object, tmp_path: Path, source: str, target: str
) -> None:
    report = run(inputs[source], tmp_path / target, bedside)

    rejects = tmp_path / f"{target}.rejects.csv"
    reasons = [f"age must be {BY_NAME['age'].expected}"]
    reasons.append("sex must be 0 (woman) or 1 (man), or null where it is not known")
    assert report == Report(3_000, 2, Counter(reasons), [str(rejects)])
    written = read(tmp_path / target)
    assert [added(row) for row in written] == wanted
    assert [row["name"] for row in written] == [f"Ünal, {row}" for row in range(3_000) if row not in FAULTY]
    assert {path.name for path in tmp_path.iterdir()} == {target, rejects.name}
    assert [(row["row"], f"{row['field']} {row['reason']}") for row in read(rejects)] == [
        ("8", reasons[0]),
        ("2501", reasons[1]),
    ]


def test_parquet_keeps_its_types_and_metadata_and_names_the_model(
    bedside: Model, table: pa.Table, tmp_path: Path
) -> None:
    pq.write_table(table.replace_schema_metadata({"owner": "ward 3"}), tmp_path / "in.parquet")
    run(tmp_path / "in.parquet", tmp_path / "out.parquet", bedside)
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.schema.equals(pa.schema([*table.schema, *ADDED]))
    assert found.schema.metadata[b"owner"] == b"ward 3"
    assert json.loads(found.schema.metadata[METADATA]) == msgspec.to_builtins(bedside.identity)
    good = [row for index, row in enumerate(table.to_pylist()) if index not in FAULTY]
    assert found.select(table.column_names).to_pylist() == good
    assert pq.read_metadata(tmp_path / "out.parquet").num_row_groups > 2


def test_semicolons_and_tabs_go_by_option_and_suffix(bedside: Model, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("age;ejection_fraction;serum_creatinine\n62;35;1.4\n70;20;1,9\n")
    report = run(tmp_path / "in.csv", tmp_path / "out.csv", bedside, delimiter="semicolon")
    assert (report.read, report.rejected) == (2, 1)
    assert (tmp_path / "out.csv").read_text().startswith("age;ejection_fraction;serum_creatinine;risk;")
    (tmp_path / "in.tsv").write_text(HEADER.replace(",", "\t") + "\n62\t35\t1.4\n")
    run(tmp_path / "in.tsv", tmp_path / "out2.csv", bedside)
    assert (tmp_path / "out2.csv").read_text().startswith(f"{HEADER},risk,")


@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
def test_a_file_without_good_rows_has_only_columns(bedside: Model, tmp_path: Path, target: str) -> None:
    for content, rejected in ((f"{HEADER}\n", 0), (f"{HEADER}\nx,1,1\n1,1\n", 2)):
        (tmp_path / "in.csv").write_text(content)
        assert run(tmp_path / "in.csv", tmp_path / target, bedside).rejected == rejected
        assert read(tmp_path / target) == []


def test_absent_and_misspelled_columns_are_noted(bedside: Model, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"{HEADER},Anemia\n62,35,1.4,1\n")
    absent, misspelled = run(tmp_path / "in.csv", tmp_path / "out.csv", bedside).notes
    assert all(name in absent for name in bedside.names if name not in bedside.required)
    assert misspelled == "column anemia is not used; did you mean anaemia?"


def test_rejects_replace_those_of_an_earlier_run(bedside: Model, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    for line, files in (("x,35,1.4", {"out.csv", "out.csv.rejects.csv"}), ("62,35,1.4", {"out.csv"})):
        source.write_text(f"{HEADER}\n{line}\n")
        run(source, target, bedside)
        assert {path.name for path in tmp_path.iterdir()} - {"in.csv"} == files


def test_standard_streams_are_read_and_written_and_rejects_go_to_standard_error(
    bedside: Model, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{HEADER}\n62,35,1.4\nx,35,1.4\n".encode())))
    report = run("-", "-", bedside)
    sys.stderr.flush()
    written, told = capfdbinary.readouterr()
    assert [row["age"] for row in csv.DictReader(written.decode().splitlines())] == ["62"]
    assert told.decode().splitlines()[1].startswith("2,age,")
    assert report.rejects == ["standard error"]


@pytest.mark.parametrize(
    ("source", "target", "part"),
    [
        ("in.csv", "in.csv", "the same file"),
        ("in.csv", ".", "unknown suffix"),
        ("in.csv", "folder.csv", "cannot be written: Is a directory"),
        ("in.csv", "none/out.csv", "cannot be written: No such file"),
        ("none.csv", "out.csv", "No such file"),
        ("risk.csv", "out.csv", "column risk is there already"),
    ],
)
def test_after_a_refusal_no_file_is_new_or_changed(
    bedside: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, target: str, part: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.csv").mkdir()
    Path("in.csv").write_text(f"{HEADER}\nx,35,1.4\n")
    Path("risk.csv").write_text(f"{HEADER},risk\n62,35,1.4,1\n")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(DataError, match=part):
        run(source, target, bedside)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_column_of_lists_is_no_csv(bedside: Model, tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"x": [[1]], "age": [62], "ejection_fraction": [35], "serum_creatinine": [1.4]}), tmp_path / "in.pq"
    )
    with pytest.raises(DataError, match="write Parquet"):
        run(tmp_path / "in.pq", tmp_path / "out.csv", bedside)
    run(tmp_path / "in.pq", tmp_path / "out.parquet", bedside)
    assert {path.name for path in tmp_path.iterdir()} == {"in.pq", "out.parquet"}


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file can grow larger than this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("target", "faulty"), [("out.csv", 1), ("out.parquet", 1), ("out.csv.rejects.csv", 3_000)])
def test_a_full_disk_is_an_error_that_names_the_file_and_leaves_nothing(
    bedside: Model, inputs: dict[str, Path], tmp_path: Path, target: str, faulty: int
) -> None:
    header, first, *rest = inputs[".csv"].read_bytes().splitlines(keepends=True)
    (tmp_path / "in.csv").write_bytes(b"".join([header, *[b"x" + first] * faulty, *rest[: 6_000 // faulty]]))
    output = tmp_path / target.removesuffix(".rejects.csv")
    with disk_of(40_000), pytest.raises(DataError, match=rf"/{target} cannot be written: File too large$"):
        run(tmp_path / "in.csv", output, bedside)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]
