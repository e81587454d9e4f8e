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


class Answers:
    """Every answer of a model, by the places of the values between the edges; see `make_answers`."""

    def __init__(self, ask: Ask, edges: Mapping[int, NDArray[np.float32]], columns: int) -> None:
        """Ask the members about one patient in each place.

        Args:
            ask: gives each member's probability of death, shape (n, 3), of rows of shape (n, columns).
            edges: the smallest value on the far side of each split, ascending, by column.
            columns: how many there are; the answer depends on those with edges.
        """
        self._edges = dict(edges)
        # One value of each place: below the first edge, from each edge on, and missing.
        places = [np.concatenate([[np.nextafter(one[0], -np.inf)], one, [np.nan]]) for one in edges.values()]
        values = np.zeros((_count(edges), columns), np.float32)
        for column, grid in zip(edges, np.meshgrid(*places, indexing="ij"), strict=True):
            values[:, column] = grid.ravel()
        self.probabilities = ask(values)
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
    """The table, where there are edges and not too many answers."""
    return Answers(ask, edges, columns) if edges and _count(edges) <= MOST_ANSWERS else None


def _count(edges: Mapping[int, NDArray[np.float32]]) -> int:
    return prod(len(one) + 2 for one in edges.values())


def _lowest_double(edge: np.float32) -> float:
    """The smallest double-precision number that becomes ``edge`` or more in single precision."""
    middle = (float(np.nextafter(edge, np.float32(-np.inf))) + float(edge)) / 2
    return middle if np.float32(middle) == edge else float(np.nextafter(middle, np.inf))
