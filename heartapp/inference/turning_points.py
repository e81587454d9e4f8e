"""Single values at which the verdict would change: how the model behaves, not what treatment does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from heartapp.clinical.variables import Variable
    from heartapp.inference.cautions import Seen

STEPS: Final = 100


class TurningPoint(msgspec.Struct, frozen=True):
    """The value nearest to the patient's at which the verdict is the other one, all else being the same."""

    field: str
    value: float


def turning_points(
    dies: Callable[[NDArray[np.float64]], NDArray[np.bool_]],
    variables: Sequence[Variable],
    seen: Sequence[Seen],
    row: Sequence[float],
) -> tuple[TurningPoint, ...]:
    """Look along each variable that is not the patient's to keep, within what the training data held.

    Args:
        dies: the class, shape (n,), of rows of shape (n, variables).
        variables: the model's variables; age and sex are left out, and what is known only afterwards.
        seen: what the training data held, in the same order.
        row: the patient; variables with missing values are left out.
    """
    patient = np.array(row, np.float64)
    tried = [
        (index, _grid(variable, limits))
        for index, (variable, limits) in enumerate(zip(variables, seen, strict=True))
        if not variable.given and not np.isnan(patient[index])
    ]
    rows = np.repeat(patient[None, :], sum(len(grid) for _, grid in tried) + 1, axis=0)
    start = 1
    for index, grid in tried:
        rows[start : start + len(grid), index] = grid
        start += len(grid)
    classes = dies(rows)
    other = classes != classes[0]
    found, start = [], 1
    for index, grid in tried:
        turned = grid[other[start : start + len(grid)]]
        start += len(grid)
        if len(turned):
            nearest = turned[np.argmin(np.abs(turned - patient[index]))]
            found.append(TurningPoint(variables[index].name, float(nearest)))
    return tuple(found)


def _grid(variable: Variable, seen: Seen) -> NDArray[np.float64]:
    """Values a person would write, from the smallest to the largest that was seen."""
    if variable.kind != "number":
        return np.array([code for code, _ in variable.choices], np.float64)
    step = max(variable.step, variable.step * np.ceil((seen.maximum - seen.minimum) / variable.step / STEPS))
    first = np.ceil(seen.minimum / step)
    grid: NDArray[np.float64] = (np.arange(first, np.floor(seen.maximum / step) + 1) * step).round(6)
    return grid
