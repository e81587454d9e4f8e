"""What a chunk of any input can do: give its patients' values, and its rows as they came."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from heartapp.errors import FieldError


@dataclass(frozen=True, slots=True)
class Chunk(ABC):
    """Some rows of the input. ``first`` is the number of its first row, counted from 1 and without the header."""

    first: int

    @property
    @abstractmethod
    def rows(self) -> int:
        """How many rows there are."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many bytes of the input it came from, where that is known; else 0."""

    @abstractmethod
    def values(self, positions: Sequence[int | None]) -> tuple[NDArray[np.float64], list[FieldError]]:
        """The patients' values, and the rows that are no rows of this table.

        Args:
            positions: the input's column for each of the model's variables, None where there is none.

        Returns:
            Values of shape (rows, variables), NaN where one is missing and infinite where it is no number; and a fault
            for each row that has too few or too many cells, whose values are NaN. Its ``row`` counts from 0.
        """

    @abstractmethod
    def batch(self, chosen: NDArray[np.intp]) -> pa.RecordBatch:
        """The rows whose indices are ``chosen``, ascending and none of them faulty, with all columns of the input."""
