"""The risk at other days than the model's horizon.

One increasing curve g, the same for all patients, with g(0) = 0 and g(horizon) = 1, dates the risk::

    risk(t) = 1 - (1 - risk) ** g(t)

These are proportional hazards with the calibrated risk as the only predictor (Cox 1972); g is the cumulative baseline
hazard divided by its value at the horizon. At the horizon the curve is the risk itself, bit for bit.
"""

import itertools
from typing import Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

FIRST_DAY: Final = 30
LAST_DAY: Final = 180
"""The days that can be asked for, as far as the model's horizon reaches."""
DEFAULT_DAYS: Final = (90, 180)
_LEAST: Final = float(np.finfo(np.float64).tiny)
"""Stands for a survival of 0, which has no logarithm."""


class Curve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """g at some days, linear between them.

    The days are fixed (0, 5, 10, … horizon), so that no patient's day of death stands in a bundle.
    """

    days: list[int]
    exponents: list[float]

    def __post_init__(self) -> None:
        """Refuse a curve that falls, or that does not lead from 0 to 1."""
        rise = all(later > earlier for earlier, later in itertools.pairwise(self.days))
        if len(self.days) != len(self.exponents) or self.days[:1] != [0] or not rise:
            raise ValueError("the curve's days must rise from 0, with one exponent each")
        keep = all(later >= earlier for earlier, later in itertools.pairwise(self.exponents))
        if (self.exponents[0], self.exponents[-1]) != (0, 1) or not keep:
            raise ValueError("the curve's exponents must not fall and lead from 0 to 1")

    @property
    def horizon(self) -> int:
        """The last day: the one that the model's risk is of."""
        return self.days[-1]

    def risk(self, risk: ArrayLike, day: ArrayLike) -> NDArray[np.float64]:
        """The risk of death by a day.

        Args:
            risk: the risk by the horizon, a number or an array.
            day: from 0 to the horizon; numbers and arrays are broadcast against each other.
        """
        exponent = np.interp(np.asarray(day), self.days, self.exponents)
        # numpy's exp and log give a number the same bits alone and in an array; its power does not.
        survival = np.maximum(1 - np.asarray(risk), _LEAST)
        dated: NDArray[np.float64] = np.where(exponent == 1, risk, 1 - np.exp(exponent * np.log(survival)))
        return dated
