"""Whether the model has seen patients like this one: values one by one, and their combination.

The combination is judged by the Mahalanobis distance from a robust centre of the training data (minimum covariance
determinant; Rousseeuw and Van Driessen 1999), in the numeric variables that the members split on. Positive, skewed
variables are taken as logarithms. The limit is the 99th percentile of the training data's own distances.
"""

from __future__ import annotations

import math
from operator import mul
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LAST_DIGITS: Final = 1e-9


class Domain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Centre and spread of the training data in ``fields``; ``logarithmic`` says which are taken as logarithms."""

    fields: Annotated[list[str], Meta(min_length=1)]
    logarithmic: list[bool]
    centre: list[float]
    precision: list[list[float]]
    limit: Annotated[float, Meta(gt=0)]

    def __post_init__(self) -> None:
        """Refuse numbers that are not one for each field."""
        if {len(self.logarithmic), len(self.centre), len(self.precision), *map(len, self.precision)} != {
            len(self.fields)
        }:
            raise ValueError("logarithmic, centre and precision must fit the fields")

    def distance(self, values: Sequence[float]) -> float:
        """Mahalanobis distance of a patient's values of ``fields``; a missing one (NaN) is taken at the centre."""
        # Plain floats: for so few, arrays take ten times as long.
        difference = [
            0.0 if math.isnan(value) else (math.log(value) if logarithmic else value) - centre
            for value, logarithmic, centre in zip(values, self.logarithmic, self.centre, strict=True)
        ]
        square = 0.0
        for row, one in zip(self.precision, difference, strict=True):
            square += sum(map(mul, row, difference)) * one
        return math.sqrt(max(square, 0.0))

    def surely_covers(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Of patients, shape (n, fields), those that `covers` accepts, but for those on the very limit."""
        # Arrays sum in another order, so the last digits differ.
        positions = np.where(self.logarithmic, np.log(np.where(self.logarithmic, values, 1)), values) - self.centre
        difference = np.nan_to_num(positions)
        squares: NDArray[np.float64] = np.einsum("ni,ij,nj->n", difference, np.array(self.precision), difference)
        return squares <= self.limit**2 * (1 - _LAST_DIGITS)

    def covers(self, values: Sequence[float]) -> bool:
        """Whether the training data held such combinations."""
        return self.distance(values) <= self.limit
