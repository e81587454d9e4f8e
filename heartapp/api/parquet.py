"""Parquet in and out. Of the API, this alone needs pyarrow and `heartapp.scoring`: import it where it is used."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from heartapp.api.body import RequestError
from heartapp.api.tables import FAULT, PLACE, NumberRows
from heartapp.inference.columns import find_columns
from heartapp.scoring.bounded import TooLargeError, read_bounded
from heartapp.scoring.columns import ADDED, added_columns, check_types
from heartapp.scoring.outputs import metadata_with
from heartapp.scoring.parquet_input import ParquetChunk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.api.tables import Patients, Reading, Rows
    from heartapp.inference.model import Scores


@dataclass(frozen=True, slots=True)
class ArrowRows:
    """Rows of Parquet."""

    table: pa.Table

    @property
    def names(self) -> Sequence[str]:
        """See `Rows`."""
        names: list[str] = self.table.column_names
        return names

    def cells(self) -> list[list[str]]:
        """See `Rows`."""
        text = io.BytesIO()
        try:
            pa_csv.write_csv(self.table, text, pa_csv.WriteOptions(include_header=False))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            raise RequestError(
                HTTPStatus.BAD_REQUEST, "A column has a type that CSV cannot hold; drop it, or accept Parquet."
            ) from None
        return list(csv.reader(io.StringIO(text.getvalue().decode(), newline="")))


def read_parquet(content: bytes, reading: Reading) -> tuple[Rows, NDArray[np.float64]]:
    """The rows of a Parquet file, and the patients' values of shape (n, variables).

    Raises:
        DataError: the file is damaged, or its columns do not fit.
        RequestError: it holds more than it may.
    """
    try:
        table = read_bounded(content, PLACE, most_rows=reading.most, most_bytes=reading.most_bytes)
    except TooLargeError as error:
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{error}.") from None
    positions = find_columns(table.column_names, reading.model, PLACE, added=reading.added)
    check_types(table.schema, positions, PLACE)
    values = [ParquetChunk(1, batch).values(positions)[0] for batch in table.to_batches()]
    return ArrowRows(table), np.concatenate([np.empty((0, len(positions))), *values])


def write_parquet(patients: Patients, scores: Scores, reading: Reading) -> bytes:
    """The answer as a Parquet file."""
    carried = _table(patients.rows)
    places = pa.array(np.cumsum(patients.good) - 1, mask=~patients.good)
    columns = [column.take(places) for column in added_columns(scores, reading.model.identity.digest)]
    schema = [*carried.schema, *ADDED]
    if reading.skip:
        told = np.array(patients.told(), object)
        columns.append(pa.array(told, pa.string(), mask=patients.good))
        schema.append(pa.field(FAULT, pa.string()))
    metadata = metadata_with(carried.schema, reading.model.identity)
    sink = io.BytesIO()
    pq.write_table(pa.table([*carried.columns, *columns], schema=pa.schema(schema, metadata=metadata)), sink)
    return sink.getvalue()


def _table(rows: Rows) -> pa.Table:
    if isinstance(rows, ArrowRows):
        return rows.table
    if isinstance(rows, NumberRows):
        columns = [pa.array(column, from_pandas=True) for column in rows.values.T]
    else:
        cells = [*rows.cells()]
        columns = [pa.array([row[index] for row in cells], pa.string()) for index in range(len(rows.names))]
    return pa.table(columns, names=[*rows.names])
