"""Read a training table strictly.

The columns are those of the published data set, and one for each variable that was declared since.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from heartapp.clinical.variables import BY_NAME, OUTCOME
from heartapp.errors import DataError
from heartapp.training.published import COLUMN_DIGESTS, compare, digest

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from heartapp.training.published import Origin

COLUMNS: Final = (*BY_NAME, OUTCOME)
EXPECTED: Final = {name: variable.expected for name, variable in BY_NAME.items()} | {
    OUTCOME: "0 (alive at the last contact) or 1 (died)"
}
"""What each column's cells must hold."""
FEWEST: Final = 30
"""Patients of each outcome that a table must hold: every inner fold and every test set needs some."""
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Table:
    """A checked table: ``values`` of shape (n, variables) in the order of `VARIABLES`, ``outcome`` of shape (n,)."""

    values: NDArray[np.float64]
    outcome: NDArray[np.int64]
    digest: str
    origin: Origin


def read_table(path: Path, *, allow_altered: bool = False) -> Table:
    """Read a table and compare it with the published one.

    Args:
        path: a CSV file with a column for each of `COLUMNS`, in any order; names may differ in case.
        allow_altered: accept a table that is nearly the published one.

    Raises:
        DataError: names file, row and column. Rows are counted as a spreadsheet shows them: the header is row 1.
    """
    rows = {
        number: [_parse(f"{path}, row {number}, column {name}", name, cells[name]) for name in COLUMNS]
        for number, cells in read_cells(path).items()
    }
    table = np.array([*rows.values()], np.float64).reshape(-1, len(COLUMNS))
    deaths = int(table[:, -1].sum())
    if min(deaths, len(table) - deaths) < FEWEST:
        raise DataError(
            f"{path}: column {OUTCOME} holds {deaths} deaths and {len(table) - deaths} survivors; training and "
            f"testing need at least {FEWEST} of each"
        )
    origin = _origin(path, [*rows], table, allow_altered=allow_altered)
    return Table(table[:, :-1], table[:, -1].astype(np.int64), digest(table), origin)


def read_cells(path: Path) -> dict[int, dict[str, str]]:
    """The text of each row's cells by column, by the row's number.

    Empty rows are counted and left out. A cell that a short row lacks is empty.

    Raises:
        DataError: the file cannot be read or its columns are wrong.
    """
    try:
        header, *rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))) or [[]]
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; name a CSV file") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text; save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV file: {error}") from None
    names = _match_columns(path, header)
    for number, row in enumerate(rows, start=2):
        if len(row) > len(header):
            raise DataError(f"{path}, row {number}: {len(row)} cells, but the header has {len(header)}")
    return {
        number: dict.fromkeys(COLUMNS, "") | dict(zip(names, row, strict=False))
        for number, row in enumerate(rows, start=2)
        if row
    }


def published_columns(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """The columns of the published table in their order, shape (n, 13), from those of `COLUMNS`, shape (n, columns)."""
    return table[:, [COLUMNS.index(name) for name in COLUMN_DIGESTS]]


def _match_columns(path: Path, header: list[str]) -> list[str]:
    """The declared name of each column of the header."""
    declared = {name.lower(): name for name in COLUMNS}
    found = [name.strip().lower() for name in header]
    missing = [name for name in COLUMNS if name.lower() not in found]
    problems = {
        "missing": missing,
        "unknown": [name for name in header if name.strip().lower() not in declared],
        "twice": sorted({name for name in found if found.count(name) > 1}),
    }
    if any(problems.values()):
        told = "; ".join(
            f"{word} {', '.join(repr(name[:40]) for name in names[:20])}" for word, names in problems.items() if names
        )
        message = f"{path}, row 1: columns {told}. Needed: {', '.join(COLUMNS)}"
        if added := [name for name in missing if name not in COLUMN_DIGESTS]:
            message += (
                f". The published table has no column {', '.join(added)}: add it to the table, or remove the variable "
                "from heartapp/clinical/variables.py"
            )
        raise DataError(message)
    return [declared[name] for name in found]


def _parse(place: str, name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise DataError(f"{place}: not a number (write decimals with a point)") from None
    if not allows(name, value):
        raise DataError(f"{place}: expected {EXPECTED[name]}")
    return value


def allows(name: str, value: float) -> bool:
    """Whether a column may hold a value."""
    return value in (0, 1) if name == OUTCOME else BY_NAME[name].allows(value)


def _origin(path: Path, numbers: list[int], table: NDArray[np.float64], *, allow_altered: bool) -> Origin:
    found = compare(numbers, published_columns(table))
    if found.origin != "an altered copy":
        return found.origin
    if allow_altered:
        return "another table"
    rows = ", ".join(map(str, found.rows[:_NAMED]))
    more = f" and {len(found.rows) - _NAMED} more" if len(found.rows) > _NAMED else ""
    columns = f", column {', '.join(found.columns)}" if found.columns else ""
    raise DataError(
        f"{path}, row {rows}{more}{columns}: differs from UCI data set 519, which the rest of the table matches; use "
        "the published table, or add --allow-altered if you changed it on purpose"
    )
