"""Single values that would change the verdict. They describe the model, not the effect of a treatment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    from heartapp.clinical.variables import Variable
    from heartapp.inference.bundle import Seen

STEPS: Final = 100


class TurningPoint(msgspec.Struct, frozen=True):
    """The value nearest to the patient's that changes the verdict while all other values stay."""

    field: str
    value: float


def turning_points(
    dies: Callable[[NDArray[np.float64]], NDArray[np.bool_]],
    variables: Sequence[Variable],
    used: Collection[str],
    seen: Sequence[Seen],
    row: Sequence[float],
) -> tuple[TurningPoint, ...]:
    """Try other values of each variable that can change, within the range of the training data.

    Args:
        dies: the class, shape (n,), of rows of shape (n, variables).
        variables: the model's variables; age and sex are left out, and what is known only afterwards.
        used: the names of those that the members split on; no other can change the verdict.
        seen: what the training data held, in the same order.
        row: the patient; variables with missing values are left out.
    """
    patient = np.array([row], np.float64)
    verdict = dies(patient)[0]
    found = []
    for index, (variable, limits) in enumerate(zip(variables, seen, strict=True)):
        if variable.name not in used or variable.given or np.isnan(row[index]):
            continue
        grid = grid_of(variable, limits)
        rows = np.repeat(patient, len(grid), axis=0)
        rows[:, index] = grid
        turned = grid[dies(rows) != verdict]
        if len(turned):
            nearest = turned[np.argmin(np.abs(turned - row[index]))]
            found.append(TurningPoint(variable.name, float(nearest)))
    return tuple(found)


def grid_of(variable: Variable, seen: Seen) -> NDArray[np.float64]:
    """Values as people write them, from the smallest to the largest of the training data."""
    if variable.kind != "number":
        return np.array([code for code, _ in variable.choices], np.float64)
    step = max(variable.step, variable.step * np.ceil((seen.maximum - seen.minimum) / variable.step / STEPS))
    first = np.ceil(seen.minimum / step)
    grid: NDArray[np.float64] = (np.arange(first, np.floor(seen.maximum / step) + 1) * step).round(6)
    return grid
