"""Tables in and out: CSV bodies, and arrays of JSON that are answered as CSV."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import numpy as np

from heartapp.api.body import Records, read_json, too_many
from heartapp.api.media import JSON
from heartapp.errors import ColumnsError, DataError, InvalidPatientError
from heartapp.tables.cells import read_values, spell
from heartapp.tables.check import check_table
from heartapp.tables.columns import ADDED_NAMES, check_misspelled, find_columns, model_label
from heartapp.tables.csv_body import FAULT, CsvRows, read_csv, write_csv
from heartapp.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.api.query import Query
    from heartapp.errors import FieldError
    from heartapp.inference.model import Model

PLACE: Final = "The body"


@dataclass(frozen=True, slots=True)
class Patients:
    """The patients of a body.

    ``values`` have the shape (n, variables); ``good`` of shape (n,) says which patients have no fault.
    """

    table: CsvRows
    values: NDArray[np.float64]
    good: NDArray[np.bool_]
    faults: Sequence[FieldError]

    def records(self) -> Records:
        """The good patients as those of an array of JSON."""
        return Records(self.values[self.good].tolist(), True, np.flatnonzero(self.good).tolist(), self.faults)  # noqa: FBT003 - an array


def read_csv_patients(content: bytes, model: Model, *, most: int, skip: bool) -> Patients:
    """Read and check a CSV body.

    Raises:
        RequestError: the body is not CSV, or has more than ``most`` rows.
        InvalidPatientError: a column does not fit; or rows are faulty, and ``skip`` is false.
    """
    try:
        table = read_csv(content, PLACE)
        positions = find_columns(table.names, model, PLACE, added=(*ADDED_NAMES, *([FAULT] if skip else [])))
        check_misspelled(table.names, model, PLACE)
    except ColumnsError as error:
        raise InvalidPatientError(error.faults) from None
    except DataError as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, f"{error}.") from None
    if len(table.rows) > most:
        raise too_many(most)
    values = read_values(table.rows, positions)
    faults, good = check_table(values, table.broken, model)
    if faults and not skip:
        raise InvalidPatientError(faults)
    return Patients(table, values, good, faults)


def read_json_patients(content: bytes, model: Model, *, most: int, skip: bool) -> Patients:
    """Read and check a JSON body as a table with one column for each variable.

    Raises:
        RequestError, InvalidPatientError: see `heartapp.api.body.read_json`.
    """
    read = read_json(content, model, most=most, skip=skip)
    good = np.zeros(len(read.places) + len({fault.row for fault in read.faults}), np.bool_)
    good[list(read.places)] = True
    values = np.full((len(good), len(model.names)), np.nan)
    values[good] = np.reshape(read.rows, (-1, len(model.names)))
    cells = [[spell(value) for value in row] for row in values.tolist()]
    return Patients(CsvRows(model.names, cells), values, good, read.faults)


def write_patients(patients: Patients, model: Model, query: Query) -> bytes:
    """The answer as CSV: the body's columns, the scores and, with on_error=skip, the faults.

    Raises:
        RequestError: the query asks for something that has no column.
    """
    if query.detailed:
        raise RequestError(
            HTTPStatus.BAD_REQUEST,
            "A table has no columns for survival, horizon, explain and instability; leave them out, or send Accept: "
            f"{JSON}.",
        )
    scores = model.score(patients.values[patients.good], query.options.threshold)
    label = model_label(model.identity)
    return write_csv(patients.table, patients.good, scores, label, patients.faults if query.skip else None)
