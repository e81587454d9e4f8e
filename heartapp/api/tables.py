"""Tables out: what the model says behind the columns of a CSV body, or of a JSON array as a table."""

from collections.abc import Sequence

import numpy as np

from heartapp.api.query import Query
from heartapp.inference.model import Model
from heartapp.tables.cells import spell
from heartapp.tables.columns import model_label
from heartapp.tables.csv_body import CsvRows, write_csv
from heartapp.web.body import JSON
from heartapp.web.observe import predicted, span
from heartapp.web.patients import Patients
from heartapp.web.problems import RequestError


def write_patients(patients: Patients, model: Model, query: Query) -> bytes:
    """The answer as CSV: the body's columns, the scores and, with on_error=skip, the faults.

    Raises:
        RequestError: the query asks for something that has no column.
    """
    if query.detailed:
        raise RequestError(
            "A table has no columns for survival, horizon, explain and instability; leave them out, or send Accept: "
            f"{JSON}.",
        )
    table = patients.table or _as_table(patients, model.names)
    good = np.zeros(len(table.rows), np.bool_)
    good[list(patients.places)] = True
    with span("predict"):
        scores = model.score(np.reshape(patients.rows, (-1, len(model.names))), query.options.threshold)
    predicted.send(model, answers=scores)
    with span("render"):
        return write_csv(table, good, scores, model_label(model.identity), patients.faults if query.skip else None)


def _as_table(patients: Patients, names: Sequence[str]) -> CsvRows:
    """The patients of a JSON body with one column for each variable. A faulty patient has nothing in it."""
    cells = [[""] * len(names)] * (len(patients.places) + len({fault.row for fault in patients.faults}))
    for place, row in zip(patients.places, patients.rows, strict=True):
        cells[place] = [spell(value) for value in row]
    return CsvRows(names, cells)
