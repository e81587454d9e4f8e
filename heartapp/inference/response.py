"""How the risk changes with one number while all others stay. It describes the model, not the effect of a treatment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from heartapp.inference.turning_points import grid_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from heartapp.clinical.variables import Variable
    from heartapp.inference.bundle import Seen


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


def responses(
    risk: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    supported: Callable[[NDArray[np.float64]], Sequence[bool]],
    variables: Sequence[Variable],
    used: Collection[str],
    seen: Sequence[Seen],
    row: Sequence[float],
) -> Iterator[ResponseCurve]:
    """One response for each number in use, over the range of the training data and to the patient's own value.

    Args:
        risk: the served risk, shape (n,), of rows of shape (n, variables).
        supported: whether the training data hold enough patients like each of these rows.
        variables: the model's variables.
        used: the names of those that the members split on.
        seen: what the training data held, in the order of the variables.
        row: the patient.
    """
    for index, (variable, limits) in enumerate(zip(variables, seen, strict=True)):
        if variable.name not in used or variable.kind != "number":
            continue
        own, grid = row[index], grid_of(variable, limits)
        values = grid if np.isnan(own) else np.union1d(grid, [own])
        rows = np.repeat(np.array([row], np.float64), len(values), axis=0)
        rows[:, index] = values
        yield ResponseCurve(
            variable.name,
            tuple(values.tolist()),
            tuple(risk(rows).tolist()),
            tuple(supported(rows)),
            None if np.isnan(own) else int(np.searchsorted(values, own)),
        )
