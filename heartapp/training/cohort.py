"""The patients a model learns from: a table whose filled-in values count as missing.

That some values of the published table (UCI 519) were filled in and not measured is inferred from the values; no
publication says so:

- Serum creatinine is 1.83 in 8 rows, all of whom died, and 1.18 in 11 rows, all of whom survived. Both have two
  decimals where nearly all other values have one, both are the mean of their class, and the sodium beside them is
  mostly 134 and 137, again the class means. So the outcome chose the fill, and the fill leaks the outcome.
- Creatinine phosphokinase is 582 in 47 rows and platelets are 263358.03 in 25 rows: the means of the whole column.

Only rows of the published table are changed, see `heartapp.tables.published`: 1.18 mg/dL is an ordinary result
elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from heartapp.clinical.variables import MODEL_VARIABLES, VARIABLES
from heartapp.training.data import TIME

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from heartapp.tables.published import Origin
    from heartapp.training.data import Table

CLASS_MEANS: Final = ((1.83, 134), (1.18, 137))
"""Serum creatinine (mg/dL) filled with the mean of the dead and of the survivors, and the sodium (mEq/L) beside it."""

OVERALL_MEANS: Final = {"creatinine_phosphokinase": 582, "platelets": 263358.03}
"""The fills (mcg/L, per µL) that do not depend on the outcome."""

_COLUMN: Final = {variable.name: index for index, variable in enumerate(VARIABLES)}


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows to train or test on.

    ``features`` has shape (n, variables), NaN where a value is missing. ``outcome`` has shape (n,), 1 = died. ``time``
    has shape (n,): days to death or to the end of follow-up; None where they are not known. If a patient can have
    several rows, ``patients``, shape (n,), says whose row each is.
    """

    features: NDArray[np.float32]
    outcome: NDArray[np.int64]
    time: NDArray[np.float64] | None = None
    patients: NDArray[np.int64] | None = None

    def part(self, rows: NDArray[np.int64]) -> Sample:
        """Some of the rows, each of its own patient."""
        time = None if self.time is None else self.time[rows]
        return Sample(self.features[rows], self.outcome[rows], time)

    def draw(self, rows: NDArray[np.int64]) -> Sample:
        """A bootstrap sample: rows that may repeat."""
        return replace(self.part(rows), patients=rows)


@dataclass(frozen=True, slots=True)
class Cohort:
    """Patients in the order of the file.

    ``values`` has shape (n, variables), in the order of `VARIABLES`, NaN where a value is missing or was a fill.
    ``outcome`` and ``unaffected`` (the outcome chose no fill of the row) have shape (n,). ``horizon`` is the day by
    which the risk of death is learned, None without follow-up times. ``absent`` names the variables without any value.
    """

    values: NDArray[np.float64]
    outcome: NDArray[np.int64]
    unaffected: NDArray[np.bool_]
    digest: str
    origin: Origin
    horizon: int | None = None
    absent: tuple[str, ...] = ()

    @classmethod
    def from_table(cls, table: Table) -> Cohort:
        """The table's patients, with its fills as missing values: 280 of the published 299 rows are unaffected."""
        values, published = table.values.copy(), table.published
        creatinine, sodium = values[:, _COLUMN["serum_creatinine"]], values[:, _COLUMN["serum_sodium"]]
        for fill, beside in CLASS_MEANS:
            filled = published & (creatinine == fill)
            sodium[filled & (sodium == beside)] = np.nan
            creatinine[filled] = np.nan
        for name, mean in OVERALL_MEANS.items():
            values[published & (values[:, _COLUMN[name]] == mean), _COLUMN[name]] = np.nan
        # No table lacks a creatinine, so the missing ones were fills.
        unaffected = ~np.isnan(creatinine)
        return cls(values, table.outcome, unaffected, table.digest, table.origin, table.horizon, table.absent)

    @property
    def models(self) -> list[str]:
        """The models that can be trained: those that take the follow-up time need it."""
        return [model for model, names in MODEL_VARIABLES.items() if self.horizon is not None or TIME not in names]

    def names(self, model: str) -> tuple[str, ...]:
        """The variables of a model that this cohort has."""
        return tuple(name for name in MODEL_VARIABLES[model] if name not in self.absent)

    def column(self, name: str) -> NDArray[np.float64]:
        """One variable's values, shape (n,)."""
        column: NDArray[np.float64] = self.values[:, _COLUMN[name]]
        return column

    def features(self, model: str) -> NDArray[np.float32]:
        """The variables `names`, shape (n, variables), in single precision as they are trained and served."""
        return self.values[:, [_COLUMN[name] for name in self.names(model)]].astype(np.float32)

    def sample(self, model: str) -> Sample:
        """All patients, with a model's variables."""
        time = None if self.horizon is None else self.column(TIME)
        return Sample(self.features(model), self.outcome, time)
