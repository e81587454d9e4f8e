"""Tables of patients in and out: CSV, and Parquet where pyarrow is there; JSON arrays as tables."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from heartapp.api.body import RequestError, read_rows, too_many
from heartapp.api.media import CSV, JSON
from heartapp.api.query import read_options
from heartapp.clinical.patient import refusal
from heartapp.errors import ColumnsError, DataError
from heartapp.inference.batch import find_faults
from heartapp.inference.columns import ADDED_NAMES, find_columns, ragged, read_cell
from heartapp.inference.delimiters import DELIMITERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from heartapp.errors import FieldError
    from heartapp.inference.model import Model, Scores

PLACE: Final = "The body"
UNPACKED: Final = 8
"""How many times as large as a body may be what a Parquet file unpacks to."""
FAULT: Final = "fault"
"""The last column of a table's answer where faulty patients are kept and not scored."""
BETWEEN_FAULTS: Final = " | "
"""Stands between the faults of one row; no message holds it."""
_LONE_RETURN: Final = re.compile("\r(?!\n)")


class Rows(Protocol):
    """The rows of a body, with all their columns, as they go into the answer."""

    @property
    def names(self) -> Sequence[str]:
        """The columns' names."""

    def cells(self) -> Iterable[Sequence[str]]:
        """Each row as cells of CSV."""


@dataclass(frozen=True, slots=True)
class TextRows:
    """Rows of CSV; each has as many cells as there are names."""

    names: Sequence[str]
    rows: list[list[str]]
    line_end: str = "\r\n"

    def cells(self) -> list[list[str]]:
        """See `Rows`."""
        return self.rows


@dataclass(frozen=True, slots=True)
class NumberRows:
    """Rows of JSON, shape (n, names); NaN is not known."""

    names: Sequence[str]
    values: NDArray[np.float64]

    def cells(self) -> Iterator[list[str]]:
        """See `Rows`."""
        return ([_spell(value) for value in row] for row in self.values.tolist())


@dataclass(frozen=True, slots=True)
class Patients:
    """The patients of a body.

    ``values`` have the shape (n, variables); ``good`` of shape (n,) tells which patients have no fault.
    """

    rows: Rows
    values: NDArray[np.float64]
    good: NDArray[np.bool_]
    faults: Sequence[FieldError]

    def told(self) -> list[str]:
        """What is wrong with each row; nothing of the good ones."""
        texts: list[list[str]] = [[] for _ in self.good]
        for fault in self.faults:
            texts[fault.row or 0].append(f"{fault.field} {fault.message}".lstrip())
        return [BETWEEN_FAULTS.join(one) for one in texts]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a body is read: for which model, how many patients at most, how large when unpacked, with faults or not."""

    model: Model
    most: int
    most_bytes: int
    skip: bool

    @property
    def added(self) -> tuple[str, ...]:
        """The columns that a table's answer has behind those of the body."""
        return (*ADDED_NAMES, FAULT) if self.skip else ADDED_NAMES


def read_patients(content: bytes, sent: str, reading: Reading) -> Patients:
    """Read a body of any media type.

    Raises:
        RequestError: the body is not what it says, or too large.
        InvalidPatientError: a column is missing or in the way; or patients are faulty, and that is not to be skipped.
    """
    if sent == JSON:
        return _read_json(content, reading)
    try:
        if sent == CSV:
            rows, values, broken = _read_csv(content, reading)
        else:
            from heartapp.api.parquet import read_parquet  # noqa: PLC0415 - needs pyarrow

            rows, values, broken = *read_parquet(content, reading), []
    except ColumnsError as error:
        raise refusal(error.faults) from None
    except DataError as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, f"{error}.") from None
    faults, good = find_faults(values, broken, reading.model)
    if faults and not reading.skip:
        raise refusal(faults)
    return Patients(rows, values, good, faults)


def write_table(patients: Patients, wanted: str, reading: Reading, query: Mapping[str, str]) -> bytes:
    """The answer as a table: the body's columns, what the model says, and, where faults are skipped, what they are.

    Raises:
        RequestError: the query asks for what a table has no column for.
    """
    options = read_options(query, patients=0)
    if options.horizons or options.explain or options.instability:
        raise RequestError(
            HTTPStatus.BAD_REQUEST,
            "Only JSON has a place for survival, horizon, explain and instability; leave them out or send Accept: "
            f"{JSON}.",
        )
    scores = reading.model.score(patients.values[patients.good], options.threshold)
    if wanted == CSV:
        return _write_csv(patients, scores, reading)
    from heartapp.api.parquet import write_parquet  # noqa: PLC0415 - needs pyarrow

    return write_parquet(patients, scores, reading)


def _read_json(content: bytes, reading: Reading) -> Patients:
    model = reading.model
    read = read_rows(content, model.names, model.required, most=reading.most, skip=reading.skip)
    count = 1 + max([*read.places, *(fault.row or 0 for fault in read.faults)], default=-1)
    values = np.full((count, len(model.names)), np.nan)
    good = np.zeros(count, np.bool_)
    good[list(read.places)] = True
    values[good] = np.reshape(read.rows, (-1, len(model.names)))
    return Patients(NumberRows(model.names, values), values, good, read.faults)


def _read_csv(content: bytes, reading: Reading) -> tuple[Rows, NDArray[np.float64], list[FieldError]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{PLACE} is not UTF-8 at byte {error.start}; save it as CSV in UTF-8") from None
    # Lines end at line feeds alone: a lone carriage return would be one to Python, and is none to `heartapp score`.
    lines = csv.reader(io.StringIO(text, newline="\n"), strict=True)
    try:
        names = next(lines, [])
        _check_header(names)
        positions = find_columns(names, reading.model, PLACE, added=reading.added)
        rows: list[list[str]] = []
        for row in lines:
            if len(rows) == reading.most and row:
                raise too_many(reading.most)
            if row:
                rows.append(row)
    except csv.Error as error:
        if _LONE_RETURN.search(text):
            raise DataError(f"{PLACE} holds a carriage return alone; save it with LF or CRLF line ends") from None
        raise DataError(
            f"{PLACE} is not CSV with commas: {error} at line {lines.line_num}; look for a quote that is opened and "
            "not closed, or not doubled inside its cell"
        ) from None
    width = len(names)
    broken = [ragged(len(row), width, index) for index, row in enumerate(rows) if len(row) != width]
    for fault in broken:
        row = rows[fault.row or 0]
        row[:] = [*row[:width], *[""] * (width - len(row))]
    # A carriage return alone in a cell is quoted by Python only where lines end in CRLF.
    end = "\r\n" if "\r\n" in text[: text.find("\n") + 1] or _LONE_RETURN.search(text) else "\n"
    return TextRows(names, rows, end), _numbers(rows, positions), broken


def _check_header(names: Sequence[str]) -> None:
    if not "".join(names).strip():
        raise DataError(
            f"{PLACE} is empty, or its first line is; it needs a header with the columns' names and a row for each "
            "patient"
        )
    if len(names) == 1 and any(mark in names[0] for mark in DELIMITERS.values()):
        raise DataError(f"{PLACE}: its header is a single column; save it as CSV with commas")


def _numbers(rows: Sequence[Sequence[str]], positions: Sequence[int | None]) -> NDArray[np.float64]:
    values = np.full((len(rows), len(positions)), np.nan)
    for index, position in enumerate(positions):
        if position is not None:
            column = [row[position] for row in rows]
            known = {cell: read_cell(cell.encode()) for cell in set(column)}
            values[:, index] = [known[cell] for cell in column]
    return values


def _write_csv(patients: Patients, scores: Scores, reading: Reading) -> bytes:
    text = io.StringIO()
    rows = patients.rows
    writer = csv.writer(text, lineterminator=rows.line_end if isinstance(rows, TextRows) else "\r\n")
    writer.writerow([*rows.names, *reading.added])
    added = iter(_added_cells(scores, reading.model.identity.digest))
    nothing = [""] * len(ADDED_NAMES)
    for cells, good, told in zip(rows.cells(), patients.good.tolist(), patients.told(), strict=True):
        writer.writerow([*cells, *(next(added) if good else nothing), *([told] if reading.skip else [])])
    return text.getvalue().encode()


def _added_cells(scores: Scores, digest: str) -> list[list[str]]:
    columns = (scores.risk, scores.death_event, scores.probabilities, scores.votes)
    return [
        [_spell(risk), str(died), *map(_spell, probabilities), *map(str, votes), digest]
        for risk, died, probabilities, votes in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _spell(value: float) -> str:
    """A number as short as can be; nothing where it is not known."""
    return "" if value != value else repr(value).removesuffix(".0")  # noqa: PLR0124 - NaN alone differs from itself
