"""Reasons to read a prediction with care: values that the training data hardly held, and a known leak.

Each number is compared with the training data's percentiles. The combination of the numbers that the members split on
is judged by the Mahalanobis distance from a robust centre of the training data (minimum covariance determinant;
Rousseeuw and Van Driessen 1999). Positive, skewed variables are taken as logarithms. The limit is the 99th percentile
of the training data's own distances.
"""

from __future__ import annotations

import math
from operator import mul
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heartapp.clinical.variables import Variable

Kind = Literal["known_afterwards", "outside_range", "edge_of_range", "unusual_combination"]

AFTERWARDS: Final = (
    "{label} is known only after the follow-up and leaks the outcome: this model reproduces published work and cannot "
    "be used to predict"
)
COMBINATION: Final = "The model has not seen patients with such a combination of {labels}"


class Caution(msgspec.Struct, frozen=True, gc=False):
    """One reason for care: its kind and the field it is about. A combination is listed under its first field."""

    field: str
    kind: Kind
    message: str


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the training data held of one variable: minimum, percentiles 1 and 99, maximum."""

    name: str
    minimum: float
    p1: float
    p99: float
    maximum: float


class Domain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Centre and spread of the training data in ``fields``; ``logarithmic`` says which are taken as logarithms."""

    fields: Annotated[list[str], Meta(min_length=1)]
    logarithmic: list[bool]
    centre: list[float]
    precision: list[list[float]]
    limit: Annotated[float, Meta(gt=0)]

    def __post_init__(self) -> None:
        """Refuse numbers that are not one for each field."""
        if {len(self.logarithmic), len(self.centre), len(self.precision), *map(len, self.precision)} != {
            len(self.fields)
        }:
            raise ValueError("logarithmic, centre and precision must fit the fields")

    def distance(self, values: Sequence[float]) -> float:
        """Mahalanobis distance of a patient's values of ``fields``; a missing one (NaN) is taken at the centre."""
        # Plain floats: arrays take ten times as long for so few numbers.
        difference = [
            0.0 if math.isnan(value) else (math.log(value) if logarithmic else value) - centre
            for value, logarithmic, centre in zip(values, self.logarithmic, self.centre, strict=True)
        ]
        square = sum(sum(map(mul, row, difference)) * one for row, one in zip(self.precision, difference, strict=True))
        return math.sqrt(max(square, 0.0))

    def covers(self, values: Sequence[float]) -> bool:
        """Whether the training data held such combinations."""
        return self.distance(values) <= self.limit


class Limits:
    """What the training data of a model held; gives the cautions for a patient."""

    def __init__(self, variables: Sequence[Variable], seen: Sequence[Seen], domain: Domain) -> None:
        """``variables`` and ``seen`` are in the model's order."""
        self._always = tuple(
            Caution(variable.name, "known_afterwards", AFTERWARDS.format(label=variable.label))
            for variable in variables
            if variable.known == "afterwards"
        )
        self._numbers = [
            (place, variable, limits)
            for place, (variable, limits) in enumerate(zip(variables, seen, strict=True))
            if variable.kind == "number"
        ]
        places = {variable.name: place for place, variable in enumerate(variables)}
        self._domain = domain
        self._combined = [places[field] for field in domain.fields]
        labels = ", ".join(variables[place].label.lower() for place in self._combined)
        self._unusual = Caution(domain.fields[0], "unusual_combination", COMBINATION.format(labels=labels))

    def cautions(self, row: Sequence[float]) -> tuple[Caution, ...]:
        """The cautions for one patient, values in the model's order; NaN is missing."""
        found = [
            _soft_limit(variable, seen, row[place])
            for place, variable, seen in self._numbers
            if not (seen.p1 <= row[place] <= seen.p99 or math.isnan(row[place]))
        ]
        if not self._domain.covers([row[place] for place in self._combined]):
            found.append(self._unusual)
        return (*self._always, *found)


def _soft_limit(variable: Variable, seen: Seen, value: float) -> Caution:
    if seen.minimum <= value <= seen.maximum:
        message = f"{variable.quantity(value)} is at the edge of what the model has seen"
        return Caution(variable.name, "edge_of_range", message)
    span = f"{variable.quantity(seen.minimum, unit=False)} to {variable.quantity(seen.maximum)}"
    message = f"{variable.quantity(value)} is outside what the model has seen ({span})"
    return Caution(variable.name, "outside_range", message)
