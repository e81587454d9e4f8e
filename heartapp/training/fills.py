"""Values of the published table that were filled in, not measured; training treats them as missing.

That they are fills is inferred from the values; no publication says so. In the published data set (UCI 519)

- serum creatinine is 1.83 in 8 rows, all of whom died, and 1.18 in 11 rows, all of whom survived. Both have two
  decimals where nearly all other values have one, both are the mean of their class, and the sodium beside them is
  mostly 134 and 137, again the class means. So the fill was chosen by the outcome: it tells a model who died.
- creatinine phosphokinase is 582 in 47 rows and platelets are 263358.03 in 25 rows: the means of the whole column.

Only rows of the published table are masked, known again by their checksums: 1.18 mg/dL is an ordinary result
elsewhere, and what a user enters is always taken as measured. So a part of the table, such as the training side of a
split, is masked exactly as the whole is, and nothing is estimated from the rows at hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from heartapp.clinical.variables import VARIABLES
from heartapp.training import published
from heartapp.training.data import checksum

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASS_MEANS: Final = ((1.83, 134), (1.18, 137))
"""Serum creatinine (mg/dL) filled with the mean of the dead and of the survivors, and the sodium (mEq/L) beside it."""

OVERALL_MEANS: Final = {"creatinine_phosphokinase": 582, "platelets": 263358.03}
"""The column means (mcg/L, per µL) that stand for what was not measured, whatever the outcome."""

_COLUMN: Final = {variable.name: index for index, variable in enumerate(VARIABLES)}


def mask_fills(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A copy in which the fills are NaN.

    Args:
        values: shape (n, 12), in the order of `VARIABLES`, in double precision as `read_table` gives them.
    """
    masked = values.copy()
    published_row = _published_rows(values)
    creatinine, sodium = _COLUMN["serum_creatinine"], _COLUMN["serum_sodium"]
    for creatinine_fill, sodium_fill in CLASS_MEANS:
        filled = published_row & (values[:, creatinine] == creatinine_fill)
        masked[filled, creatinine] = np.nan
        masked[filled & (values[:, sodium] == sodium_fill), sodium] = np.nan
    for name, fill in OVERALL_MEANS.items():
        masked[published_row & (values[:, _COLUMN[name]] == fill), _COLUMN[name]] = np.nan
    return masked


def unaffected(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows hold no fill that was chosen by the outcome, shape (n,): 280 of the published 299.

    Args:
        values: shape (n, 12), before `mask_fills`.
    """
    chosen = np.isin(values[:, _COLUMN["serum_creatinine"]], [creatinine for creatinine, _ in CLASS_MEANS])
    return ~(chosen & _published_rows(values))


def _published_rows(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows are the published table's, with either outcome, shape (n,).

    Of other patients' rows, one in a hundred passes by chance; it would have to hold a fill's exact value as well.
    """
    known = set(published.ROW_CHECKSUMS)
    found = [any(checksum(np.append(row, outcome)) in known for outcome in (0.0, 1.0)) for row in values]
    return np.array(found, np.bool_)
