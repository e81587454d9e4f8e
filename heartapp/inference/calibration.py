"""From three member probabilities to one risk, one class and three votes that cannot contradict each other.

The risk is Platt scaling (Platt 1999) of the median of the members' probabilities, on the logit scale. The class is
``risk >= threshold``. Each member votes at the preimage of that threshold, the cutoff, so two or three votes put the
median at or above the cutoff, and with it the risk at or above the threshold; fewer votes put both below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EPSILON: Final = 0.01
"""Probabilities are held within [0.01, 0.99] before the logit: a pure leaf knows no more than a hundred patients."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Risk = expit(slope · logit(median) + intercept); ``slope`` is positive, so the order is kept.

    For many calibrations at once, one a median, both are arrays of shape (n,).
    """

    slope: float | NDArray[np.float64]
    intercept: float | NDArray[np.float64]

    def risk(self, probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
        """Risk of each patient, shape (n,), from the members' probabilities, shape (n, 3)."""
        return self.transform(np.sort(probabilities, axis=1)[:, 1])

    def risk_of(self, members: Sequence[float]) -> float:
        """Risk of one patient from the members' probabilities: bit for bit what `risk` gives, in a fifth of its time.

        numpy's logarithm and exponential, not those of `math`, which differ in the last digit.
        """
        held = min(max(sorted(members)[1], EPSILON), 1 - EPSILON)
        score = float(self.slope * float(np.log(held / (1 - held))) + self.intercept)
        return 1 / (1 + float(np.exp(-score)))

    def transform(self, median: NDArray[np.floating]) -> NDArray[np.float64]:
        """Risk, shape (n,), of median probabilities, shape (n,). Computed in double precision."""
        # Not numpy's clip, which takes four times as long for one patient.
        held = np.minimum(np.maximum(median.astype(np.float64), EPSILON), 1 - EPSILON)
        risk: NDArray[np.float64] = 1 / (1 + np.exp(-(self.slope * np.log(held / (1 - held)) + self.intercept)))
        return risk

    def cutoff(self, threshold: float) -> float:
        """The smallest single-precision probability whose risk reaches ``threshold``; infinite where none does.

        Found by bisection over the bit patterns of [0, 1], which are in the order of the numbers they stand for.
        """
        low, high = 0, int(np.float32(1).view(np.uint32)) + 1
        while low < high:
            middle = (low + high) // 2
            if self.transform(np.array([middle], np.uint32).view(np.float32))[0] >= threshold:
                high = middle
            else:
                low = middle + 1
        if low > int(np.float32(1).view(np.uint32)):
            return float("inf")
        return float(np.uint32(low).view(np.float32))
