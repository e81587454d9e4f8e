"""A small model as the table of all its answers.

Trees compare values with thresholds and do nothing else: patients whose values lie between the same thresholds get the
same answer, bit for bit. `bedside` splits three variables at 51 places in all, which makes 6,720 answers; its members
are asked for each of them once, and a patient's is looked up. A model of too many answers is asked about each patient.
"""

from __future__ import annotations

from bisect import bisect_right
from math import prod
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Ask = Callable[[NDArray[np.float32]], NDArray[np.float32]]

MOST_ANSWERS: Final = 100_000
_LARGEST: Final = np.finfo(np.float32).max


class Answers:
    """Every answer of a model, by the places of the values between the edges; see `make_answers`."""

    def __init__(self, ask: Ask, edges: Mapping[int, NDArray[np.float32]], columns: int) -> None:
        """Ask the members about two patients in each place, with its lowest and with its highest values.

        Args:
            ask: gives each member's probability of death, shape (n, 3), of rows of shape (n, columns).
            edges: the smallest value on the far side of each split, ascending, by column.
            columns: how many there are; the answer depends on those with edges.

        Raises:
            ValueError: the two are not answered alike, so there are splits elsewhere.
        """
        self._edges = dict(edges)
        lowest = [np.concatenate([[-_LARGEST], one, [np.nan]]) for one in edges.values()]
        highest = [np.concatenate([np.nextafter(one, -_LARGEST), [_LARGEST, np.nan]]) for one in edges.values()]
        self.probabilities = ask(_combine(edges, lowest, columns))
        if not np.array_equal(self.probabilities, ask(_combine(edges, highest, columns))):
            raise ValueError("the members split elsewhere")
        self._doubles = [(column, list(map(_lowest_double, one)), len(one) + 1) for column, one in edges.items()]

    def find(self, row: Sequence[float]) -> int:
        """The number of one patient's answer, from a row of plain numbers."""
        # Quicker than arrays by far for one patient.
        number = 0
        for column, edges, missing in self._doubles:
            value = row[column]
            place = bisect_right(edges, value) if value == value else missing  # noqa: PLR0124 - NaN alone differs from itself
            number = number * (missing + 1) + place
        return number

    def find_all(self, values: NDArray[np.float32]) -> NDArray[np.intp]:
        """The numbers of the answers, shape (n,), of rows of shape (n, columns)."""
        number = np.zeros(len(values), np.intp)
        for column, edges in self._edges.items():
            place = np.searchsorted(edges, values[:, column], side="right")
            place[np.isnan(values[:, column])] = len(edges) + 1
            number = number * (len(edges) + 2) + place
        return number


def make_answers(ask: Ask, edges: Mapping[int, NDArray[np.float32]], columns: int) -> Answers | None:
    """The table, where there are edges and not too many answers.

    Raises:
        ValueError: the members split elsewhere.
    """
    return Answers(ask, edges, columns) if edges and _count(edges) <= MOST_ANSWERS else None


def _combine(
    edges: Mapping[int, NDArray[np.float32]], values: Sequence[NDArray[np.float32]], columns: int
) -> NDArray[np.float32]:
    """A row for each combination of the columns' values, in the order in which answers are numbered."""
    rows = np.zeros((_count(edges), columns), np.float32)
    for column, grid in zip(edges, np.meshgrid(*values, indexing="ij"), strict=True):
        rows[:, column] = grid.ravel()
    return rows


def _count(edges: Mapping[int, NDArray[np.float32]]) -> int:
    return prod(len(one) + 2 for one in edges.values())


def _lowest_double(edge: np.float32) -> float:
    """The smallest double-precision number that becomes ``edge`` or more in single precision."""
    middle = (float(np.nextafter(edge, np.float32(-np.inf))) + float(edge)) / 2
    return middle if np.float32(middle) == edge else float(np.nextafter(middle, np.inf))
