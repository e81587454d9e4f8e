"""Inputs: CSV and Parquet in pieces of some ten thousand rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Final

import click
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from heartapp.errors import DataError, FieldError
from heartapp.scoring.names import STREAM, Kind
from heartapp.tables.check import ragged
from heartapp.tables.csv_lines import NOT_CSV, find_bad_lines, split_header

BLOCK_BYTES: Final = 1024 * 1024
LONGEST_HEADER: Final = 1024 * 1024
BATCH_ROWS: Final = 16_384
_BATCH_BYTES: Final = 4 * 1024 * 1024


Rows = tuple[pa.RecordBatch, list[FieldError]]
"""The rows of a piece that could be split into cells, and a fault for each other one; it counts all rows from 0."""


@dataclass(frozen=True, slots=True)
class Source:
    """An open input. ``parse`` turns each of the ``pieces`` into rows and may run in several threads at once."""

    place: str
    schema: pa.Schema
    pieces: Iterator[Any]
    parse: Callable[[Any], Rows]
    line_end: str = "\n"


@contextmanager
def open_source(name: str, kind: Kind, delimiter: str) -> Iterator[Source]:
    """Open a file or standard input and read its header.

    Raises:
        DataError: it cannot be read; says why.
    """
    place = "standard input" if name == STREAM else name
    try:
        file = click.open_file(name, "rb")
    except OSError as error:
        raise DataError(f"{name}: {error.strerror}; name a CSV or Parquet file") from None
    with file as stream:
        yield _open_csv(stream, place, delimiter) if kind == "csv" else _open_parquet(stream, place)


def _open_csv(stream: IO[bytes], place: str, delimiter: str) -> Source:
    try:
        header = stream.readline(LONGEST_HEADER).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{place}: the header is not UTF-8; save the file as CSV in UTF-8") from None
    line = header.removesuffix("\n").removesuffix("\r")
    names = split_header(line, delimiter, place, "name the delimiter: --delimiter {}")
    schema = pa.schema([(name, pa.string()) for name in names])
    parse = partial(_parse, schema, delimiter, place)
    return Source(place, schema, _read_blocks(stream), parse, header[len(line) :] or "\n")


def _read_blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """Blocks of whole lines; the last line gets a line feed where it has none."""
    rest = b""
    while block := stream.read(BLOCK_BYTES):
        cut = block.rfind(b"\n") + 1
        if cut:
            yield rest + block[:cut]
            rest = b""
        rest += block[cut:]
    if rest:
        yield rest + b"\n"


def _parse(schema: pa.Schema, delimiter: str, place: str, block: bytes) -> Rows:
    """The rows of a block. Every column is text, as it was written."""
    broken: list[FieldError] = []
    # Stands for a line that is not CSV; it has too many cells, so it is skipped and counted.
    marker = "\0" + delimiter * len(schema)
    if len(bad := find_bad_lines(block, delimiter)):
        lines = block.split(b"\n")
        for line in bad.tolist():
            lines[line] = marker.encode()
        block = b"\n".join(lines)

    def skip(row: Any) -> str:
        fault = ragged(row.actual_columns, row.expected_columns, row.number - 1)
        broken.append(FieldError("", NOT_CSV, fault.row) if row.text == marker else fault)
        return "skip"

    names = [str(position) for position in range(len(schema))]
    try:
        table = pa_csv.read_csv(
            pa.py_buffer(block),
            pa_csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=names),
            pa_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip),
            pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        remedy = "convert the file first, for example: iconv -f latin1 -t utf-8"
        raise DataError(f"{place}: a cell is not UTF-8; {remedy}") from None
    columns = [column.combine_chunks() for column in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=schema), broken


def _open_parquet(stream: IO[bytes], place: str) -> Source:
    try:
        # Without pre_buffer a row group of any size is read bit by bit.
        file = pq.ParquetFile(stream, pre_buffer=False, buffer_size=BLOCK_BYTES)
    except (pa.ArrowInvalid, OSError):
        raise DataError(f"{place} is not a Parquet file, or is a pipe, or its end is missing; write it anew") from None
    return Source(place, file.schema_arrow, _read_batches(file, place), lambda batch: (batch, []))


def _read_batches(file: pq.ParquetFile, place: str) -> Iterator[pa.RecordBatch]:
    groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
    row_bytes = sum(group.total_byte_size for group in groups) // max(file.metadata.num_rows, 1) + 1
    try:
        yield from file.iter_batches(max(1, min(BATCH_ROWS, _BATCH_BYTES // row_bytes)), use_threads=False)
    except (pa.ArrowException, OSError):
        raise DataError(f"{place} is damaged; restore it or write it anew") from None
