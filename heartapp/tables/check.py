"""The check of a whole table, by the rules and with the messages of `heartapp.clinical.patient`."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from heartapp.clinical.patient import missing, not_allowed
from heartapp.clinical.variables import Variable
from heartapp.errors import FieldError
from heartapp.tables.cells import DECIMAL_COMMA


def check_table(
    values: NDArray[np.float64],
    broken: Sequence[FieldError],
    variables: Sequence[Variable],
    required: Collection[str],
) -> tuple[list[FieldError], NDArray[np.bool_]]:
    """The faults of a table in the order of its rows, and which rows have none, shape (n,).

    Args:
        values: shape (n, variables); NaN is missing, and see `heartapp.tables.cells` for cells that are no numbers.
        broken: one fault for each row that could not be split into cells, whose values are ignored.
        variables: the model's variables, in the order of the columns.
        required: the names of the variables that may not be missing.
    """
    good = np.ones(len(values), np.bool_)
    good[[row_of(fault) for fault in broken]] = False
    faulty = np.column_stack(
        [_faulty(column, one, required=one.name in required) for column, one in zip(values.T, variables, strict=True)]
    )
    rows, columns = np.nonzero(faulty & good[:, None])
    good[rows] = False
    found = zip(rows.tolist(), columns.tolist(), values[rows, columns].tolist(), strict=True)
    faults = [
        FieldError(variables[column].name, _message(variables[column], value, required), row)
        for row, column, value in found
    ]
    return sorted([*broken, *faults], key=row_of), good


def ragged(cells: int, expected: int, row: int) -> FieldError:
    """The fault of a row that has too few or too many cells."""
    return FieldError("", f"has {cells} {'cell' if cells == 1 else 'cells'}, the header has {expected}", row)


def row_of(fault: FieldError) -> int:
    """The row of a fault in a table, where each has one."""
    return fault.row or 0


def _faulty(column: NDArray[np.float64], variable: Variable, *, required: bool) -> NDArray[np.bool_]:
    """Where a column holds what `Variable.allows` does not."""
    if variable.choices:
        allowed: NDArray[np.bool_] = np.logical_or.reduce([column == code for code, _ in variable.choices])
    else:
        allowed = (column >= variable.low) & (column <= variable.high)
    return ~allowed if required else ~(allowed | np.isnan(column))


def _message(variable: Variable, value: float, required: Collection[str]) -> str:
    if np.isnan(value):
        return missing(variable)
    message = not_allowed(variable, value, required=variable.name in required)
    return f"{message}; write decimals with a point" if value == DECIMAL_COMMA else message
