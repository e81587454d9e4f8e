from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heartapp.errors import DataError
from heartapp.scoring.parquet_input import CHUNK_ROWS, check_same_columns, open_parquet, read_batches

if TYPE_CHECKING:
    from pathlib import Path


def written(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


@pytest.mark.parametrize("group", [1_000, 7_000, 100_000])
def test_a_file_comes_in_chunks_that_number_their_rows(group: int) -> None:
    rows = 2 * CHUNK_ROWS + 5
    table = pa.table({"age": pa.array(range(rows)), "id": pa.array(map(str, range(rows)))})
    file = open_parquet(io.BytesIO(written(table, row_group_size=group)), "x.parquet")
    chunks = [*read_batches(file, "x.parquet")]
    assert pa.Table.from_batches([chunk.batch(np.arange(chunk.rows)) for chunk in chunks]).equals(table)
    assert [chunk.first for chunk in chunks] == [chunk.table.column(0)[0].as_py() + 1 for chunk in chunks]
    assert all(chunk.rows <= CHUNK_ROWS and chunk.size == 0 for chunk in chunks)


def test_chunks_of_wide_rows_are_short() -> None:
    table = pa.table({f"c{index}": np.random.default_rng(index).random(2_000) for index in range(1_000)})
    file = open_parquet(io.BytesIO(written(table)), "x.parquet")
    assert max(chunk.rows for chunk in read_batches(file, "x.parquet")) < 1_000


def test_values_stand_in_the_order_asked_for() -> None:
    table = pa.table({"a": [1, None], "b": ["2", "x"], "c": [0.5, 1.5]})
    (chunk,) = read_batches(open_parquet(io.BytesIO(written(table)), "x"), "x")
    values, faults = chunk.values([2, None, 0, 1])
    np.testing.assert_array_equal(values, [[0.5, np.nan, 1, 2], [1.5, np.nan, np.nan, np.inf]])
    assert faults == []
    assert chunk.batch(np.array([1])).to_pylist() == [{"a": None, "b": "x", "c": 1.5}]


def test_some_row_groups_can_be_read_alone() -> None:
    file = open_parquet(io.BytesIO(written(pa.table({"a": range(10)}), row_group_size=3)), "x")
    (chunk,) = read_batches(file, "x", first=4, groups=[1, 2])
    assert (chunk.first, chunk.table["a"].to_pylist()) == (4, [3, 4, 5, 6, 7, 8])


@pytest.mark.parametrize("kept", [0, 3, 50, -1])
def test_a_file_that_was_cut_off_is_told(kept: int) -> None:
    content = written(pa.table({"a": range(1_000)}))
    with pytest.raises(DataError, match=r"^x\.parquet is not a whole Parquet file: .*; write it anew$"):
        open_parquet(io.BytesIO(content[:kept]), "x.parquet")


def test_damage_in_the_middle_is_told_with_the_last_good_row() -> None:
    content = bytearray(written(pa.table({"a": range(2_000)}), row_group_size=1_000, compression="none"))
    middle = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(1).column(0).dictionary_page_offset
    content[middle : middle + 20] = b"\xff" * 20
    file = open_parquet(io.BytesIO(content), "x.parquet")
    with pytest.raises(DataError, match=r"^x\.parquet is damaged after row \d+; restore it"):
        list(read_batches(file, "x.parquet"))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.parquet: .*; name a Parquet file$"):
        open_parquet(tmp_path / "none.parquet", "none.parquet")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"a": [1], "b": ["x"], "c": [1]}, "it has more or fewer columns"),
        ({"a": [1]}, "it has more or fewer columns"),
        ({"a": [1.0], "b": ["x"]}, "column a has another name or type"),
        ({"a": [1], "c": ["x"]}, "column b has another name or type"),
    ],
)
def test_files_of_different_columns_do_not_go_together(other: dict[str, list[object]], message: str) -> None:
    first = open_parquet(io.BytesIO(written(pa.table({"a": [1], "b": ["x"]}))), "1")
    check_same_columns(first, first, "1")
    with pytest.raises(DataError, match=f"^2 does not fit the first file: {message}"):
        check_same_columns(first, open_parquet(io.BytesIO(written(pa.table(other))), "2"), "2")
