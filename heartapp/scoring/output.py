"""Outputs: the input's columns, then what the model says, as CSV or Parquet; and the list of rejected rows."""

import csv
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from heartapp.errors import DataError, FieldError
from heartapp.files import as_data_error, atomic_write
from heartapp.inference.model import ModelIdentity, Scores
from heartapp.scoring.names import STREAM
from heartapp.scoring.source import Source
from heartapp.tables.columns import ADDED_NAMES, model_label

METADATA: Final = b"heartapp.model"
"""The key of Parquet's metadata that holds the model's name, version and digest as JSON."""
GROUP_BYTES: Final = 16 * 1024 * 1024
"""The size of a row group in memory, at least: some hundred thousand rows."""
_TYPES: Final = (pa.float64(), pa.int8(), *[pa.float32()] * 3, *[pa.int8()] * 3, *[pa.string()] * 2)
ADDED: Final = pa.schema(zip(ADDED_NAMES, _TYPES, strict=True))


@dataclass(frozen=True, slots=True)
class Output:
    """``encode`` makes rows and their scores ready to be written, in several threads at once; ``write`` writes them."""

    encode: Callable[[pa.RecordBatch, Scores], Any]
    write: Callable[[Any], object]


@contextmanager
def open_stream(target: str) -> Iterator[BinaryIO]:
    """Open a file that gets its name when all is written, or standard output."""
    with atomic_write(Path(target)) if target != STREAM else nullcontext(sys.stdout.buffer) as stream:
        yield stream
        with as_data_error(target):
            stream.flush()


@contextmanager
def write_csv(stream: BinaryIO, source: Source, identity: ModelIdentity, delimiter: str) -> Iterator[Output]:
    """Write CSV. Only cells that need quotes get them, so a missing value stays an empty cell."""
    label = model_label(identity)

    def encode(batch: pa.RecordBatch, scores: Scores) -> pa.Buffer | bytes:
        if not batch.num_rows:
            return b""
        # Spell probabilities in double precision, as JSON does.
        columns = [*batch.columns, *_added(scores, label, np.float64)]
        try:
            cells = [_quote(_spell(column), delimiter) for column in columns]
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise DataError("a column of the input has a type that CSV cannot hold; write Parquet") from None
        cells[-1] = pc.binary_join_element_wise(cells[-1], source.line_end, "")
        return pc.binary_join_element_wise(*cells, delimiter).buffers()[2]

    header = io.StringIO()
    writer = csv.writer(header, delimiter=delimiter, lineterminator=source.line_end)
    writer.writerow([*source.schema.names, *ADDED_NAMES])
    stream.write(header.getvalue().encode())
    yield Output(encode, stream.write)


@contextmanager
def write_parquet(stream: BinaryIO, source: Source, identity: ModelIdentity) -> Iterator[Output]:
    """Write Parquet with the input's types and metadata."""
    metadata = {**(source.schema.metadata or {}), METADATA: msgspec.json.encode(identity)}
    schema = pa.schema([*source.schema, *ADDED], metadata)
    label = model_label(identity)
    waiting: list[pa.RecordBatch] = []

    def encode(batch: pa.RecordBatch, scores: Scores) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([*batch.columns, *_added(scores, label, np.float32)], schema=schema)

    def write(batch: pa.RecordBatch) -> None:
        waiting.append(batch)
        if sum(one.nbytes for one in waiting) >= GROUP_BYTES:
            flush()

    def flush() -> None:
        writer.write_table(pa.Table.from_batches(waiting, schema))
        waiting.clear()

    writer = pq.ParquetWriter(stream, schema)
    try:
        yield Output(encode, write)
        flush()
        writer.close()
    finally:
        writer.is_open = False  # after an error the stream is closed, and collecting the writer must not write to it


@contextmanager
def write_rejects(path: Path | None) -> Iterator[Callable[[Sequence[FieldError], int], None]]:
    """Write the list of rejected rows, ``row,field,reason``, without any value.

    Gives a function that lists the faults of some rows; its second argument is the number of the first of these rows.
    Without faults there is no file, and the one of an earlier run is removed. ``path`` is None for standard error.
    """
    stream: BinaryIO | None = None
    with ExitStack() as files:

        def write(faults: Sequence[FieldError], first: int) -> None:
            nonlocal stream
            text = io.StringIO()
            rows = ((first + (one.row or 0), one.field, one.message) for one in faults)
            csv.writer(text, lineterminator="\n").writerows(rows)
            with as_data_error(path or "standard error"):
                if stream is None:
                    stream = sys.stderr.buffer if path is None else files.enter_context(atomic_write(path))
                    stream.write(b"row,field,reason\n")
                stream.write(text.getvalue().encode())

        yield write
    if stream is None and path is not None and path.is_file():
        path.unlink()


def _added(scores: Scores, label: str, precision: type[np.floating]) -> list[pa.Array]:
    """The columns of `ADDED`."""
    probabilities = np.ascontiguousarray(scores.probabilities.T, precision)
    votes = np.ascontiguousarray(scores.votes.T)
    labels = pa.repeat(pa.scalar(label, pa.string()), len(scores.risk))
    return [*map(pa.array, (scores.risk, scores.death_event, *probabilities, *votes, scores.cautions)), labels]


def _spell(column: pa.Array) -> pa.Array:
    """A column as text; null is empty."""
    if pa.types.is_floating(column.type):
        # Trees give few different answers, so spell each number once.
        numbers = column.dictionary_encode()
        column = numbers.dictionary.cast(pa.string()).take(numbers.indices)
    return column.cast(pa.string()).fill_null("")


def _quote(text: pa.Array, delimiter: str) -> pa.Array:
    """Cells with quotes where CSV needs them."""
    special = f'{delimiter}"\n\r'
    content = bytes(text.buffers()[2] or b"")
    if not any(mark in content for mark in map(str.encode, special)):
        return text
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
    return pc.if_else(pc.match_substring_regex(text, f"[{re.escape(special)}]"), quoted, text)
