"""Count the training patients near each point of a grid, for the caution about little support."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.grid import Grid
from heartapp.inference.support import Support

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WINDOWS: Final = {"age": 10.0, "ejection_fraction": 5.0, "serum_creatinine": 4.0}
"""How far a near patient may be, both ways: years, percentage points, a factor.

Chosen so that old patients with a high ejection fraction and a low creatinine have little support, and not by any
outcome. Ejection fraction is read to the nearest five points. Creatinine has a long tail; with a narrower factor it
alone would use up the patients who may be flagged.
"""
AXES: Final[dict[str, list[float]]] = {
    "age": [float(age) for age in range(20, 111)],
    "ejection_fraction": [float(percent) for percent in range(5, 91)],
    # Each a tenth more than the one before; the window is a factor as well.
    "serum_creatinine": [round(0.4 * 1.1**step, 2) for step in range(39)],
}
MOST_FLAGGED: Final = 0.05
"""The largest share of the training patients who may have little support."""


def make_support(names: Sequence[str], values: NDArray[np.floating]) -> Support:
    """The counts, and the largest limit that flags at most 5 % of the patients.

    Each training patient is judged by the other ones, as a new patient would be.

    Args:
        names: the variables that the members use.
        values: theirs of the training patients, shape (n, variables in use); rows with missing values do not count.
    """
    known = values[~np.isnan(values).any(axis=1)]
    axes = [np.array(AXES[name]) for name in names]
    near = [_near(name, axis, column) for name, axis, column in zip(names, axes, known.T, strict=True)]
    counts = np.einsum("ap,ep,cp->aec", *[one.astype(np.int64) for one in near])
    cells = np.unravel_index(Grid(axes).cells(known), counts.shape)
    patients = np.arange(len(known))
    own = np.logical_and.reduce([one[cell, patients] for one, cell in zip(near, cells, strict=True)])
    others = counts[cells] - own
    # With this many near patients as the limit, all who have fewer are flagged; nobody with none goes without.
    least = max(1, int(np.sort(others)[int(MOST_FLAGGED * len(known))]))
    return Support.from_counts({name: AXES[name] for name in names}, counts, least)


def _near(name: str, axis: NDArray[np.float64], column: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether each patient is near each point of one axis, shape (points, patients)."""
    if BY_NAME[name].logarithmic:
        distance, window = np.abs(np.log(axis[:, None] / column)), np.log(WINDOWS[name])
    else:
        distance, window = np.abs(axis[:, None] - column), WINDOWS[name]
    # Values are in single precision, so one on the edge of the window may miss it by a rounding error.
    near: NDArray[np.bool_] = distance <= window * (1 + 1e-6)
    return near
