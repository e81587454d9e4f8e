"""A grid over a few variables: a value falls into the cell of the last grid point that is not above it."""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Grid:
    """``axes`` are the grid points of each variable, ascending. Cells are numbered in C order, the last axis first.

    A value below the first point belongs to the first, a missing value (NaN) to the last.
    """

    def __init__(self, axes: Sequence[ArrayLike]) -> None:
        """Raises ValueError where an axis is empty or does not ascend."""
        points = [np.asarray(axis, np.float64) for axis in axes]
        if any(axis.ndim != 1 or not len(axis) or not (np.diff(axis) > 0).all() for axis in points):
            raise ValueError("the points of a grid must ascend")
        self.shape = tuple(len(axis) for axis in points)
        self._borders = [axis[1:] for axis in points]
        self._lists = [borders.tolist() for borders in self._borders]

    def cell(self, values: Sequence[float]) -> int:
        """The number of one patient's cell; ``values`` has one value an axis."""
        cell = 0
        for value, borders, size in zip(values, self._lists, self.shape, strict=True):
            cell = cell * size + bisect_right(borders, value)
        return cell

    def cells(self, values: NDArray[np.floating]) -> NDArray[np.intp]:
        """The numbers of the cells, shape (n,), of values of shape (n, axes)."""
        cells = np.zeros(len(values), np.intp)
        for column, borders, size in zip(values.T, self._borders, self.shape, strict=True):
            cells = cells * size + np.searchsorted(borders, column, side="right")
        return cells
