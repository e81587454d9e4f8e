from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from heartapp.errors import DataError
from heartapp.inference.columns import find_columns
from heartapp.inference.model import Model
from heartapp.scoring.columns import ADDED
from heartapp.scoring.csv_input import read_chunks, read_format
from heartapp.scoring.inputs import Input
from heartapp.scoring.journal import Journal, Record
from heartapp.scoring.outputs import CsvOutput
from heartapp.scoring.parquet_input import ParquetChunk
from heartapp.scoring.pipeline import Counts, Scorer, run
from heartapp.scoring.progress import Progress
from heartapp.scoring.rejects import Rejects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from heartapp.scoring.chunk import Chunk
    from heartapp.scoring.outputs import Output

HEADER = b"age,ejection_fraction,serum_creatinine\n"


def chunks_of(table: pa.Table, rows: int) -> list[Chunk]:
    firsts = range(1, table.num_rows + 1, rows)
    return [ParquetChunk(first, batch) for first, batch in zip(firsts, table.to_batches(rows), strict=True)]


def input_of(chunks: Iterable[Chunk]) -> Input:
    return Input("x.parquet", pa.schema([]), chunks)


def scorer_of(model: Model, table: pa.Table, output: Output) -> Scorer:
    return Scorer(model, find_columns(table.column_names, model, "x"), output, "x.parquet")


def score_text(model: Model, content: bytes, rejects: Path) -> tuple[list[str], Counts]:
    """The scored rows' own cells, and the counts."""
    source, sink = io.BytesIO(content), io.BytesIO()
    form, pending = read_format(source, ",", "x.csv")
    output = CsvOutput(sink, form, model.identity)
    scorer = Scorer(model, find_columns(form.names, model, "x.csv"), output, "x.csv")
    with Rejects(rejects) as file:
        counts = run(Input("x.csv", form, read_chunks(source, form, pending)), scorer, output, file, threads=2)
    lines = sink.getvalue().decode().splitlines()[1:]
    return [",".join(line.split(",")[: -len(ADDED)]) for line in lines], counts


def test_rows_that_cannot_be_scored_are_rejected_with_every_reason_and_no_value(bedside: Model, tmp_path: Path) -> None:
    content = HEADER + b"62,35,1.4\n300,,x\n62,35\n62,35,1.4,9\n\n18,5,0.1\nnan,35,1.4\n"
    kept, counts = score_text(bedside, content, tmp_path / "rejects.csv")
    assert kept == ["62,35,1.4", "18,5,0.1"]
    assert counts == Counts(read=6, scored=2, rejected=4)
    assert (tmp_path / "rejects.csv").read_text() == (
        "row,field,reason\n"
        "2,age,must be a number from 18 to 110 years\n"
        "2,ejection_fraction,is missing; expected a number from 5 to 90%\n"
        "2,serum_creatinine,must be a number from 0.1 to 40 mg/dL\n"
        '3,,"has 2 cells, the header has 3"\n'
        '4,,"has 4 cells, the header has 3"\n'
        "6,age,must be a number from 18 to 110 years\n"
    )


def test_a_comma_for_decimals_is_told_as_the_reason(bedside: Model, tmp_path: Path) -> None:
    content = HEADER + b'62,35,"1,4"\n62,35,x\n300,35,"1,4"\n'
    score_text(bedside, content, tmp_path / "rejects.csv")
    assert (tmp_path / "rejects.csv").read_text() == (
        "row,field,reason\n"
        "1,serum_creatinine,must be a number from 0.1 to 40 mg/dL; write decimals with a point\n"
        "2,serum_creatinine,must be a number from 0.1 to 40 mg/dL\n"
        "3,age,must be a number from 18 to 110 years\n"
        "3,serum_creatinine,must be a number from 0.1 to 40 mg/dL; write decimals with a point\n"
    )


def test_every_row_may_be_rejected(bedside: Model, tmp_path: Path) -> None:
    kept, counts = score_text(bedside, HEADER + b"1,1,1\n" * 5, tmp_path / "rejects.csv")
    assert (kept, counts) == ([], Counts(read=5, scored=0, rejected=5))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_chunks_are_written_in_order_by_any_number_of_threads(
    bedside: Model, patients: pa.Table, tmp_path: Path, threads: int
) -> None:
    sink = io.BytesIO()
    output = CsvOutput(sink, patients.schema, bedside.identity)
    progress = Progress()
    counts = run(
        input_of(chunks_of(patients, 100)),
        scorer_of(bedside, patients, output),
        output,
        Rejects(tmp_path / "rejects.csv"),
        threads=threads,
        progress=progress,
    )
    assert counts == Counts(3_000, 3_000, 0)
    names = [line.split('"')[1] for line in sink.getvalue().decode().splitlines()[1:]]
    assert names == patients["name"].to_pylist()


def test_only_a_few_chunks_are_in_memory(bedside: Model, patients: pa.Table, tmp_path: Path) -> None:
    read: list[int] = []

    class Slow(CsvOutput):
        def write(self, encoded: pa.Array) -> None:
            super().write(encoded)
            assert len(read) <= self.rows // 100 + 5

    def chunks() -> Iterator[Chunk]:
        for chunk in chunks_of(patients, 100):
            read.append(chunk.first)
            yield chunk

    output = Slow(io.BytesIO(), patients.schema, bedside.identity)
    rejects = Rejects(tmp_path / "rejects.csv")
    run(input_of(chunks()), scorer_of(bedside, patients, output), output, rejects, threads=2)
    assert len(read) == 30


def test_a_fault_in_one_chunk_ends_the_work(bedside: Model, patients: pa.Table, tmp_path: Path) -> None:
    class Broken(CsvOutput):
        def encode(self, chunk: Chunk, *_: object) -> pa.Array:
            raise DataError(f"at row {chunk.first}")

    output = Broken(io.BytesIO(), patients.schema, bedside.identity)
    rejects = Rejects(tmp_path / "rejects.csv")
    with pytest.raises(DataError, match=r"^at row 1$"):
        run(input_of(chunks_of(patients, 100)), scorer_of(bedside, patients, output), output, rejects, threads=2)
    assert not [one for one in threading.enumerate() if one.name.startswith("ThreadPool")]


def test_a_lost_row_is_noticed(bedside: Model, patients: pa.Table, tmp_path: Path) -> None:
    output = CsvOutput(io.BytesIO(), patients.schema, bedside.identity)
    chunks = chunks_of(patients, 1_000)
    del chunks[1]
    with pytest.raises(RuntimeError, match=r"^3000 rows read are not 2000 scored \+ 0 rejected$"):
        run(input_of(chunks), scorer_of(bedside, patients, output), output, Rejects(tmp_path / "r.csv"), threads=1)


# the journal


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows the members were asked about, time after time."""
    counts: list[int] = []
    answer = Model.probabilities

    def ask(model: Model, values: NDArray[np.float32]) -> NDArray[np.float32]:
        counts.append(len(values))
        return answer(model, values)

    monkeypatch.setattr(Model, "probabilities", ask)
    return counts


def score_with_journal(model: Model, table: pa.Table, path: Path, chunks: int) -> tuple[bytes, Counts]:
    """What is written, and the counts, of so many chunks of 500."""
    sink = io.BytesIO()
    output = CsvOutput(sink, table.schema, model.identity)
    with Journal(path, model.identity.digest, resume=True) as journal:
        opened = input_of(chunks_of(table, 500)[:chunks])
        rejects = Rejects(path.with_name("rejects.csv"))
        scorer = scorer_of(model, table, output)
        counts = run(opened, scorer, output, rejects, threads=2, journal=journal)
    return sink.getvalue(), counts


def test_members_are_asked_about_no_row_that_the_journal_knows(
    bedside: Model, patients: pa.Table, tmp_path: Path, asked: list[int]
) -> None:
    score_with_journal(bedside, patients, tmp_path / "journal", 2)
    resumed, counts = score_with_journal(bedside, patients, tmp_path / "journal", 6)
    again, _ = score_with_journal(bedside, patients, tmp_path / "journal", 6)
    assert asked == [500] * 6
    assert counts == Counts(3_000, 3_000, 0, resumed=1_000)
    whole, _ = score_with_journal(bedside, patients, tmp_path / "whole", 6)
    assert whole == resumed == again


@pytest.mark.parametrize("changed", ["values", "fewer good rows"])
def test_a_journal_of_another_input_is_refused(
    bedside: Model, patients: pa.Table, tmp_path: Path, changed: str
) -> None:
    score_with_journal(bedside, patients, tmp_path / "journal", 2)
    ages = patients["age"].to_pylist()
    ages[700] = 50.0 if changed == "values" else None
    other = patients.set_column(1, "age", pa.array(ages))
    with pytest.raises(DataError, match=r"^x\.parquet is not what the interrupted run read \(near row 501\)$"):
        score_with_journal(bedside, other, tmp_path / "journal", 6)


def test_a_record_is_checked_against_its_rows(bedside: Model, patients: pa.Table) -> None:
    output = CsvOutput(io.BytesIO(), patients.schema, bedside.identity)
    scorer = scorer_of(bedside, patients, output)
    (chunk,) = chunks_of(patients, 3_000)
    fresh = scorer(chunk, None)
    assert scorer(chunk, fresh.record).output.equals(fresh.output)
    with pytest.raises(DataError):
        scorer(chunk, Record(fresh.record.checksum, fresh.record.probabilities[1:]))
