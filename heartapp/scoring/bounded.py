"""Parquet from strangers: read within bounds that hold whatever the file says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from heartapp.errors import DataError
from heartapp.scoring.pages import read_pages
from heartapp.scoring.parquet_input import open_parquet

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_TEXTS: Final = frozenset({"BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"})
_NUMBER_BYTES: Final = 16


class TooLargeError(DataError):
    """A file holds more than may be unpacked."""


def read_bounded(content: bytes, place: str, *, most_rows: int, most_bytes: int) -> pa.Table:
    """Read a whole Parquet file of flat columns; takes memory of a few times ``most_bytes``, and no more.

    Raises:
        DataError: the file is damaged, or its columns are not flat.
        TooLargeError: it holds more rows or bytes than that.
    """
    try:
        with open_parquet(pa.BufferReader(content), place) as file:
            row_bytes = _measure(content, file, place, most_rows, most_bytes)
            return _read(file, max(1, most_bytes // row_bytes), most_rows, most_bytes)
    except (pa.ArrowException, OSError, OverflowError, UnicodeDecodeError, IndexError):
        raise DataError(f"{place} is damaged: a part of it cannot be read; write it anew") from None


def _measure(content: bytes, file: pq.ParquetFile, place: str, most_rows: int, most_bytes: int) -> int:
    """An upper limit of the bytes of a row, after checking those of all pages."""
    if file.metadata.num_rows > most_rows:
        raise _too_many_rows(most_rows)
    columns = [file.schema.column(index) for index in range(len(file.schema))]
    if any(column.max_repetition_level for column in columns):
        raise DataError(f"{place} holds a column of lists; drop it")
    widths, unpacked = [max(_NUMBER_BYTES, int(column.length)) for column in columns], 0
    for page in read_pages(content, place):
        unpacked += page.size
        if unpacked > most_bytes:
            raise _too_many_bytes(most_bytes)
        if page.values is not None and page.values > most_rows:
            raise _too_many_rows(most_rows)
        if columns[page.column].physical_type in _TEXTS:
            widths[page.column] = max(widths[page.column], page.size)
    return sum(widths, start=1)


def _read(file: pq.ParquetFile, batch_rows: int, most_rows: int, most_bytes: int) -> pa.Table:
    # A dictionary may hold one long text and the rows repeat it, so what comes out is counted too.
    groups = [index for index in range(file.metadata.num_row_groups) if file.metadata.row_group(index).num_rows != 0]
    batches, rows, size = [], 0, 0
    for batch in file.iter_batches(batch_size=batch_rows, row_groups=groups, use_threads=False):
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows > most_rows:
            raise _too_many_rows(most_rows)
        if size > most_bytes:
            raise _too_many_bytes(most_bytes)
        batch.validate(full=True)
        batches.append(batch)
    return pa.Table.from_batches(batches, file.schema_arrow)


def _too_many_rows(most: int) -> TooLargeError:
    return TooLargeError(f"Too many patients in one request; send at most {most} at a time")


def _too_many_bytes(most: int) -> TooLargeError:
    return TooLargeError(f"The file unpacks to more than {most} bytes; send fewer patients or columns at a time")
