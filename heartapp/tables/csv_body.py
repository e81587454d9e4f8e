"""CSV as request bodies and answers."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from heartapp.errors import DataError, FieldError
from heartapp.inference.model import Scores
from heartapp.tables import DELIMITERS
from heartapp.tables.cells import spell
from heartapp.tables.check import ragged, row_of
from heartapp.tables.columns import ADDED_NAMES
from heartapp.tables.csv_lines import NOT_CSV, split_header, split_line

FAULT: Final = "fault"
"""The last column of an answer that keeps faulty rows."""
BETWEEN_FAULTS: Final = " | "
"""Separates the faults of one row; no message holds it."""


@dataclass(frozen=True, slots=True)
class CsvRows:
    """Rows of text: each has as many cells as there are names.

    ``broken`` holds a fault for each row that could not be split into these cells; its cells are what there was.
    ``numbers`` are the rows' lines, as a spreadsheet shows them: the header is 1, and empty lines count.
    """

    names: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    broken: Sequence[FieldError] = ()
    line_end: str = "\r\n"


def read_csv_file(path: Path, delimiter: str) -> CsvRows:
    """Split a CSV file into rows; ``delimiter`` is a name of `DELIMITERS`.

    Raises:
        DataError: the file or its header cannot be read; says what to do.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; name a CSV file") from None
    return read_csv(content, str(path), DELIMITERS[delimiter], "name the delimiter: --delimiter {}")


def read_csv(content: bytes, place: str, delimiter: str = ",", remedy: str = "save it as CSV with commas") -> CsvRows:
    """Split CSV in UTF-8 into rows. Empty lines are ignored.

    Args:
        content: the table.
        place: its name, for messages.
        delimiter: separates the cells.
        remedy: what to do about another delimiter, see `split_header`.

    Raises:
        DataError: the encoding or the header cannot be read; says what to do.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{place} is not UTF-8 at byte {error.start}; save it as CSV in UTF-8") from None
    header, *lines = [line.removesuffix("\r") for line in text.split("\n")]
    names = split_header(header, delimiter, place, remedy)
    numbers = [number for number, line in enumerate(lines, 2) if line]
    rows: list[list[str]] = []
    broken: list[FieldError] = []
    for number in numbers:
        cells, fault = _split(lines[number - 2], delimiter, len(names), len(rows))
        rows.append(cells)
        broken += fault
    return CsvRows(names, rows, numbers, broken, "\r\n" if "\r\n" in text[: len(header) + 3] else "\n")


def write_csv(
    table: CsvRows, good: NDArray[np.bool_], scores: Scores, label: str, faults: Sequence[FieldError] | None = None
) -> bytes:
    """A table with what the model says behind each good row, as CSV.

    Args:
        table: the rows.
        good: which of them have scores, shape (rows,).
        scores: the scores of the good rows, in order.
        label: see `heartapp.tables.columns.model_label`.
        faults: where given, what is wrong with the other rows goes into a last column.
    """
    text = io.StringIO()
    # The writer quotes a carriage return in a cell only if its own line ends hold one.
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*table.names, *ADDED_NAMES, *([FAULT] if faults is not None else [])])
    added = iter(_added_cells(scores, label))
    nothing = [""] * len(ADDED_NAMES)
    last = [[]] * len(good) if faults is None else [[one] for one in _join(faults, len(good))]
    for cells, scored, fault in zip(table.rows, good.tolist(), last, strict=True):
        writer.writerow([*cells, *(next(added) if scored else nothing), *fault])
    return text.getvalue().encode().replace(b"\r\n", table.line_end.encode())


def _split(line: str, delimiter: str, width: int, row: int) -> tuple[list[str], list[FieldError]]:
    """The cells of a line, filled up or cut off to ``width``, and what is wrong with the line."""
    try:
        cells = split_line(line, delimiter)
    except csv.Error:
        return [""] * width, [FieldError("", NOT_CSV, row)]
    if len(cells) == width:
        return cells, []
    return [*cells, *[""] * width][:width], [ragged(len(cells), width, row)]


def _join(faults: Iterable[FieldError], rows: int) -> list[str]:
    """What is wrong with each row, in one cell; empty for good rows."""
    texts: list[list[str]] = [[] for _ in range(rows)]
    for fault in faults:
        texts[row_of(fault)].append(f"{fault.field} {fault.message}".lstrip())
    return [BETWEEN_FAULTS.join(one) for one in texts]


def _added_cells(scores: Scores, label: str) -> list[list[str]]:
    """The cells of `ADDED_NAMES` for each scored row."""
    columns = (scores.risk, scores.death_event, scores.probabilities, scores.votes, scores.cautions)
    return [
        [spell(risk), str(died), *map(spell, probabilities), *map(str, votes), cautions, label]
        for risk, died, probabilities, votes, cautions in zip(*(column.tolist() for column in columns), strict=True)
    ]
