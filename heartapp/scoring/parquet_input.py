"""Parquet in: one file or several of the same columns, row group by row group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from heartapp.clinical.patient import printable
from heartapp.errors import DataError
from heartapp.scoring.chunk import Chunk
from heartapp.scoring.columns import to_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from heartapp.errors import FieldError

CHUNK_ROWS: Final = 16_384
_CHUNK_BYTES: Final = 4 * 1024 * 1024
_READ_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ParquetChunk(Chunk):
    """A batch of rows."""

    table: pa.RecordBatch

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.table.num_rows)

    @property
    def size(self) -> int:
        """Unknown: columns are compressed together."""
        return 0

    def values(self, positions: Sequence[int | None]) -> tuple[NDArray[np.float64], list[FieldError]]:
        """See `Chunk.values`. In Parquet, every row has all cells."""
        values = np.full((self.rows, len(positions)), np.nan, order="F")
        for index, position in enumerate(positions):
            if position is not None:
                values[:, index] = to_numbers(self.table.column(position))
        return values, []

    def batch(self, chosen: NDArray[np.intp]) -> pa.RecordBatch:
        """See `Chunk.batch`."""
        return self.table if len(chosen) == self.rows else self.table.take(pa.array(chosen))


def open_parquet(source: Any, place: str) -> pq.ParquetFile:
    """Open a Parquet file, a path or a seekable stream, and read its footer.

    Raises:
        DataError: it is no whole Parquet file.
    """
    try:
        # Without pre_buffer, a row group of any size is read piece by piece.
        return pq.ParquetFile(source, pre_buffer=False, buffer_size=_READ_BYTES)
    except pa.ArrowInvalid:
        raise DataError(f"{place} is not a whole Parquet file: its end is missing or damaged; write it anew") from None
    except OSError as error:
        raise DataError(f"{place}: {error.strerror or 'it cannot be read'}; name a Parquet file") from None


def check_same_columns(first: pq.ParquetFile, other: pq.ParquetFile, place: str) -> None:
    """Make sure that two files can stand one behind the other.

    Raises:
        DataError: names the first column that differs.
    """
    mine, theirs = first.schema_arrow, other.schema_arrow
    if mine.equals(theirs):
        return
    name = next((one.name for one, two in zip(mine, theirs, strict=False) if not one.equals(two)), None)
    differs = "it has more or fewer columns" if name is None else f"column {printable(name)} has another name or type"
    raise DataError(f"{place} does not fit the first file: {differs}; score it by itself")


def read_batches(
    file: pq.ParquetFile, place: str, *, first: int = 1, groups: Sequence[int] | None = None
) -> Iterator[ParquetChunk]:
    """Read a file, or some of its row groups, in chunks of at most 16,384 rows and about four mebibytes.

    Raises:
        DataError: a part of the file is damaged.
    """
    try:
        for batch in file.iter_batches(batch_size=_batch_rows(file.metadata), row_groups=groups, use_threads=False):
            yield ParquetChunk(first, batch)
            first += batch.num_rows
    except (pa.ArrowInvalid, OSError):
        raise DataError(f"{place} is damaged after row {first - 1}; restore it or write it anew") from None


def _batch_rows(metadata: pq.FileMetaData) -> int:
    """Rows of a chunk: fewer where rows are wide."""
    groups = (metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    row_bytes = sum(groups) // max(metadata.num_rows, 1) + 1
    return int(np.clip(_CHUNK_BYTES // row_bytes, 1, CHUNK_ROWS))
