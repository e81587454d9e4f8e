"""The risk with one value replaced: how it changes with each number, and which values would change the verdict.

Both describe the model, not the effect of a treatment.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from math import isnan
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.bundle import Seen

Judge = Callable[[NDArray[np.float64]], NDArray[np.bool_]]

STEPS: Final = 100


class ResponseCurve(msgspec.Struct, frozen=True):
    """The risk at each of some values of one variable.

    ``supported`` tells where the training data hold enough similar patients. ``place`` is the index of the patient's
    own value, None where that is missing.
    """

    field: str
    values: tuple[float, ...]
    risks: tuple[float, ...]
    supported: tuple[bool, ...]
    place: int | None


class TurningPoint(msgspec.Struct, frozen=True):
    """The value nearest to the patient's that changes the verdict while all other values stay."""

    field: str
    value: float


def responses(
    risk: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    supported: Judge,
    used: Collection[str],
    seen: Sequence[Seen],
    row: Sequence[float],
) -> Iterator[ResponseCurve]:
    """One response for each number in use, over the range of the training data and to the patient's own value.

    Args:
        risk: the served risk, shape (n,), of rows of shape (n, variables).
        supported: whether the training data hold enough patients like each of these rows.
        used: the names of the variables that the members split on.
        seen: what the training data held of each of the model's variables, in their order.
        row: the patient.
    """
    for column, limits in enumerate(seen):
        if limits.name in used and BY_NAME[limits.name].kind == "number":
            own, grid = row[column], grid_of(limits)
            values = grid if isnan(own) else np.union1d(grid, [own])
            rows = _replaced(row, column, values)
            risks, enough = tuple(risk(rows).tolist()), tuple(supported(rows).tolist())
            place = None if isnan(own) else int(np.searchsorted(values, own))
            yield ResponseCurve(limits.name, tuple(values.tolist()), risks, enough, place)


def turning_points(
    dies: Judge, used: Collection[str], seen: Sequence[Seen], row: Sequence[float]
) -> tuple[TurningPoint, ...]:
    """Try other values of each variable that can change, within the range of the training data.

    Args:
        dies: the class, shape (n,), of rows of shape (n, variables).
        used: see `responses`; no other variable can change the verdict.
        seen: see `responses`; age and sex are left out, and what is known only afterwards.
        row: the patient; variables with missing values are left out.
    """
    verdict = dies(np.array([row], np.float64))[0]
    found = []
    for column, limits in enumerate(seen):
        if limits.name in used and not BY_NAME[limits.name].given and not isnan(row[column]):
            grid = grid_of(limits)
            turned = grid[dies(_replaced(row, column, grid)) != verdict]
            if len(turned):
                nearest = turned[np.argmin(np.abs(turned - row[column]))]
                found.append(TurningPoint(limits.name, float(nearest)))
    return tuple(found)


def grid_of(seen: Seen) -> NDArray[np.float64]:
    """Values as people write them, from the smallest to the largest of the training data."""
    variable = BY_NAME[seen.name]
    if variable.choices:
        return np.array([code for code, _ in variable.choices], np.float64)
    step = max(variable.step, variable.step * np.ceil((seen.maximum - seen.minimum) / variable.step / STEPS))
    first = np.ceil(seen.minimum / step)
    grid: NDArray[np.float64] = (np.arange(first, np.floor(seen.maximum / step) + 1) * step).round(6)
    return grid


def _replaced(row: Sequence[float], column: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The patient once for each of the values of one column, shape (values, variables)."""
    rows = np.tile(np.array(row, np.float64), (len(values), 1))
    rows[:, column] = values
    return rows
