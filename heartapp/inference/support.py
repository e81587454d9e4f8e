"""How many patients of the training data are near to one: where few are, the model has little to go by.

Near means within a window around the patient in every variable of the grid. As is usual for published counts, those of
one or two patients are not stored, and neither is how many more there are than enough; so no patient's record can be
read from them.
"""

import zlib
from collections.abc import Sequence
from functools import cached_property
from math import prod
from typing import Annotated, Final, Self

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from heartapp.inference.grid import Grid

SMALLEST: Final = 3
"""The smallest count that is stored."""
_COUNT: Final = np.dtype("<u2")


class Support(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """The counts of near training patients.

    ``axes`` holds the grid points of each variable that the model uses, in their order. ``counts`` has the number of
    patients near each cell as unsigned 16-bit integers, little-endian, in C order, compressed with zlib (and in JSON as
    base64): at most ``least``, and 0 for fewer than `SMALLEST`. A patient with fewer than ``least`` near patients has
    little support.
    """

    axes: Annotated[dict[str, list[float]], Meta(min_length=1)]
    counts: bytes
    least: Annotated[int, Meta(ge=0)]

    @classmethod
    def from_counts(cls, axes: dict[str, list[float]], counts: NDArray[np.integer], least: int) -> Self:
        """Make it from the full counts, of the shape of the axes."""
        counts = np.where(counts < min(SMALLEST, least), 0, np.minimum(counts, least))
        return cls(axes, zlib.compress(counts.astype(_COUNT).tobytes(), 9), least)

    def __post_init__(self) -> None:
        """Refuse axes that do not ascend, and counts that are not one a cell."""
        if len(self._counts) != prod(self._grid.shape):
            raise ValueError("the counts of near patients do not fit their axes")

    def near(self, values: Sequence[float]) -> int:
        """How many training patients are near to one, as stored; ``values`` are in the order of the axes."""
        return int(self._counts[self._grid.cell(values)])

    def near_each(self, values: NDArray[np.floating]) -> NDArray[np.integer]:
        """The same, shape (n,), for values of shape (n, axes)."""
        return self._counts[self._grid.cells(values)]

    @cached_property
    def _grid(self) -> Grid:
        return Grid([*self.axes.values()])

    @cached_property
    def _counts(self) -> NDArray[np.uint16]:
        # One more than there should be, so that too many are noticed; a bomb is not unpacked.
        size = _COUNT.itemsize * (prod(self._grid.shape) + 1)
        return np.frombuffer(zlib.decompressobj().decompress(self.counts, size), _COUNT)
