"""Tables in and out: CSV bodies, and arrays of JSON that are answered as CSV."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import numpy as np

from heartapp.api.body import Patients, too_many
from heartapp.api.media import JSON
from heartapp.errors import ColumnsError, DataError, FieldError, InvalidPatientError
from heartapp.tables.cells import read_values, spell
from heartapp.tables.check import check_table
from heartapp.tables.columns import ADDED_NAMES, find_columns, find_misspelled, model_label
from heartapp.tables.csv_body import FAULT, CsvRows, read_csv, write_csv
from heartapp.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heartapp.api.query import Query
    from heartapp.inference.model import Model

PLACE: Final = "The body"


def read_csv_patients(content: bytes, model: Model, *, most: int, skip: bool) -> Patients:
    """Read and check a CSV body.

    Raises:
        RequestError: the body is not CSV, or has more than ``most`` rows.
        InvalidPatientError: a column does not fit; or rows are faulty, and ``skip`` is false.
    """
    try:
        table = read_csv(content, PLACE)
        positions = find_columns(
            table.names, model.names, model.required, PLACE, added=(*ADDED_NAMES, *([FAULT] if skip else []))
        )
    except ColumnsError as error:
        raise InvalidPatientError(error.faults) from None
    except DataError as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, f"{error}.") from None
    if misspelled := find_misspelled(table.names, model.names):
        message = "is not a variable; did you mean {}? Rename or drop it"
        raise InvalidPatientError([FieldError(column, message.format(variable)) for column, variable in misspelled])
    if len(table.rows) > most:
        raise too_many(most)
    values = read_values(table.rows, positions)
    faults, good = check_table(values, table.broken, model.variables, model.required)
    if faults and not skip:
        raise InvalidPatientError(faults)
    return Patients(values[good].tolist(), np.flatnonzero(good).tolist(), faults, table=table)


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
    table = patients.table or _as_table(patients, model.names)
    good = np.zeros(len(table.rows), np.bool_)
    good[list(patients.places)] = True
    scores = model.score(np.reshape(patients.rows, (-1, len(model.names))), query.options.threshold)
    return write_csv(table, good, scores, model_label(model.identity), patients.faults if query.skip else None)


def _as_table(patients: Patients, names: Sequence[str]) -> CsvRows:
    """The patients of a JSON body with one column for each variable. A faulty patient has nothing in it."""
    cells = [[""] * len(names)] * (len(patients.places) + len({fault.row for fault in patients.faults}))
    for place, row in zip(patients.places, patients.rows, strict=True):
        cells[place] = [spell(value) for value in row]
    return CsvRows(names, cells)
