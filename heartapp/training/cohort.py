"""The patients a model learns from, and which of their values were filled in.

That some values of the published table (UCI 519) were filled in and not measured is inferred from the values; no
publication says so:

- Serum creatinine is 1.83 in 8 rows, all of whom died, and 1.18 in 11 rows, all of whom survived. Both have two
  decimals where nearly all other values have one, both are the mean of their class, and the sodium beside them is
  mostly 134 and 137, again the class means. So the outcome chose the fill, and the fill leaks the outcome.
- Creatinine phosphokinase is 582 in 47 rows and platelets are 263358.03 in 25 rows: the means of the whole column.

Only rows of the published table are changed, see `heartapp.tables.published`: 1.18 mg/dL is an ordinary result
elsewhere.
"""

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from heartapp.clinical.variables import MODEL_VARIABLES, VARIABLES
from heartapp.tables.published import Origin

TIME: Final = "time"
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

    def part(self, rows: NDArray[np.int64]) -> "Sample":
        """Some of the rows, each of its own patient."""
        time = None if self.time is None else self.time[rows]
        return Sample(self.features[rows], self.outcome[rows], time)

    def draw(self, rows: NDArray[np.int64]) -> "Sample":
        """A bootstrap sample: rows that may repeat."""
        return replace(self.part(rows), patients=rows)


@dataclass(frozen=True, slots=True)
class Cohort:
    """The n patients of a checked table, in its order.

    ``values`` has shape (n, variables), in the order of `VARIABLES`, NaN where a value is missing. ``outcome`` and
    ``published``, which marks rows of the published table, have shape (n,). ``horizon`` is the day by which the risk
    of death is learned, None without follow-up times. ``notes`` say what was left out.
    """

    values: NDArray[np.float64]
    outcome: NDArray[np.int64]
    digest: str
    origin: Origin
    published: NDArray[np.bool_]
    horizon: int | None = None
    notes: tuple[str, ...] = ()

    def without_fills(self) -> Self:
        """The same patients with the published table's fills as missing values."""
        values, published = self.values.copy(), self.published
        creatinine, sodium = values[:, _COLUMN["serum_creatinine"]], values[:, _COLUMN["serum_sodium"]]
        for fill, beside in CLASS_MEANS:
            filled = published & (creatinine == fill)
            sodium[filled & (sodium == beside)] = np.nan
            creatinine[filled] = np.nan
        for name, mean in OVERALL_MEANS.items():
            values[published & (values[:, _COLUMN[name]] == mean), _COLUMN[name]] = np.nan
        return replace(self, values=values)

    @property
    def unaffected(self) -> NDArray[np.bool_]:
        """The patients with no fill that the outcome chose, shape (n,): 280 of the published 299."""
        # No table lacks a creatinine, so the missing ones were fills.
        return ~np.isnan(self.column("serum_creatinine"))

    @property
    def models(self) -> list[str]:
        """The models that can be trained: those that take the follow-up time need it."""
        return [model for model, names in MODEL_VARIABLES.items() if self.horizon is not None or TIME not in names]

    def names(self, model: str) -> tuple[str, ...]:
        """The variables of a model that anyone in this cohort has."""
        return tuple(name for name in MODEL_VARIABLES[model] if not np.isnan(self.column(name)).all())

    def column(self, name: str) -> NDArray[np.float64]:
        """One variable's values, shape (n,)."""
        column: NDArray[np.float64] = self.values[:, _COLUMN[name]]
        return column

    def features(self, model: str) -> NDArray[np.float32]:
        """The variables `names`, shape (n, variables), in single precision as they are trained and served."""
        return self.values[:, [_COLUMN[name] for name in self.names(model)]].astype(np.float32)

    def sample(self, model: str) -> "Sample":
        """All patients, with a model's variables."""
        time = None if self.horizon is None else self.column(TIME)
        return Sample(self.features(model), self.outcome, time)
