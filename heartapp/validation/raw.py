"""Read the cells of a cohort's table by its mapping: columns, units and codes."""

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from heartapp.clinical.variables import BY_NAME
from heartapp.errors import FieldError
from heartapp.tables.cells import DECIMAL_COMMA, NOT_A_NUMBER, read_code
from heartapp.tables.check import row_of
from heartapp.tables.csv_body import CsvRows
from heartapp.tables.guess import FOLLOW_UP, OUTCOME_KEY
from heartapp.validation.mapping import Mapping

NAMES: Final = tuple(BY_NAME)
TIME: Final = "time"
_DIGITS: Final = 10


@dataclass(frozen=True, slots=True)
class RawCohort:
    """A table in the variables' units, before rows are left out.

    ``values`` has shape (n, variables), in the order of `VARIABLES`; ``outcome`` and ``time`` (days; None without) have
    shape (n,). NaN is a missing value, and see `heartapp.tables.cells` for cells that hold no number. ``broken`` has a
    fault for each row that could not be split into cells.
    """

    values: NDArray[np.float64]
    outcome: NDArray[np.float64]
    time: NDArray[np.float64] | None
    broken: Sequence[FieldError]

    def column(self, name: str) -> NDArray[np.float64]:
        """One variable's values, shape (n,)."""
        column: NDArray[np.float64] = self.values[:, NAMES.index(name)]
        return column

    @property
    def table(self) -> NDArray[np.float64]:
        """Variables and outcome in the order of a training table, shape (n, variables + 1)."""
        return np.column_stack([self.values, self.outcome])


def read_cells(table: CsvRows, positions: Dict[str, int], mapping: Mapping) -> RawCohort:
    """The columns at these positions, by the units and codes of the mapping."""
    broken = {row_of(fault) for fault in table.broken}

    def column(name: str, place: int | None) -> NDArray[np.float64]:
        if place is None:
            return np.full(len(table.rows), np.nan)
        # The cells of a broken row may have moved, so none of them counts.
        cells = ["" if number in broken else row[place] for number, row in enumerate(table.rows)]
        return _read_column(cells, mapping.codes.get(name, {}))

    time = None
    if FOLLOW_UP in positions:
        time = _convert(column(FOLLOW_UP, positions[FOLLOW_UP]), TIME, mapping.time_unit)
    values = [_convert(column(name, positions.get(name)), name, mapping.units.get(name, "")) for name in NAMES]
    if time is not None and TIME not in positions:
        values[NAMES.index(TIME)] = time
    return RawCohort(np.column_stack(values), column(OUTCOME_KEY, positions.get(OUTCOME_KEY)), time, table.broken)


def _read_column(cells: Sequence[str], codes: Dict[str, int]) -> NDArray[np.float64]:
    """The numbers in cells, by their codes where there are some; a cell with another code holds no number."""
    known = {cell: read_code(cell, codes) for cell in set(cells)}
    return np.array([known[cell] for cell in cells], np.float64)


def _convert(column: NDArray[np.float64], name: str, unit: str) -> NDArray[np.float64]:
    """Values in the variable's own unit; cells without a number stay as they are."""
    factor = (BY_NAME[name].factor(unit) if unit else 1) or 1
    number = ~np.isin(column, (NOT_A_NUMBER, DECIMAL_COMMA)) & ~np.isnan(column)
    # So many digits undo the rounding of the multiplication, and 0.38 times 100 is 38.
    converted = [float(f"{value * factor:.{_DIGITS}g}") for value in column[number].tolist()]
    column[number] = converted
    return column
