"""From three member probabilities to one risk, one class and three votes that cannot contradict each other.

The risk is Platt scaling (Platt 1999) of the median of the members' probabilities, on the logit scale. The class is
``risk >= threshold``. Each member votes at the preimage of that threshold, the cutoff, so two or three votes put the
median at or above the cutoff, and with it the risk at or above the threshold; fewer votes put both below.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

EPSILON: Final = 0.01
"""Probabilities are clipped to [0.01, 0.99] before the logit: a pure leaf holds no more than a hundred patients."""
_ONE: Final = int(np.float32(1).view(np.uint32))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Risk = expit(slope · logit(median) + intercept); ``slope`` is positive, so the order is kept.

    For many calibrations at once, one a median, both are arrays of shape (n,).
    """

    slope: float | NDArray[np.float64]
    intercept: float | NDArray[np.float64]

    def risk(self, probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
        """The risk, shape (...), from the members' probabilities, shape (..., 3): of one patient or of many."""
        return self.transform(np.sort(probabilities, axis=-1)[..., 1])

    def transform(self, median: NDArray[np.floating] | np.floating) -> NDArray[np.float64]:
        """The risk, in double precision, from median probabilities of any shape."""
        # numpy's functions give a number the same bits alone and in an array; those of `math` do not.
        # Not numpy's clip, which takes four times as long for one patient.
        held = np.minimum(np.maximum(median.astype(np.float64), EPSILON), 1 - EPSILON)
        risk: NDArray[np.float64] = 1 / (1 + np.exp(-(self.slope * np.log(held / (1 - held)) + self.intercept)))
        return risk

    def cutoff(self, threshold: float) -> float:
        """The smallest single-precision probability whose risk reaches ``threshold``; infinite where none does."""
        return _cutoff(self, threshold)


@lru_cache(maxsize=256)
def _cutoff(calibration: Calibration, threshold: float) -> float:
    """Bisect the bit patterns of [0, 1], which are in the same order as the numbers they represent."""
    bits = bisect_left(range(_ONE + 1), threshold, key=lambda one: float(calibration.transform(_number(one))))
    return float("inf") if bits > _ONE else float(_number(bits))


def _number(bits: int) -> np.float32:
    number: np.float32 = np.uint32(bits).view(np.float32)
    return number
