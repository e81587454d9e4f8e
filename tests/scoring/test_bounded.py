from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartapp.errors import DataError
from heartapp.scoring.bounded import TooLargeError, _read, read_bounded

if TYPE_CHECKING:
    import random

TABLE = pa.table(
    {
        "age": [float(number) for number in range(50)],
        "name": pa.array([f"Ü {number % 7}" for number in range(50)]),
        "kind": pa.array(["a", None] * 25).dictionary_encode(),
        "scan": pa.array([None] * 50, pa.binary(7)),
        "days": pa.array(range(50), pa.timestamp("ms")),
    }
)


def written(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def read(content: bytes, *, rows: int = 100, size: int = 1_000_000) -> pa.Table:
    return read_bounded(content, "x", most_rows=rows, most_bytes=size)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zstd", "row_group_size": 7},
        {"data_page_version": "2.0", "use_dictionary": False},
        {"data_page_size": 50, "write_batch_size": 10},
    ],
)
def test_a_file_is_read_as_it_was_written(options: dict[str, Any]) -> None:
    assert read(written(TABLE, **options)).equals(TABLE)
    assert read(written(TABLE[:0], **options)).equals(TABLE[:0])


def test_rows_are_read_a_few_at_a_time_where_they_may_be_wide() -> None:
    table = pa.table({"text": ["x" * 1_000, "y" * 1_000] * 40})
    assert read(written(table), size=100_000).equals(table)


def test_rows_are_counted_as_they_come_whatever_the_footer_says() -> None:
    with pytest.raises(TooLargeError, match="at most 20 at a time"):
        _read(pq.ParquetFile(io.BytesIO(written(TABLE))), 10, 20, 1_000_000)


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(TooLargeError, match="at most 49 at a time"):
        read(written(TABLE), rows=49)


def with_fewer_rows_told(content: bytes, times: int) -> bytes:
    """The same file, whose footer says 2 where it said 5,000, so many times; as a varint of the same length."""
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    return content[:footer] + content[footer:].replace(b"\x90\x4e", b"\x84\x00", times)


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"data_page_size": 100, "write_batch_size": 50, "use_dictionary": False}])
def test_a_footer_that_tells_of_fewer_rows_than_there_are_opens_no_door(options: dict[str, Any], times: int) -> None:
    content = with_fewer_rows_told(written(pa.table({"age": [1.0] * 5_000}), **options), times)
    assert pq.ParquetFile(io.BytesIO(content)).metadata.num_rows == 2
    try:
        rows = read(content).num_rows
    except DataError:
        rows = 0
    assert rows <= 100


def test_what_is_large_only_when_unpacked_is_refused() -> None:
    content = written(pa.table({"text": ["x" * 2_000_000]}), compression="zstd", use_dictionary=False)
    assert len(content) < 10_000
    with pytest.raises(TooLargeError, match="unpacks to more than 1000000 bytes"):
        read(content)


def test_a_long_text_that_every_row_repeats_is_refused() -> None:
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 100, pa.int32()), pa.array(["x" * 100_000]))
    content = written(pa.table({"text": repeated}), compression="zstd", store_schema=False)
    assert len(content) < 10_000
    with pytest.raises(TooLargeError, match="unpacks to more than"):
        read(content)


def test_lists_are_refused() -> None:
    with pytest.raises(DataError, match="x holds a column of lists; drop it"):
        read(written(pa.table({"age": [[1, 2]]})))


def test_text_that_is_not_utf_8_is_damage() -> None:
    bad = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers())
    with pytest.raises(DataError, match="x is damaged: a part of it cannot be read"):
        read(written(pa.table({"name": bad})))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"age\n62\n", written(TABLE)[:-9], written(TABLE)[9:]])
def test_what_is_no_whole_file_is_told(content: bytes) -> None:
    with pytest.raises(DataError, match=r"^x "):
        read(content)


@given(st.randoms(use_true_random=False), st.sampled_from([written(TABLE), written(TABLE, data_page_version="2.0")]))
@settings(max_examples=200)
def test_a_damaged_file_is_told_or_read_within_the_bounds(chance: random.Random, content: bytes) -> None:
    damaged = bytearray(content)
    for _ in range(chance.choice([1, 2, 5])):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    try:
        table = read(bytes(damaged))
    except DataError:
        return
    assert table.num_rows <= 100
    assert table.nbytes <= 1_000_000
