"""CSV and Parquet out: the input's columns in their order, and behind them what the model says."""

from __future__ import annotations

import csv
import io
import itertools
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from heartapp.errors import DataError
from heartapp.inference.bundle import MEMBERS
from heartapp.scoring.columns import ADDED, added_columns
from heartapp.scoring.csv_input import CsvChunk, CsvFormat
from heartapp.scoring.records import split_records
from heartapp.tables.columns import model_label

if TYPE_CHECKING:
    from typing import BinaryIO

    from numpy.typing import NDArray

    from heartapp.inference.model import ModelIdentity, Scores
    from heartapp.scoring.chunk import Chunk
    from heartapp.scoring.formats import Kind

GROUP_ROWS: Final = 131_072
METADATA: Final = b"heartapp.model"
_GROUP_BYTES: Final = 64 * 1024 * 1024
_PLACES: Final = 1 << np.arange(len(MEMBERS))[::-1]
"""What each member's vote counts for in the number of a combination of votes."""


class Output(ABC):
    """Where scored rows go. ``encode`` may run in several threads at once, ``write`` gets what it made in order.

    ``rows`` counts what was written. As a context, it ends the table when all went well.
    """

    def __init__(self) -> None:
        self.rows = 0

    def __enter__(self) -> Self:
        """The output itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write what is left, or forget it."""
        if kind is None:
            self.close()
        else:
            self.abandon()

    @abstractmethod
    def encode(self, chunk: Chunk, chosen: NDArray[np.intp], scores: Scores) -> Any:
        """Make the chosen rows of a chunk, with their scores, ready to be written; the length is theirs."""

    @abstractmethod
    def write(self, encoded: Any) -> None:
        """Write what `encode` made."""

    @abstractmethod
    def close(self) -> None:
        """Write what is left. The stream stays open."""

    @abstractmethod
    def abandon(self) -> None:
        """Write nothing more: the stream is going to be closed."""


class CsvOutput(Output):
    """CSV: a CSV input's records byte for byte, other inputs' columns as Arrow writes them."""

    def __init__(self, stream: BinaryIO, source: CsvFormat | pa.Schema, identity: ModelIdentity) -> None:
        """Write the header."""
        super().__init__()
        self._stream = stream
        added = ",".join(ADDED.names)
        if isinstance(source, CsvFormat):
            self._delimiter, end = source.delimiter, source.line_end
            header = source.header + (self._delimiter + added.replace(",", self._delimiter)).encode() + end
        else:
            self._delimiter, end = ",", b"\n"
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerow([*source.names, *ADDED.names])
            header = text.getvalue().encode()
        # Votes, digest and the line's end: one text for each combination of votes.
        votes = itertools.product("01", repeat=len(MEMBERS))
        self._rests = pa.array([self._delimiter.join([*one, model_label(identity)]) + end.decode() for one in votes])
        stream.write(header)

    def encode(self, chunk: Chunk, chosen: NDArray[np.intp], scores: Scores) -> pa.Array:
        """See `Output.encode`."""
        lines = chunk.records.lines(chosen) if isinstance(chunk, CsvChunk) else self._lines(chunk.batch(chosen))
        # Trees give few different answers, and everything follows from the probabilities: each is spelled once.
        buffers = [None, pa.py_buffer(scores.probabilities)]
        kind = pa.binary(scores.probabilities.itemsize * len(MEMBERS))
        answers = pa.Array.from_buffers(kind, len(scores.risk), buffers).dictionary_encode()
        which = np.asarray(answers.indices)
        example = np.zeros(len(answers.dictionary), np.intp)
        example[which] = np.arange(len(which))
        spelled = self._spell(scores.take(example))
        return pc.binary_join_element_wise(lines, spelled.take(answers.indices), self._delimiter)

    def write(self, encoded: pa.Array) -> None:
        """See `Output.write`."""
        if len(encoded):
            self._stream.write(encoded.buffers()[2])
            self.rows += len(encoded)

    def close(self) -> None:
        """Everything is written."""

    def abandon(self) -> None:
        """There is nothing to forget."""

    def _spell(self, scores: Scores) -> pa.Array:
        """What is added to each row, with the line's end."""
        probabilities = np.ascontiguousarray(scores.probabilities.T, np.float64)  # as JSON spells them
        return pc.binary_join_element_wise(
            pa.array(scores.risk).cast(pa.string()),
            pa.array(scores.death_event).cast(pa.string()),
            *(pa.array(member).cast(pa.string()) for member in probabilities),
            self._rests.take(pa.array(scores.votes @ _PLACES)),
            self._delimiter,
        )

    def _lines(self, batch: pa.RecordBatch) -> pa.Array:
        """Rows as text, one line each, without the line's end."""
        text = io.BytesIO()
        try:
            pa_csv.write_csv(batch, text, pa_csv.WriteOptions(include_header=False, batch_size=max(1, batch.num_rows)))
        except pa.ArrowInvalid:
            raise DataError("a column of the input has a type that CSV cannot hold; write Parquet") from None
        records, _ = split_records(text.getvalue(), self._delimiter)
        return records.lines(np.arange(len(records)))


class ParquetOutput(Output):
    """Parquet: the input's columns with their types and metadata; row groups of 131,072 rows, or of fewer wide ones."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema, identity: ModelIdentity) -> None:
        """Start the file."""
        super().__init__()
        self._schema = pa.schema([*schema, *ADDED], metadata=metadata_with(schema, identity))
        self._digest = model_label(identity)
        self._writer = pq.ParquetWriter(stream, self._schema)
        self._waiting: list[pa.RecordBatch] = []

    def encode(self, chunk: Chunk, chosen: NDArray[np.intp], scores: Scores) -> pa.RecordBatch:
        """See `Output.encode`."""
        columns = [*chunk.batch(chosen).columns, *added_columns(scores, self._digest)]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def write(self, encoded: pa.RecordBatch) -> None:
        """See `Output.write`."""
        self.rows += len(encoded)
        self._waiting.append(encoded)
        table = pa.Table.from_batches(self._waiting)
        while table.num_rows >= GROUP_ROWS or table.nbytes >= _GROUP_BYTES:
            self._writer.write_table(table.slice(0, GROUP_ROWS))
            table = table.slice(GROUP_ROWS)
            self._waiting = table.to_batches()

    def close(self) -> None:
        """See `Output.close`."""
        left = pa.Table.from_batches(self._waiting, self._schema)
        if left.num_rows:
            self._writer.write_table(left)
        self._writer.close()

    def abandon(self) -> None:
        """See `Output.abandon`."""
        self._writer.is_open = False  # else it would write its footer when it is forgotten


def metadata_with(schema: pa.Schema, identity: ModelIdentity) -> dict[bytes, bytes]:
    """A schema's metadata, and which model scored."""
    return {**(schema.metadata or {}), METADATA: msgspec.json.encode(identity)}


def open_output(kind: Kind, stream: BinaryIO, source: CsvFormat | pa.Schema, identity: ModelIdentity) -> Output:
    """Start an output of some kind for an input of these columns."""
    if kind == "csv":
        return CsvOutput(stream, source, identity)
    return ParquetOutput(stream, source.schema if isinstance(source, CsvFormat) else source, identity)
