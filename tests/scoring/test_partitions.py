from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from heartapp.errors import BundleError, DataError
from heartapp.scoring import csv_input, partitions
from heartapp.scoring.partitions import (
    Job,
    Partition,
    join_parts,
    join_rejects,
    load_model,
    plan_csv,
    plan_parquet,
    read_marker,
    score_partition,
)
from heartapp.scoring.score import Options, score

if TYPE_CHECKING:
    from heartapp.inference.model import Model

QUOTED = '"a\n,""b"'


@pytest.fixture(scope="module")
def table(patients: pa.Table) -> pa.Table:
    """The patients, with a column of line feeds and quotes, and two that cannot be scored."""
    ages = patients["age"].to_pylist()
    ages[3] = ages[2_999] = 7.0
    return patients.set_column(1, "age", pa.array(ages)).append_column("note", pa.array(['a\n,"b'] * 3_000))


@pytest.fixture
def csv_file(table: pa.Table, tmp_path: Path) -> Path:
    pa_csv.write_csv(table, tmp_path / "in.csv")
    return tmp_path / "in.csv"


@pytest.fixture
def parquet_files(table: pa.Table, tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "in" / f"{index}.parquet" for index in range(2)]
    paths[0].parent.mkdir()
    for path, part in zip(paths, (table.slice(0, 2_000), table.slice(2_000)), strict=True):
        pq.write_table(part, path, row_group_size=300)
    return paths


@pytest.fixture(autouse=True)
def _small_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "PARTITION_BYTES", 60_000)
    monkeypatch.setattr(partitions, "PARTITION_ROWS", 700)
    monkeypatch.setattr(csv_input, "CHUNK_BYTES", 9_000)


def job_of(source: object, kind: str, model: Model, folder: Path) -> Job:
    folder.mkdir()
    return Job(str(folder), kind, source, model.identity)  # type: ignore[arg-type]  # a test's literals


def check_same_as_whole(source: Path, job: Job, parts: list[Partition], model: Model) -> None:
    """What the joined partitions say is what scoring the whole file says."""
    target = Path(job.folder).with_name(f"joined.{job.kind}")
    whole = target.with_stem("whole")
    score(str(source), str(whole), model, Options(), print)
    join_parts(job, parts, target)
    join_rejects(job, parts, target.with_name("joined.rejects.csv"))
    if job.kind == "csv":
        assert target.read_bytes() == whole.read_bytes()
    else:
        assert pq.read_table(target).equals(pq.read_table(whole), check_metadata=True)
    assert (
        target.with_name("joined.rejects.csv").read_bytes() == whole.with_name(f"{whole.name}.rejects.csv").read_bytes()
    )


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_partitions_of_csv_are_together_what_the_whole_file_is(bedside: Model, csv_file: Path, kind: str) -> None:
    form, parts = plan_csv(csv_file, None)
    job = job_of(form, kind, bedside, csv_file.with_name("parts"))
    markers = [score_partition(job, part) for part in parts]
    assert len(parts) >= 4
    assert [part.first for part in parts] == [1 + sum(one.rows for one in parts[:index]) for index in range(len(parts))]
    assert sum(part.rows for part in parts) == 3_000
    assert parts[-1].stop == csv_file.stat().st_size
    assert (sum(marker.scored for marker in markers), sum(marker.rejected for marker in markers)) == (2_998, 2)
    check_same_as_whole(csv_file, job, parts, bedside)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_partitions_of_parquet_files_are_together_what_the_files_are(
    bedside: Model, parquet_files: list[Path], kind: str
) -> None:
    folder = parquet_files[0].parent
    schema, parts = plan_parquet(parquet_files)
    assert [part.rows for part in parts] == [900, 900, 200, 900, 100]
    job = job_of(schema, kind, bedside, folder.with_name("parts"))
    for part in parts:
        score_partition(job, part)
    check_same_as_whole(folder, job, parts, bedside)


def test_a_file_without_its_last_line_end_loses_no_row(bedside: Model, csv_file: Path) -> None:
    csv_file.write_bytes(csv_file.read_bytes().rstrip(b"\n"))
    form, parts = plan_csv(csv_file, "comma")
    job = job_of(form, "csv", bedside, csv_file.with_name("parts"))
    for part in parts:
        score_partition(job, part)
    check_same_as_whole(csv_file, job, parts, bedside)


def test_a_file_may_end_where_a_partition_ends(
    bedside: Model, csv_file: Path, parquet_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "PARTITION_BYTES", 1)
    monkeypatch.setattr(partitions, "PARTITION_ROWS", 1)
    for index, (source, parts) in enumerate([plan_csv(csv_file, None), plan_parquet(parquet_files)]):
        assert len(parts) >= 10
        assert sum(part.rows for part in parts) == 3_000
        assert all(part.rows for part in parts)
        job = job_of(source, "csv", bedside, csv_file.with_name(f"parts-{index}"))
        assert score_partition(job, parts[-1]).rejected == 1


def test_what_has_no_rows_is_one_empty_partition(bedside: Model, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(",".join(bedside.names))
    pq.write_table(pa.table({name: pa.array([], pa.float64()) for name in bedside.names}), tmp_path / "in.parquet")
    for index, (source, parts) in enumerate(
        [plan_csv(tmp_path / "in.csv", None), plan_parquet([tmp_path / "in.parquet"])]
    ):
        job = job_of(source, "parquet", bedside, tmp_path / f"parts-{index}")
        (marker,) = map(score_partition, [job], parts)
        assert (marker.scored, marker.rejected) == (0, 0)
        join_parts(job, parts, tmp_path / "out.parquet")
        assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


# markers


@pytest.fixture
def job(bedside: Model, csv_file: Path) -> Job:
    return job_of(plan_csv(csv_file, None)[0], "csv", bedside, csv_file.with_name("parts"))


def test_a_marker_says_that_a_partition_is_there(job: Job, csv_file: Path) -> None:
    first, *_ = plan_csv(csv_file, None)[1]
    assert read_marker(job, first) is None
    marker = score_partition(job, first)
    assert read_marker(job, first) == marker
    assert (marker.scored, marker.rejected) == (first.rows - 1, 1)
    assert {path.name for path in Path(job.folder).iterdir()} == {
        "part-00000.csv",
        "_part-00000.json",
        "_part-00000.rejects.csv",
    }


def test_a_partition_that_is_there_is_not_scored_again(
    job: Job, csv_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = plan_csv(csv_file, None)[1]
    marker = score_partition(job, first)
    monkeypatch.setattr(partitions, "load_model", None)
    assert score_partition(job, first) == marker


def test_a_partition_without_a_marker_is_scored_anew(job: Job, csv_file: Path) -> None:
    first, *_ = plan_csv(csv_file, None)[1]
    marker = score_partition(job, first)
    content = job.part(first).read_bytes()
    job.marker(first).unlink()
    job.part(first).write_bytes(b"cut off")
    assert score_partition(job, first) == marker
    assert job.part(first).read_bytes() == content


def test_markers_of_another_input_or_model_or_without_a_file_are_refused(job: Job, csv_file: Path) -> None:
    first, *_ = plan_csv(csv_file, None)[1]
    score_partition(job, first)
    other_model = dataclasses.replace(job, model=msgspec.structs.replace(job.model, digest="sha256:0"))
    other_input = msgspec.structs.replace(first, stamp=(1, 1))
    for faulty, partition in ((other_model, first), (job, other_input)):
        with pytest.raises(DataError, match=r"is of another input or model; delete it to start anew$"):
            read_marker(faulty, partition)
    job.part(first).unlink()
    with pytest.raises(DataError, match="is of another input or model"):
        read_marker(job, first)


# what may be wrong where a partition is scored


def test_an_input_that_changed_or_is_not_there_is_told(job: Job, csv_file: Path) -> None:
    first, *_ = plan_csv(csv_file, None)[1]
    fewer = msgspec.structs.replace(first, rows=first.rows + 1)
    with pytest.raises(DataError, match=r"has changed while it was read; start anew$"):
        score_partition(job, fewer)
    os.utime(csv_file, ns=(1, 1))
    with pytest.raises(DataError, match=r"has changed since the work was planned; start anew$"):
        score_partition(job, first)
    csv_file.unlink()
    with pytest.raises(
        DataError, match=r"in\.csv on .*: No such file .*; all machines of a cluster need the same files$"
    ):
        score_partition(job, first)
    assert [*Path(job.folder).iterdir()] == []


def test_a_folder_that_is_not_there_is_told(job: Job, csv_file: Path) -> None:
    first, *_ = plan_csv(csv_file, None)[1]
    Path(job.folder).rmdir()
    with pytest.raises(DataError, match=r"parts cannot be written: No such file or directory$"):
        score_partition(job, first)


def test_another_model_under_the_same_name_is_refused(bedside: Model) -> None:
    assert load_model(bedside.identity).identity == bedside.identity
    with pytest.raises(BundleError, match=r"has the digest sha256:.* and not sha256:0; copy the same folder there"):
        load_model(msgspec.structs.replace(bedside.identity, digest="sha256:0"))
