"""The patients of a request's body: JSON objects, or rows of CSV. Both are read strictly."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import numpy as np

from heartapp.clinical.patient import check_patient
from heartapp.errors import ColumnsError, DataError, FieldError, InvalidPatientError
from heartapp.inference.model import Model
from heartapp.tables.cells import read_values
from heartapp.tables.check import check_table
from heartapp.tables.columns import ADDED_NAMES, find_columns, find_misspelled
from heartapp.tables.csv_body import FAULT, CsvRows, read_csv
from heartapp.web.body import decode_json
from heartapp.web.problems import RequestError

PLACE: Final = "The body"


@dataclass(frozen=True, slots=True)
class Patients:
    """The patients of a body.

    ``rows`` hold the values of those without faults, ``places`` their numbers, counted from 0. ``faults`` are those of
    the others. ``many`` is false for a single object. ``table`` is a CSV body's text.
    """

    rows: Sequence[Sequence[float]]
    places: Sequence[int]
    faults: Sequence[FieldError]
    many: bool = True
    table: CsvRows | None = None


def read_json(content: bytes, model: Model, *, most: int, skip: bool = False) -> Patients:
    """Read and check the patients of a JSON body.

    Args:
        content: the body.
        model: whose variables a patient must have.
        most: how many patients there may be.
        skip: whether faulty patients of an array are left out; otherwise one fault refuses the whole body.

    Raises:
        RequestError: the body is not JSON, or there are more than ``most`` patients.
        InvalidPatientError: lists the faults of all patients.
    """
    body = decode_json(content)
    many = isinstance(body, list)
    if not isinstance(body, dict | list):
        raise RequestError("Expected one JSON object, or an array of objects.")
    records: Any = body if many else [body]
    return check_records(records, model, most=most, many=many, skip=skip)


def check_records(
    records: Sequence[object], model: Model, *, most: int, many: bool = True, skip: bool = False
) -> Patients:
    """Check decoded JSON objects, each of one patient; see `read_json`.

    Raises:
        RequestError: there are more than ``most`` patients.
        InvalidPatientError: lists the faults of all patients.
    """
    if len(records) > most:
        raise too_many(most)
    rows: list[list[float]] = []
    places: list[int] = []
    faults: list[FieldError] = []
    for place, record in enumerate(records):
        row, found = check_patient(record, model.variables, model.required, place if many else None)
        if found:
            faults += found
        else:
            rows.append(row)
            places.append(place)
    if faults and not (many and skip):
        raise InvalidPatientError(faults)
    return Patients(rows, places, faults, many)


def too_many(most: int) -> RequestError:
    """The error for more patients than one request may hold."""
    return RequestError(
        f"Too many patients in one request; send at most {most} at a time.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    )


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
        raise RequestError(f"{error}.") from None
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
