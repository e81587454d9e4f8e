"""A small model's answers, each asked for once and kept.

Trees only compare values with thresholds, so patients whose values lie between the same thresholds get the same answer,
bit for bit. `bedside` splits three variables at 110 places in all, which makes 55,000 answers. That many would delay
the start of a server, so the graph is run for an answer when a patient first needs it. A model with too many answers,
such as `followup`, always runs its graph.

By ``python -m timeit``, the graph takes 13 µs for a patient, and a whole `Model.predict` with a known answer 6 µs.
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf, prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from heartapp.inference.grid import Grid

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Calibrate = Callable[[NDArray[np.float32]], NDArray[np.float64]]

MOST_ANSWERS: Final = 1_000_000


class Lookup:
    """The answers, one for each combination of intervals between the edges, and one for each missing value.

    ``probabilities`` has the members' probabilities of death, shape (answers, 3), and ``risks`` the risks, shape
    (answers,). Only those of the cells that `cell` or `cells` returned are filled in.
    """

    def __init__(self, run: Run, calibrate: Calibrate, columns: Sequence[int], grid: Grid) -> None:
        """Make a table without answers: one for each cell of the grid over these columns of a row."""
        self._run, self._calibrate, self._columns, self._grid = run, calibrate, columns, grid
        self.probabilities = np.zeros((prod(grid.shape), 3), np.float32)
        self.risks = np.zeros(len(self.probabilities))
        self._known = np.zeros(len(self.probabilities), np.bool_)

    def cell(self, row: Sequence[float]) -> int:
        """The number of one patient's answer."""
        cell = self._grid.cell([float(np.float32(row[column])) for column in self._columns])
        if not self._known[cell]:
            self._fill(np.array([cell]), np.array([row], np.float32))
        return cell

    def cells(self, values: NDArray[np.float32]) -> NDArray[np.intp]:
        """The numbers of the answers, shape (n,), of rows of shape (n, columns)."""
        cells = self._grid.cells(values[:, self._columns])
        new = np.flatnonzero(~self._known[cells])
        if len(new):
            new = new[np.unique(cells[new], return_index=True)[1]]
            self._fill(cells[new], values[new])
        return cells

    def _fill(self, cells: NDArray[np.intp], values: NDArray[np.float32]) -> None:
        """Two threads may fill the same cell: they write the same numbers, and only then say that they are known."""
        self.probabilities[cells] = self._run(values)
        self.risks[cells] = self._calibrate(self.probabilities[cells])
        self._known[cells] = True


def make_lookup(run: Run, calibrate: Calibrate, edges: Mapping[int, Sequence[float]]) -> Lookup | None:
    """The answers' table, unless there are no edges or more than `MOST_ANSWERS` answers.

    Args:
        run: gives each member's probability of death, shape (n, 3), from rows of shape (n, columns).
        calibrate: gives the risk, shape (n,), from the members' probabilities.
        edges: by column, the smallest single-precision value on the far side of each split, ascending. Training reads
            them from the graph. Columns without edges change no answer.
    """
    # No value is infinite, so only a missing one, which a grid puts last, is behind the last point.
    grid = Grid([[-inf, *one, inf] for one in edges.values()])
    return Lookup(run, calibrate, [*edges], grid) if 1 < prod(grid.shape) <= MOST_ANSWERS else None
