"""How much the answer depends on the sample: the recipe refitted on bootstrap samples of the training data.

Each refit's risk stands in a table over a grid of the variables that the model uses, ``refits.npz``; so its size does
not depend on the members. The spread of the refits' risks is called instability (Riley and Collins, Biometrical Journal
2023); it is no confidence interval.
"""

import io
from collections.abc import Sequence
from typing import Final, Self
from zipfile import ZipFile

import msgspec
import numpy as np
from numpy.typing import NDArray

from heartapp.inference.grid import Grid

LOW, HIGH = 2.5, 97.5
_MOST_UNPACKED: Final = 256 * 1024 * 1024


class Instability(msgspec.Struct, frozen=True):
    """The 2.5th and 97.5th percentile of the refits' risks, and in how many of them the verdict differs."""

    low: float
    high: float
    flips: int
    refits: int


class RefitTable:
    """The refits' risks at the points of a grid over the used variables.

    ``columns`` are the variables' names, ``axes`` their grid points, ascending, and ``risks`` the refits' risks times
    255, rounded, of type uint8 and shape (points of the first axis, …, refits, points of the last axis).
    """

    def __init__(self, columns: Sequence[str], axes: Sequence[NDArray[np.float64]], risks: NDArray[np.uint8]) -> None:
        """Raises ValueError where the arrays do not belong together."""
        self.columns, self.axes, self.risks = tuple(columns), tuple(axes), risks
        self._grid = Grid(axes)
        *others, last = self._grid.shape
        self.count = risks.shape[-2] if risks.ndim > 1 else 0
        if risks.dtype != np.uint8 or not self.count or risks.shape != (*others, self.count, last):
            raise ValueError("the refits' risks do not fit their axes")
        self._blocks = risks.reshape(-1, self.count, last)

    def to_bytes(self) -> bytes:
        """The arrays as a compressed ``.npz``; the same arrays give the same bytes."""
        buffer = io.BytesIO()
        # Risks rise slowly along the first variable, so their steps, modulo 256, compress to half the size.
        steps = np.diff(self.risks, axis=0, prepend=np.uint8(0))
        arrays = dict(zip(self.columns, self.axes, strict=True))
        np.savez_compressed(buffer, allow_pickle=False, **arrays, steps=steps)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read what `to_bytes` wrote.

        Raises:
            Exception: it is not such a file; numpy, zipfile and zlib have no common base.
        """
        _check_unpacked_size(content)
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            *columns, _ = arrays.files
            risks: NDArray[np.uint8] = arrays["steps"]
            # In place: numpy.cumsum would need the memory twice.
            for point in range(1, len(risks)):
                risks[point] += risks[point - 1]
            return cls(columns, [arrays[name] for name in columns], risks)

    def risks_of(self, values: Sequence[float]) -> NDArray[np.float64]:
        """Every refit's risk, shape (refits,), for one patient's values of ``columns``."""
        block, place = divmod(self._grid.cell(values), len(self.axes[-1]))
        risks: NDArray[np.float64] = self._blocks[block, :, place] / 255
        return risks

    def range_of(self, values: Sequence[float], risk: float) -> tuple[float, float]:
        """The 2.5th and 97.5th percentile of the refits' risks, widened to hold the served ``risk``."""
        low, high = np.percentile(self.risks_of(values), [LOW, HIGH]).tolist()
        return min(low, risk), max(high, risk)

    def instability(self, values: Sequence[float], risk: float, threshold: float) -> Instability:
        """The range of risks for one patient, and how many refits come to another verdict than the served risk."""
        flips = int(((self.risks_of(values) >= threshold) != (risk >= threshold)).sum())
        return Instability(*self.range_of(values, risk), flips, self.count)


def _check_unpacked_size(content: bytes) -> None:
    if sum(entry.file_size for entry in ZipFile(io.BytesIO(content)).infolist()) > _MOST_UNPACKED:
        raise ValueError("the arrays are too large")
