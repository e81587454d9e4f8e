from __future__ import annotations

import csv
import gc
import io
import sys
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heartapp.errors import DataError
from heartapp.scoring import outputs
from heartapp.scoring.columns import ADDED
from heartapp.scoring.csv_input import CsvChunk, CsvFormat, read_chunks, read_format
from heartapp.scoring.outputs import METADATA, CsvOutput, ParquetOutput
from heartapp.scoring.parquet_input import ParquetChunk

if TYPE_CHECKING:
    from heartapp.inference.model import Model, Scores

NOBODY = np.empty(0, np.intp)


@pytest.fixture(scope="module")
def scores(bedside: Model) -> Scores:
    """Of ten patients."""
    return bedside.score(np.array(bedside.bundle.manifest.golden.rows)[:10])


def csv_chunk(content: bytes, delimiter: str = ",") -> tuple[CsvFormat, CsvChunk]:
    stream = io.BytesIO(content)
    form, pending = read_format(stream, delimiter, "x.csv")
    (chunk,) = read_chunks(stream, form, pending)
    return form, chunk


def some(scores: Scores, rows: int) -> Scores:
    """The first few."""
    return scores.take(np.arange(rows))


def added(scores: Scores, row: int, digest: str) -> list[str]:
    """What CSV shows of a row: the shortest decimals that give the very numbers again."""
    return [
        *(repr(float(number)) for number in (scores.risk[row],)),
        str(scores.death_event[row]),
        *(repr(float(number)) for number in scores.probabilities[row]),
        *map(str, scores.votes[row]),
        digest,
    ]


@pytest.mark.parametrize(("delimiter", "end"), [(",", b"\n"), (";", b"\r\n"), ("\t", b"\n")])
def test_csv_gets_the_scores_behind_its_own_bytes(bedside: Model, scores: Scores, delimiter: str, end: bytes) -> None:
    mark = delimiter.encode()
    records = [mark.join([b'"x,%d"' % row, b" 1.50 ", b"\xff"]) for row in range(10)]
    form, chunk = csv_chunk(end.join([mark.join([b"a", b'"b"', b"c"]), *records]), delimiter)
    stream = io.BytesIO()
    output = CsvOutput(stream, form, bedside.identity)
    chosen = np.array([0, 3, 9])
    output.write(output.encode(chunk, chosen, some(scores, 3)))
    output.write(output.encode(chunk, NOBODY, some(scores, 0)))
    output.close()

    header, *lines, last = stream.getvalue().split(end)
    assert (output.rows, last) == (3, b"")
    assert header == mark.join([b"a", b'"b"', b"c", *(name.encode() for name in ADDED.names)])
    assert lines == [
        mark.join([records[row], *(cell.encode() for cell in added(scores, index, bedside.identity.digest))])
        for index, row in enumerate(chosen)
    ]


def test_parquet_becomes_csv(bedside: Model, scores: Scores) -> None:
    table = pa.table({"name, first": ["Ü", 'x"\ny', None], "age": [62.0, None, 70.5], "sex": [1, 0, None]})
    stream = io.BytesIO()
    output = CsvOutput(stream, table.schema, bedside.identity)
    output.write(output.encode(ParquetChunk(1, table.to_batches()[0]), np.arange(3), some(scores, 3)))

    rows = list(csv.reader(io.StringIO(stream.getvalue().decode(), newline="")))
    assert rows[0] == ["name, first", "age", "sex", *ADDED.names]
    assert [row[:3] for row in rows[1:]] == [["Ü", "62", "1"], ['x"\ny', "", "0"], ["", "70.5", ""]]
    assert [row[3:] for row in rows[1:]] == [added(scores, row, bedside.identity.digest) for row in range(3)]


def test_what_csv_cannot_hold_is_told(bedside: Model, scores: Scores) -> None:
    table = pa.table({"age": [62], "scan": [b"\xff"]})
    output = CsvOutput(io.BytesIO(), table.schema, bedside.identity)
    with pytest.raises(DataError, match=r"^a column of the input has a type that CSV cannot hold; write Parquet$"):
        output.encode(ParquetChunk(1, table.to_batches()[0]), np.arange(1), some(scores, 1))


def test_parquet_keeps_types_and_metadata_and_names_the_model(bedside: Model, scores: Scores) -> None:
    table = pa.table({"name": pa.array(["a", "b"]).dictionary_encode(), "age": pa.array([62, 70], pa.int8())})
    table = table.replace_schema_metadata({"pandas": "{}"})
    sink = io.BytesIO()
    output = ParquetOutput(sink, table.schema, bedside.identity)
    output.write(output.encode(ParquetChunk(1, table.to_batches()[0]), np.arange(2), some(scores, 2)))
    output.close()

    read = pq.read_table(sink)
    assert output.rows == 2
    assert read.select(table.column_names).equals(table)
    assert read.schema.metadata[b"pandas"] == b"{}"
    assert msgspec.json.decode(read.schema.metadata[METADATA]) == msgspec.to_builtins(bedside.identity)
    assert read.select(ADDED.names).schema.equals(ADDED)
    assert read["risk"].to_pylist() == scores.risk[:2].tolist()


def test_csv_becomes_parquet_of_text(bedside: Model, scores: Scores) -> None:
    form, chunk = csv_chunk(b'name,age\n"Meier, A",062\n,\n')
    sink = io.BytesIO()
    output = ParquetOutput(sink, form.schema, bedside.identity)
    output.write(output.encode(chunk, np.arange(2), some(scores, 2)))
    output.close()
    assert pq.read_table(sink).select(["name", "age"]).to_pylist() == [
        {"name": "Meier, A", "age": "062"},
        {"name": "", "age": ""},
    ]


def group_sizes(sink: io.BytesIO) -> list[int]:
    metadata = pq.ParquetFile(sink).metadata
    return [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]


def test_row_groups_are_of_one_size_however_the_chunks_are_cut(
    bedside: Model, scores: Scores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "GROUP_ROWS", 8)
    table = pa.table({"row": range(10)})
    files = []
    for cut in (1, 3, 10):
        sink = io.BytesIO()
        output = ParquetOutput(sink, table.schema, bedside.identity)
        for batch in table.to_batches(cut) + table.to_batches(cut):
            output.write(output.encode(ParquetChunk(1, batch), np.arange(len(batch)), some(scores, len(batch))))
        output.close()
        assert group_sizes(sink) == [8, 8, 4]
        files.append(pq.read_table(sink)["row"].to_pylist())
    assert files == [[*range(10), *range(10)]] * 3


def test_wide_rows_make_short_groups(bedside: Model, scores: Scores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "_GROUP_BYTES", 10_000)
    table = pa.table({"text": ["x" * 1_000] * 10})
    sink = io.BytesIO()
    output = ParquetOutput(sink, table.schema, bedside.identity)
    for _ in range(3):
        output.write(output.encode(ParquetChunk(1, table.to_batches()[0]), np.arange(10), scores))
    output.close()
    assert group_sizes(sink) == [10, 10, 10]


def give_up(model: Model, scores: Scores) -> None:
    table = pa.table({"age": range(10)})
    with io.BytesIO() as sink, ParquetOutput(sink, table.schema, model.identity) as output:
        output.write(output.encode(ParquetChunk(1, table.to_batches()[0]), np.arange(10), scores))
        raise KeyboardInterrupt


def test_a_parquet_file_that_is_given_up_can_be_forgotten_quietly(
    bedside: Model, scores: Scores, monkeypatch: pytest.MonkeyPatch
) -> None:
    unraisable: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    with pytest.raises(KeyboardInterrupt):
        give_up(bedside, scores)
    gc.collect()
    assert unraisable == []


def test_no_rows_are_a_parquet_file_too(bedside: Model) -> None:
    sink = io.BytesIO()
    ParquetOutput(sink, pa.schema([("age", pa.int8())]), bedside.identity).close()
    assert pq.read_table(sink).column_names == ["age", *ADDED.names]
