"""Where a prediction should be read with care: what the training data hardly held, and known leaks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from heartapp.clinical.variables import Variable
    from heartapp.inference.applicability import Domain
    from heartapp.inference.bundle import Seen

Kind = Literal["known_afterwards", "outside_range", "edge_of_range", "unusual_combination"]

AFTERWARDS: Final = (
    "{label} is known only when the follow-up is over, and it gives the outcome away: this model reproduces published "
    "work and cannot be used ahead of time"
)
COMBINATION: Final = "The model has not seen patients with such a combination of {labels}"


class Caution(msgspec.Struct, frozen=True, gc=False):
    """One reason for care, its kind and the field it is about; a combination's field is its first."""

    field: str
    kind: Kind
    message: str


class Limits:
    """What a model has seen, ready to hold patients against."""

    def __init__(self, variables: Sequence[Variable], seen: Sequence[Seen], domain: Domain) -> None:
        """Sort out what there is to look at; ``variables`` and ``seen`` run in the model's order."""
        self._always = tuple(
            Caution(variable.name, "known_afterwards", AFTERWARDS.format(label=variable.label))
            for variable in variables
            if variable.known == "afterwards"
        )
        self._numbers = [
            (place, limits.p1, limits.p99, variable, limits)
            for place, (variable, limits) in enumerate(zip(variables, seen, strict=True))
            if variable.kind == "number"
        ]
        places = {variable.name: place for place, variable in enumerate(variables)}
        self._domain = domain
        self._combined = [places[field] for field in domain.fields]
        labels = ", ".join(variables[place].label.lower() for place in self._combined)
        self._unusual = Caution(domain.fields[0], "unusual_combination", COMBINATION.format(labels=labels))

    def cautions(self, row: Sequence[float]) -> tuple[Caution, ...]:
        """The cautions for one patient, values in the model's order."""
        found = [
            _soft_limit(variable, limits, row[place])
            for place, low, high, variable, limits in self._numbers
            if not (low <= row[place] <= high or math.isnan(row[place]))
        ]
        if not self._domain.covers([row[place] for place in self._combined]):
            found.append(self._unusual)
        return (*self._always, *found)

    def cautions_of_all(self, rows: Sequence[Sequence[float]]) -> Iterator[tuple[Caution, ...]]:
        """The cautions for each of many patients, the same as one by one, with a look at those alone who need it."""
        values = np.asarray(rows, np.float64)
        doubtful = ~self._domain.surely_covers(values[:, self._combined])
        for place, low, high, _, _ in self._numbers:
            doubtful |= (values[:, place] < low) | (values[:, place] > high)
        for row, look in zip(rows, doubtful.tolist(), strict=True):
            yield self.cautions(row) if look else self._always


def _soft_limit(variable: Variable, seen: Seen, value: float) -> Caution:
    if seen.minimum <= value <= seen.maximum:
        message = f"{variable.quantity(value)} is at the edge of what the model has seen"
        return Caution(variable.name, "edge_of_range", message)
    span = f"{variable.quantity(seen.minimum, unit=False)} to {variable.quantity(seen.maximum)}"
    message = f"{variable.quantity(value)} is outside what the model has seen ({span})"
    return Caution(variable.name, "outside_range", message)
