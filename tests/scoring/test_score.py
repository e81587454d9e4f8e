"""Files in, files out: as `heartapp score` does it, killed and resumed, on a full disk."""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from heartapp.errors import DataError
from heartapp.scoring.columns import ADDED
from heartapp.scoring.pipeline import Counts
from heartapp.scoring.score import Options, cores, rejects_path, score
from heartapp.tables.columns import model_label

if TYPE_CHECKING:
    from heartapp.inference.model import Model

ROOT = Path(__file__).parents[2]
FAULTY = {7: "age", 2_500: "sex"}
"""Row, counted from 0, and what is wrong in it."""


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
    """The same patients as CSV, as Parquet, and as a folder of Parquet files."""
    folder = tmp_path_factory.mktemp("inputs")
    pa_csv.write_csv(table, folder / "in.csv")
    pq.write_table(table, folder / "in.parquet", row_group_size=700)
    (folder / "parts").mkdir()
    for index, start in enumerate(range(0, table.num_rows, 1_100)):
        pq.write_table(table.slice(start, 1_100), folder / "parts" / f"part-{index}.parquet")
    return {"csv": folder / "in.csv", "parquet": folder / "in.parquet", "parts": folder / "parts"}


def good(rows: list[Any]) -> list[Any]:
    return [row for index, row in enumerate(rows) if index not in FAULTY]


@pytest.fixture(scope="module")
def wanted(bedside: Model, table: pa.Table) -> list[dict[str, Any]]:
    """What is to stand behind each good patient's columns, from each one's own prediction."""
    rows = np.column_stack([table[name].to_numpy() for name in bedside.names]).tolist()
    return [
        {
            "risk": prediction.risk,
            "death_event": prediction.death_event,
            **{f"{vote.member}_probability": vote.probability for vote in prediction.votes},
            **{f"{vote.member}_vote": vote.vote for vote in prediction.votes},
            "model": model_label(bedside.identity),
        }
        for prediction in map(bedside.predict, good(rows))
    ]


def scored(path: Path) -> list[dict[str, Any]]:
    """What was added to each row, as numbers."""
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).select(ADDED.names).to_pylist()
        return rows
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: row[name] if name == "model" else float(row[name]) for name in ADDED.names}
            for row in csv.DictReader(file)
        ]


def run(source: object, target: object, model: Model, **options: Any) -> tuple[Counts, list[str]]:
    told: list[str] = []
    return score(str(source), str(target), model, Options(**options), told.append), told


@pytest.mark.parametrize("source", ["csv", "parquet", "parts"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_every_format_becomes_every_format_and_says_what_each_prediction_says(
    bedside: Model, inputs: dict[str, Path], wanted: object, tmp_path: Path, source: str, suffix: str
) -> None:
    target = tmp_path / f"out{suffix}"
    counts, told = run(inputs[source], target, bedside)
    assert (counts, told) == (Counts(3_000, 2_998, 2), [])
    assert scored(target) == wanted
    assert {path.name for path in tmp_path.iterdir()} == {target.name, f"{target.name}.rejects.csv"}
    assert (tmp_path / f"{target.name}.rejects.csv").read_text().splitlines() == [
        "row,field,reason",
        "8,age,must be a number from 18 to 110 years",
        '2501,sex,"must be 0 (woman) or 1 (man), or null where it is not known"',
    ]


def test_the_columns_of_csv_stay_as_they_are_byte_for_byte(
    bedside: Model, inputs: dict[str, Path], tmp_path: Path
) -> None:
    run(inputs["csv"], tmp_path / "out.csv", bedside)
    header, *lines = inputs["csv"].read_bytes().splitlines()
    written = (tmp_path / "out.csv").read_bytes().splitlines()
    assert [line.rsplit(b",", len(ADDED))[0] for line in written] == [header, *good(lines)]


def test_the_columns_of_parquet_stay_as_they_are_with_their_types(
    bedside: Model, inputs: dict[str, Path], table: pa.Table, tmp_path: Path
) -> None:
    run(inputs["parts"], tmp_path / "out.parquet", bedside)
    read = pq.read_table(tmp_path / "out.parquet")
    assert read.column_names == [*table.column_names, *ADDED.names]
    assert read.select(table.column_names).schema.equals(table.schema)
    assert read.select(table.column_names).to_pylist() == good(table.to_pylist())


def test_what_came_out_can_go_in_again_for_the_other_model(
    bedside: Model, inputs: dict[str, Path], tmp_path: Path
) -> None:
    run(inputs["csv"], tmp_path / "text.parquet", bedside)
    text = pq.read_table(tmp_path / "text.parquet").drop_columns(ADDED.names)
    pq.write_table(text, tmp_path / "again.parquet")
    run(inputs["csv"], tmp_path / "1.parquet", bedside)
    counts, _ = run(tmp_path / "again.parquet", tmp_path / "2.parquet", bedside)
    assert counts == Counts(2_998, 2_998, 0)
    assert scored(tmp_path / "1.parquet") == scored(tmp_path / "2.parquet")


def test_columns_that_are_not_there_are_told_of_and_taken_as_not_known(bedside: Model, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("age,ejection_fraction,serum_creatinine\n62,35,1.4\n")
    _, told = run(tmp_path / "in.csv", tmp_path / "out.csv", bedside)
    absent = [name for name in bedside.names if name not in bedside.required]
    assert told == [f"no column {', '.join(absent)}: taken as not known"]
    alone = bedside.predict(
        [{"age": 62, "ejection_fraction": 35, "serum_creatinine": 1.4}.get(n, np.nan) for n in bedside.names]
    )
    assert scored(tmp_path / "out.csv")[0]["risk"] == alone.risk


def test_a_column_of_dates_is_refused(bedside: Model, patients: pa.Table, tmp_path: Path) -> None:
    pq.write_table(patients.set_column(1, "age", pa.array([0] * 3_000, pa.timestamp("s"))), tmp_path / "in.parquet")
    with pytest.raises(DataError, match=r"in\.parquet: column age is of type timestamp"):
        run(tmp_path / "in.parquet", tmp_path / "out.parquet", bedside)
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


def test_windows_line_ends_a_byte_order_mark_and_semicolons_are_handled(bedside: Model, tmp_path: Path) -> None:
    lines = ["age;ejection_fraction;serum_creatinine;note", '62;35;1.4;"a;\r\nb"', "70;20;1,9;x", "18;90;0.1;"]
    (tmp_path / "in.csv").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    counts, _ = run(tmp_path / "in.csv", tmp_path / "out.csv", bedside, delimiter="semicolon")
    assert counts == Counts(3, 2, 1)
    written = (tmp_path / "out.csv").read_bytes().decode()
    assert written.startswith(f"{lines[0]};risk;death_event;")
    assert written.count("\r\n") == written.count("\n") == 4
    assert f"\r\n{lines[1]};0." in written
    assert f"\r\n{lines[3]};0." in written


def test_what_fails_before_a_row_is_scored_leaves_nothing_behind(bedside: Model, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"age,ejection_fraction,serum_creatinine\n62,3\r5,1.4\n")
    with pytest.raises(DataError, match="they cannot be told apart"):
        run(tmp_path / "in.csv", tmp_path / "out.csv", bedside)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


# names and formats


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("in.dat", "out.csv", "in.dat: the suffix tells no format; name one with --format, known: .csv, .tsv, .parqu"),
        ("in.csv", "out.xlsx", "out.xlsx: the suffix tells no format"),
        ("in.csv", "in.csv", "in.csv is an input too, and would be replaced; name another file"),
        ("in.csv", "link.csv", "in.csv is an input too"),
        ("in.csv", "hard.csv", "hard.csv is an input too"),
        ("parts", "parts/a.parquet", "a.parquet is an input too"),
        ("in.csv", "folder.csv", "folder.csv is a folder; name a file"),
        ("in.csv", "none/out.csv", "none; make it first"),
        ("*.csv", "x.csv", "*.csv: a pattern names Parquet files only; score CSV files one by one"),
        ("p.csv.gz", "x.csv", "p.csv.gz is packed; unpack it on the way: zcat p.csv.gz | heartapp score - x.csv"),
        ("none.csv", "out.csv", "none.csv: No such file or directory"),
    ],
)
def test_names_that_cannot_be_meant_are_refused_and_nothing_is_written(
    bedside: Model,
    inputs: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    target: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("in.csv", "in.dat", "p.csv.gz"):
        Path(name).write_bytes(inputs["csv"].read_bytes())
    Path("link.csv").symlink_to("in.csv")
    Path("hard.csv").hardlink_to("in.csv")
    Path("folder.csv").mkdir()
    Path("parts").mkdir()
    Path("parts/a.parquet").write_bytes(inputs["parquet"].read_bytes())
    before = {path: path.stat() for path in tmp_path.rglob("*")}
    with pytest.raises(DataError) as caught:
        run(source, target, bedside)
    assert message in str(caught.value)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == {
        path: status.st_mtime_ns for path, status in before.items()
    }


def test_the_file_of_rejects_replaces_no_input(bedside: Model, inputs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"in\.csv is an input too"):
        run(inputs["csv"], tmp_path / "out.csv", bedside, rejects=inputs["csv"])


@pytest.mark.parametrize("target", ["out.csv", "-"])
@pytest.mark.parametrize(
    ("rejects", "message"),
    [
        ("in.csv", "in.csv is an input too"),
        ("link.csv", "in.csv is an input too"),
        ("notes.txt", "notes.txt is there and is no list of rejects; name another file with --rejects"),
        ("none/bad.csv", "none; make it first"),
    ],
)
def test_rejects_take_the_place_of_nothing_but_rejects(
    bedside: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, rejects: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text("age,ejection_fraction,serum_creatinine\n62,35,1.4\n")
    Path("notes.txt").write_text("precious\n")
    Path("link.csv").symlink_to("in.csv")
    with pytest.raises(DataError, match=re.escape(message)):
        run("in.csv", target, bedside, rejects=Path(rejects))
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "notes.txt", "link.csv"}
    assert Path("notes.txt").read_text() == "precious\n"


@pytest.mark.parametrize(
    "rejects", ["out.csv", "link.csv", "hard.csv", "../x/out.csv", "out.csv.journal", "out.csv.unfinished"]
)
def test_rejects_and_output_are_two_files(
    bedside: Model, inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rejects: str
) -> None:
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path / "x")
    Path("out.csv").write_text("row,field,reason\n")
    Path("link.csv").symlink_to("out.csv")
    Path("hard.csv").hardlink_to("out.csv")
    with pytest.raises(DataError, match=rf"^{re.escape(rejects)} is where the output is written; name another file"):
        run(inputs["csv"], "out.csv", bedside, rejects=Path(rejects))
    assert Path("out.csv").read_text() == "row,field,reason\n"
    with pytest.raises(DataError, match=r"^- is where the output is written"):
        run(inputs["csv"], "-", bedside, rejects=Path("-"))


def test_rejects_go_to_standard_output_and_behind_a_link_which_stays(
    bedside: Model, inputs: dict[str, Path], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "bad.csv").write_text("row,field,reason\nof yesterday\n")
    (tmp_path / "link.csv").symlink_to("bad.csv")
    run(inputs["csv"], tmp_path / "out.csv", bedside, rejects=tmp_path / "link.csv")
    run(inputs["csv"], tmp_path / "out.csv", bedside, rejects=Path("-"))
    assert (tmp_path / "link.csv").is_symlink()
    rejected = (tmp_path / "bad.csv").read_bytes()
    assert rejected.count(b"\n") == 3
    assert capfdbinary.readouterr() == (rejected, b"")


def test_rejects_go_where_they_are_told_to(bedside: Model, inputs: dict[str, Path], tmp_path: Path) -> None:
    run(inputs["csv"], tmp_path / "out.csv", bedside, rejects=tmp_path / "bad.csv")
    assert {path.name for path in tmp_path.iterdir()} == {"out.csv", "bad.csv"}
    assert rejects_path("-", Options()) is None
    assert rejects_path("-", Options(rejects=tmp_path)) == tmp_path


def test_an_output_behind_a_link_is_replaced_and_the_link_stays(
    bedside: Model, inputs: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "out.csv").write_text("old")
    (tmp_path / "out.csv").symlink_to(tmp_path / "disk" / "out.csv")
    run(inputs["csv"], tmp_path / "out.csv", bedside)
    assert (tmp_path / "out.csv").is_symlink()
    assert len(scored(tmp_path / "disk" / "out.csv")) == 2_998


def test_every_core_is_used_where_nothing_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cores() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores() == os.cpu_count()


# streams


def test_standard_streams_are_csv_and_hold_nothing_but_the_table(
    bedside: Model,
    inputs: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    run(inputs["csv"], tmp_path / "out.csv", bedside)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(inputs["csv"].read_bytes())))
    counts, _ = run("-", "-", bedside)
    out, err = capfdbinary.readouterr()
    assert counts.rejected == 2
    assert out == (tmp_path / "out.csv").read_bytes()
    assert err == (tmp_path / "out.csv.rejects.csv").read_bytes()


def test_standard_output_is_of_the_inputs_format(
    bedside: Model, inputs: dict[str, Path], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    run(inputs["parquet"], "-", bedside)
    out, _ = capfdbinary.readouterr()
    assert pq.read_table(pa.BufferReader(out)).num_rows == 2_998


def test_a_device_is_written_to_and_not_replaced(bedside: Model, inputs: dict[str, Path]) -> None:
    counts, _ = run(inputs["csv"], "/dev/null", bedside, rejects=None)
    assert counts.scored == 2_998
    assert not Path("/dev/null").is_file()
    with pytest.raises(DataError, match=r"^/dev/full cannot be written: No space left on device$"):
        run(inputs["csv"], "/dev/full", bedside)


def test_a_stream_cannot_be_resumed(bedside: Model, inputs: dict[str, Path]) -> None:
    with pytest.raises(DataError, match=r"^a stream cannot be resumed"):
        run(inputs["csv"], "-", bedside, resume=True)
