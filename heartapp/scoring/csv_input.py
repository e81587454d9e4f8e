"""CSV in: records told apart without touching their bytes, which come out again as they came in.

A record ends at a line feed that stands in no quoted cell. Everything but the variables' columns is carried through as
bytes: quotes, spaces, digits and any encoding that extends ASCII.
"""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from heartapp.errors import DataError
from heartapp.scoring.chunk import Chunk
from heartapp.scoring.columns import spelled_numbers, text_to_numbers
from heartapp.scoring.records import Records, StrayQuoteError, record_ends, split_records
from heartapp.tables.check import ragged
from heartapp.tables.csv_lines import DELIMITERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import BinaryIO

    from numpy.typing import NDArray

    from heartapp.errors import FieldError

CHUNK_BYTES: Final = 1024 * 1024
LONGEST_RECORD: Final = 16 * 1024 * 1024
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """What the header tells: its bytes without the line's end, the columns' names, and how cells and lines end."""

    place: str
    header: bytes
    names: tuple[str, ...]
    delimiter: str
    line_end: bytes

    @property
    def schema(self) -> pa.Schema:
        """Every column is text: a CSV file holds nothing else."""
        return pa.schema([(name, pa.string()) for name in self.names])


@dataclass(frozen=True, slots=True)
class CsvChunk(Chunk):
    """Whole records of a file."""

    form: CsvFormat
    records: Records

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.records)

    @property
    def size(self) -> int:
        """How many bytes of the input it came from."""
        return len(self.records.text)

    def values(self, positions: Sequence[int | None]) -> tuple[NDArray[np.float64], list[FieldError]]:
        """See `Chunk.values`."""
        wanted = {str(position): index for index, position in enumerate(positions) if position is not None}
        try:
            whole, columns, faults = self._parse(dict.fromkeys(wanted, pa.float64()))
            numbers = [*map(spelled_numbers, columns)]
        except pa.ArrowInvalid:  # a cell is no number
            whole, columns, faults = self._parse(dict.fromkeys(wanted, pa.binary()))
            numbers = [*map(text_to_numbers, columns)]
        # Column by column, as they are filled and checked; a slice where it will do, for masks are slow.
        values = np.full((self.rows, len(positions)), np.nan, order="F")
        rows = whole if faults else slice(None)
        for index, column in zip(wanted.values(), numbers, strict=True):
            values[rows, index] = column
        return values, faults

    def batch(self, chosen: NDArray[np.intp]) -> pa.RecordBatch:
        """See `Chunk.batch`. Every column is text."""
        try:
            whole, columns, _ = self._parse(
                {str(index): pa.string() for index in range(len(self.form.names))}, as_text=True
            )
        except pa.ArrowInvalid:
            raise DataError(
                f"{self._place} are not UTF-8, which Parquet demands; convert the file first, or write CSV"
            ) from None
        table = pa.RecordBatch.from_arrays(columns, schema=self.form.schema)
        return table.take(pa.array(np.searchsorted(np.arange(self.rows)[whole], chosen)))

    def _parse(
        self, types: Mapping[str, pa.DataType], *, as_text: bool = False
    ) -> tuple[NDArray[np.bool_], list[Any], list[FieldError]]:
        """Which records are whole, their columns, and the faults of the others. Columns are named by position."""
        faults: list[FieldError] = []
        whole = np.ones(self.rows, np.bool_)
        expected = len(self.form.names)

        def broken(row: Any) -> str:
            index = row.number - 1
            faults.append(ragged(row.actual_columns, expected, index))
            whole[index : index + 1] = False  # past the end where rows cannot be told apart
            return "skip"

        table = pa_csv.read_csv(
            pa.py_buffer(self.records.text),
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=self.size + 1, column_names=[str(index) for index in range(expected)]
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=self.form.delimiter, newlines_in_values=True, invalid_row_handler=broken
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=types,
                include_columns=[*types],
                null_values=[""],
                strings_can_be_null=not as_text,
                check_utf8=as_text,
            ),
        )
        if table.num_rows + len(faults) != self.rows:
            raise DataError(
                f"{self._place} cannot be told apart; look for a carriage return inside a cell, or for a quote that "
                "is opened and not closed"
            )
        columns = [column.combine_chunks() for column in table.columns]
        return whole, columns, faults

    @property
    def _place(self) -> str:
        return f"{self.form.place}, row {self.first} to {self.first + self.rows - 1}: they"


def read_format(stream: BinaryIO, delimiter: str, place: str) -> tuple[CsvFormat, bytes]:
    """Read a CSV file's header, and give with it what was read beyond.

    Raises:
        DataError: the file is empty, or no CSV file with that delimiter.
    """
    text = _read(stream, place).removeprefix(codecs.BOM_UTF8)
    if text.startswith(_UTF_16) or b"\0" in text[:1024]:
        raise DataError(f"{place} is not text in UTF-8; save it as CSV in UTF-8")
    ends = record_ends(text, delimiter)
    stop = int(ends[0]) if len(ends) else len(text)
    line = text[:stop]
    header = line.removesuffix(b"\r")
    try:
        text_header = io.StringIO(header.decode("utf-8"), newline="")
        names = next(csv.reader(text_header, delimiter=delimiter, strict=True), [])
    except UnicodeDecodeError:
        raise DataError(f"{place}: the header is not UTF-8; save the file as CSV in UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{place}: the header cannot be read: {error}") from None
    if not len(ends) and len(text) >= CHUNK_BYTES:
        raise DataError(f"{place}: its first line has no end, so there is no header; is it a CSV file?")
    if not names:
        raise DataError(f"{place} is empty; it needs a header with the columns' names and a row for each patient")
    if b"\r" in header.replace(b"\r\n", b""):
        raise DataError(f"{place}: its lines end in a carriage return alone; save it with LF or CRLF line ends")
    if len(names) == 1 and (likely := [word for word, mark in DELIMITERS.items() if mark in names[0]]):
        raise DataError(f"{place}: its header is a single column; name the delimiter: --delimiter {likely[0]}")
    line_end = b"\r\n" if line.endswith(b"\r") else b"\n"
    return CsvFormat(place, header, tuple(names), delimiter, line_end), text[stop + 1 :]


def read_chunks(stream: BinaryIO, form: CsvFormat, pending: bytes = b"", *, first: int = 1) -> Iterator[CsvChunk]:
    """Read records, in chunks of about a mebibyte.

    Args:
        stream: what follows ``pending``, which starts with a whole record.
        form: the header.
        pending: what was read of the stream already.
        first: the number of the first row.

    Raises:
        DataError: a quoted cell has no end, or goes on behind it.
    """
    while block := _read(stream, form.place):
        records, pending = _split(pending + block, form, first)
        if len(records):
            yield CsvChunk(first, form, records)
            first += len(records)
        elif len(pending) > LONGEST_RECORD:
            break
    records, rest = _split(pending + form.line_end, form, first)
    if rest:
        raise DataError(f"{form.place}, row {first} or after: a quote is opened and never closed")
    if len(records):
        yield CsvChunk(first, form, records)


def _split(text: bytes, form: CsvFormat, first: int) -> tuple[Records, bytes]:
    """See `split_records`; ``first`` is the number of the text's first row."""
    try:
        return split_records(text, form.delimiter)
    except StrayQuoteError as error:
        raise DataError(
            f"{form.place}, row {first + error.before}: a quoted cell goes on behind the quote that closes it; remove "
            "the stray quote, or write two for one that belongs to the cell"
        ) from None


def _read(stream: BinaryIO, place: str) -> bytes:
    try:
        return stream.read(CHUNK_BYTES)
    except OSError as error:
        raise DataError(f"{place} cannot be read: {error.strerror}") from None
