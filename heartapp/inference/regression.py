"""A plain regression of the same patients, whose risk is shown beside the trees'."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from heartapp.inference.calibration import Calibration


class Term(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one variable adds to the log odds, at some of its values, ascending; straight in between, flat beyond."""

    values: Annotated[list[float], Meta(min_length=1)]
    log_odds: Annotated[list[float], Meta(min_length=1)]


class Regression(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An additive logistic regression and the calibration of its risk, as that of the members' median."""

    intercept: float
    terms: dict[str, Term]
    slope: Annotated[float, Meta(gt=0)]
    shift: float

    def risk(self, patient: Mapping[str, float]) -> float:
        """The risk of a patient who has all of its variables."""
        log_odds = self.intercept + sum(
            float(np.interp(patient[name], term.values, term.log_odds)) for name, term in self.terms.items()
        )
        return float(Calibration(self.slope, self.shift).transform(1 / (1 + np.exp(-np.float64(log_odds)))))
