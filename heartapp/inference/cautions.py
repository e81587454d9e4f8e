"""Where a prediction should be read with care: values that the training data hardly held, and known leaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heartapp.clinical.variables import Variable
    from heartapp.inference.bundle import Seen

AFTERWARDS: Final = (
    "{label} is known only when the follow-up is over, and it gives the outcome away: this model reproduces published "
    "work and cannot be used ahead of time"
)


class Caution(msgspec.Struct, frozen=True):
    """One reason for care and the field it is about."""

    field: str
    message: str


def cautions(variables: Sequence[Variable], seen: Sequence[Seen], row: Sequence[float]) -> tuple[Caution, ...]:
    """The cautions for one patient; the three sequences run in the model's order of variables."""
    found = []
    for variable, limits, value in zip(variables, seen, row, strict=True):
        if variable.known == "afterwards":
            found.append(Caution(variable.name, AFTERWARDS.format(label=variable.label)))
        if variable.kind == "number" and (message := _soft_limit(variable, limits, value)) is not None:
            found.append(Caution(variable.name, message))
    return tuple(found)


def _soft_limit(variable: Variable, seen: Seen, value: float) -> str | None:
    if not seen.minimum <= value <= seen.maximum:
        span = f"{variable.quantity(seen.minimum, unit=False)} to {variable.quantity(seen.maximum)}"
        return f"{variable.quantity(value)} is outside what the model has seen ({span})"
    if not seen.p1 <= value <= seen.p99:
        return f"{variable.quantity(value)} is at the edge of what the model has seen"
    return None
