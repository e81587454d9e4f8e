"""Read a training table, and refuse it before anything is fitted, with every fault at once.

Needed are the columns of `REQUIRED`. The other variables may be absent or have missing cells; without ``time`` the
risk has no date. Rows are counted as a spreadsheet shows them: the header is row 1.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from heartapp.clinical.patient import printable
from heartapp.clinical.variables import OUTCOME, VARIABLES, Variable
from heartapp.errors import ColumnsError, FieldError, TableError
from heartapp.tables.cells import DECIMAL_COMMA, NOT_A_NUMBER, read_values
from heartapp.tables.check import check_table
from heartapp.tables.columns import find_columns, find_misspelled
from heartapp.tables.csv_body import read_csv_file
from heartapp.tables.published import Comparison, compare, digest
from heartapp.training.cohort import TIME, Cohort
from heartapp.training.defaults import BEDSIDE_USES, FIRST_HORIZON, HORIZON, LAST_HORIZON

WITH_OUTCOME: Final = (
    *VARIABLES,
    Variable(name=OUTCOME, label="Died during follow-up", group="", kind="yes_no", help="", example=0),
)
COLUMNS: Final = tuple(variable.name for variable in WITH_OUTCOME)
REQUIRED: Final = (*BEDSIDE_USES, OUTCOME)
"""The columns that every table needs, with a value in each row."""
FEWEST: Final = 30
"""Patients of each outcome that a table must hold: every inner fold and every test set needs some."""
FEWEST_DATED: Final = 20
"""Patients who must have died by the horizon, and who must have been followed beyond it."""
_NAMED: Final = 8


@dataclass(frozen=True, slots=True)
class RawTable:
    """A table before its cells are checked.

    ``values`` has shape (n, columns), in the order of `COLUMNS`; see `heartapp.tables.cells` for cells without a
    number. ``numbers`` are the rows' numbers and ``faults`` the cells' faults, ``good`` of shape (n,) marks the rows
    without one. ``misnamed`` are the header's faults. ``absent`` names the columns without any value, ``extra`` those
    that are not used.
    """

    place: str
    values: NDArray[np.float64]
    numbers: NDArray[np.int64]
    faults: list[FieldError]
    good: NDArray[np.bool_]
    misnamed: list[FieldError]
    absent: tuple[str, ...]
    extra: tuple[str, ...]

    def column(self, name: str) -> NDArray[np.float64]:
        """The values of one of `COLUMNS`, shape (n,), NaN where a cell holds no number."""
        column = self.values[:, COLUMNS.index(name)]
        return np.where(np.isin(column, (NOT_A_NUMBER, DECIMAL_COMMA)), np.nan, column)

    def rows(self, where: NDArray[np.bool_]) -> tuple[int, ...]:
        """The numbers of the rows that are marked."""
        return tuple(self.numbers[where].tolist())

    def faulty(self, column: str) -> tuple[int, ...]:
        """The numbers of the rows with a fault in a column; in none, where they could not be split into cells."""
        return tuple(fault.row or 0 for fault in self.faults if fault.field == column)

    def compare(self) -> Comparison:
        """Compare the rows without a fault with the published table."""
        return compare(np.where(self.good[:, None], self.values, np.nan))

    def repeated(self) -> tuple[int, ...]:
        """The numbers of the rows that equal another row in all columns."""
        rows = np.nan_to_num(self.values[self.good], nan=-1)
        _, kinds, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
        return tuple(self.numbers[self.good][counts[kinds.reshape(-1)] > 1].tolist())


def read_table(
    path: Path, delimiter: str = "comma", *, horizon: int = HORIZON, anyway: bool = False, allow_altered: bool = False
) -> Cohort:
    """Read a table, check it, and compare it with the published one.

    Args:
        path: a CSV file; its columns may have any order, and their names any case.
        delimiter: a name of `DELIMITERS`.
        horizon: the day by which the risk of death is to be learned.
        anyway: accept rows that equal another row.
        allow_altered: accept a table that is nearly the published one.

    Raises:
        DataError: the file cannot be read; a `TableError` lists every other fault with row, column and remedy.
    """
    raw = read_raw(path, delimiter)
    found, day = raw.compare(), None if TIME in raw.absent else horizon
    faults = [*raw.misnamed]
    # Without a column that is needed, little can be said of the table as a whole.
    if not {*REQUIRED} & {fault.field for fault in raw.misnamed}:
        faults += _find_faults(raw, found, day, anyway=anyway, altered=allow_altered)
    if faults := faults + raw.faults:
        raise TableError(raw.place, faults)
    return Cohort(
        values=raw.values[:, :-1],
        outcome=raw.values[:, -1].astype(np.int64),
        digest=digest(raw.values),
        origin="another table" if found.origin == "an altered copy" else found.origin,
        published=found.published,
        horizon=day,
        notes=tuple(_notes(raw)),
    )


def read_raw(path: Path, delimiter: str = "comma") -> RawTable:
    """Read a table and check its cells one by one.

    Raises:
        DataError: the file cannot be read.
    """
    table = read_csv_file(path, delimiter)
    positions, misnamed = _find_columns(table.names)
    values = read_values(table.rows, positions)
    absent = tuple(name for name, column in zip(COLUMNS, values.T, strict=True) if np.isnan(column).all())
    there = {name for name, place in zip(COLUMNS, positions, strict=True) if place is not None}
    required = ({*REQUIRED} & there) | ({TIME} - {*absent})
    faults, good = check_table(values, table.broken, WITH_OUTCOME, required)
    return RawTable(
        place=str(path),
        values=values,
        numbers=np.array(table.numbers, np.int64),
        faults=[FieldError(fault.field, fault.message, table.numbers[fault.row or 0]) for fault in faults],
        good=good,
        misnamed=misnamed,
        absent=absent,
        extra=tuple(printable(name) for place, name in enumerate(table.names) if place not in positions),
    )


def _find_columns(names: Sequence[str]) -> tuple[tuple[int | None, ...], list[FieldError]]:
    """The position of each of `COLUMNS`, None for an absent one, and the header's faults."""
    misspelled = [
        FieldError(column, f"is not a variable; did you mean {name}? Rename or drop it")
        for column, name in find_misspelled(names, COLUMNS)
        if name not in REQUIRED
    ]
    try:
        return find_columns(names, COLUMNS, REQUIRED, "", added=()), misspelled
    except ColumnsError as error:
        folded = [name.strip().lower() for name in names]
        there = (folded.index(name.lower()) if name.lower() in folded else None for name in COLUMNS)
        return tuple(there), [*error.faults, *misspelled]


def _notes(raw: RawTable) -> Iterator[str]:
    """What training leaves out."""
    if raw.extra:
        yield f"kept out, as they are not variables: {_shorten(raw.extra)}"
    if absent := [name for name in raw.absent if name != TIME]:
        yield f"without any value, so that the models leave it out: {', '.join(absent)}"
    if TIME in raw.absent:
        yield f"without {TIME} the risk has no date and no curve, and followup, which takes it, is not trained"
    missing = zip(COLUMNS, np.isnan(raw.values).sum(axis=0).tolist(), strict=True)
    if counts := [f"{name} {count}" for name, count in missing if count and name not in raw.absent]:
        yield f"missing cells: {', '.join(counts)}"
    if repeated := raw.repeated():
        yield f"{name_rows(repeated)} equal another row; if they are the same patients, the figures are too good"


def _find_faults(
    raw: RawTable, found: Comparison, horizon: int | None, *, anyway: bool, altered: bool
) -> Iterator[FieldError]:
    """The faults of the table as a whole."""
    if not anyway and (repeated := raw.repeated()):
        remedy = "keep one row of each patient, or add --anyway if they are different patients"
        yield FieldError("", f"{name_rows(repeated)} equal another row, {len(repeated)} in all; {remedy}")
    if found.origin == "an altered copy" and not altered:
        rows = [name_rows(raw.rows(found.altered))] if found.altered.any() else []
        places = rows + [f"column {name}" for name in found.columns]
        remedy = "use the published table, or add --allow-altered if you changed it on purpose"
        message = f"{', '.join(places)}: differs from UCI data set 519, which the rest of the table matches; {remedy}"
        yield FieldError("", message)
    yield from _too_few(raw, horizon)


def _too_few(raw: RawTable, horizon: int | None) -> Iterator[FieldError]:
    """Whether the patients are too few, or were not followed for long enough."""
    outcome, time = raw.column(OUTCOME), raw.column(TIME)
    deaths, survivors = int((outcome == 1).sum()), int((outcome == 0).sum())
    if min(deaths, survivors) < FEWEST:
        message = f"holds {deaths} deaths and {survivors} survivors; training needs at least {FEWEST} of each"
        yield FieldError(OUTCOME, message)
    elif horizon is not None and not raw.faulty(TIME) + raw.faulty(""):
        yield from _check_horizon(time, time[outcome == 1], horizon)


def _check_horizon(time: NDArray[np.float64], deaths: NDArray[np.float64], horizon: int) -> Iterator[FieldError]:
    """Whether enough patients died by the horizon, and enough were followed beyond it.

    Args:
        time: the days of all patients.
        deaths: the days of those who died.
        horizon: the day.
    """
    first = max(FIRST_HORIZON, int(np.ceil(np.sort(deaths)[FEWEST_DATED - 1])))
    last = min(LAST_HORIZON, int(np.ceil(np.sort(time)[-FEWEST_DATED])) - 1)
    if first <= horizon <= last:
        return
    remedy = f"leave the column out: the risk then has no date; {TIME} counts days"
    if first <= last:
        remedy = f"add --horizon {last}" + (f", or another day from {first} on" if first < last else "")
    followed, died = int((time > horizon).sum()), int((deaths <= horizon).sum())
    yield FieldError(
        TIME,
        f"{died} patients died by day {horizon} and {followed} were followed beyond it; a risk by that day needs "
        f"{FEWEST_DATED} of each; {remedy}",
    )


def name_rows(rows: Iterable[int]) -> str:
    """The numbers of rows, of the first ones where there are many."""
    numbers = [*map(str, rows)]
    return f"{'row' if len(numbers) == 1 else 'rows'} {_shorten(numbers)}"


def _shorten(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
