"""The patients a model learns from: the table with its fills taken out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heartapp.clinical.variables import MODEL_VARIABLES, VARIABLES
from heartapp.training.fills import mask_fills, unaffected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from heartapp.training.data import Origin, Table

_ORDER = [variable.name for variable in VARIABLES]


@dataclass(frozen=True, slots=True)
class Cohort:
    """Patients in the order of the file.

    ``values`` has shape (n, 12), in the order of `VARIABLES`, NaN where a value is missing or was a fill. ``outcome``
    and ``unaffected`` (no fill of the row was chosen by its outcome) have shape (n,).
    """

    values: NDArray[np.float64]
    outcome: NDArray[np.int64]
    unaffected: NDArray[np.bool_]
    digest: str
    origin: Origin

    @classmethod
    def from_table(cls, table: Table) -> Cohort:
        """The table's patients, with its fills as missing values."""
        return cls(mask_fills(table.values), table.outcome, unaffected(table.values), table.digest, table.origin)

    @staticmethod
    def names(model: str) -> tuple[str, ...]:
        """The variables a model is given."""
        return MODEL_VARIABLES[model]

    def column(self, name: str) -> NDArray[np.float64]:
        """One variable's values, shape (n,)."""
        column: NDArray[np.float64] = self.values[:, _ORDER.index(name)]
        return column

    def features(self, model: str) -> NDArray[np.float32]:
        """What a model is given, shape (n, its variables), in single precision as it is trained and served."""
        return self.values[:, [_ORDER.index(name) for name in self.names(model)]].astype(np.float32)
