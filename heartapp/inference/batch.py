"""Checks of many patients as one array of numbers, in the words of `heartapp.clinical.patient`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from heartapp.clinical.patient import missing, not_allowed
from heartapp.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from heartapp.clinical.variables import Variable
    from heartapp.inference.model import Model

NOT_A_NUMBER: Final = np.inf
"""What a reader puts in the place of something that is no number: no variable allows it. NaN is a missing value."""


def check_values(
    values: NDArray[np.float64], variables: Sequence[Variable], required: Collection[str], *, most: int | None = None
) -> list[FieldError]:
    """Every fault that `check_patient` finds in the same patients, in the same words, row by row.

    Args:
        values: one row a patient, shape (n, variables); NaN is missing.
        variables: the model's variables, in the order of the columns.
        required: the names of those that it cannot do without.
        most: how many faults are told, from the first on; all of them where not given.
    """
    faulty = np.column_stack(
        [_faulty(column, one, required=one.name in required) for column, one in zip(values.T, variables, strict=True)]
    )
    rows, columns = (where[:most] for where in np.nonzero(faulty))
    absent = np.isnan(values[rows, columns])
    return [
        FieldError(variable.name, _message(variable, required=variable.name in required, absent=gone), row)
        for row, variable, gone in zip(
            rows.tolist(), (variables[column] for column in columns.tolist()), absent.tolist(), strict=True
        )
    ]


def find_faults(
    values: NDArray[np.float64], broken: Sequence[FieldError], model: Model
) -> tuple[list[FieldError], NDArray[np.bool_]]:
    """The faults of a table's rows, in their order, and which rows have none.

    Args:
        values: see `check_values`.
        broken: a fault for each row that is no row of the table, whose values do not count.
        model: whose variables they are.
    """
    rows = {fault.row for fault in broken}
    found = check_values(values, model.variables, model.required)
    faults = sorted([*broken, *(fault for fault in found if fault.row not in rows)], key=_row)
    good = np.ones(len(values), np.bool_)
    good[[_row(fault) for fault in faults]] = False
    return faults, good


def _row(fault: FieldError) -> int:
    return fault.row or 0


def _faulty(column: NDArray[np.float64], variable: Variable, *, required: bool) -> NDArray[np.bool_]:
    """Where a column holds what `Variable.allows` does not."""
    if variable.choices:
        allowed: NDArray[np.bool_] = np.logical_or.reduce([column == code for code, _ in variable.choices])
    else:
        allowed = (column >= variable.low) & (column <= variable.high)
    return ~allowed if required else ~(allowed | np.isnan(column))


def _message(variable: Variable, *, required: bool, absent: bool) -> str:
    return missing(variable) if absent else not_allowed(variable, required=required)
