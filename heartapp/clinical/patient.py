"""What makes a record a patient: every variable that is needed there, nothing else, each within its limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from heartapp.clinical.variables import BY_NAME
from heartapp.errors import FieldError, InvalidPatientError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from heartapp.clinical.variables import Variable

_NAME_LENGTH: Final = 64

MOST_FAULTS: Final = 1_000
"""Faults that are told of in one refusal; who sends more has sent something else than patients."""

MISSING: Final = math.nan
"""What stands in a patient's place for a value that is not known."""


def validate_patients(
    records: Sequence[Mapping[str, object]], names: Sequence[str], required: Collection[str], *, many: bool
) -> list[list[float]]:
    """Check decoded JSON objects against the variables of a model.

    Args:
        records: one mapping a patient.
        names: the model's variables, in order.
        required: those that the model cannot do without; the others may be absent or null.
        many: whether errors carry the row they are in.

    Returns:
        One list of values a patient, in the order of ``names``, `MISSING` where one is not known.

    Raises:
        InvalidPatientError: see `refusal`.
    """
    variables = [BY_NAME[name] for name in names]
    rows: list[list[float]] = []
    errors: list[FieldError] = []
    for row, record in enumerate(records):
        faults = _faults(record, variables, required)
        errors += [FieldError(field, message, row if many else None) for field, message in faults]
        if len(errors) > MOST_FAULTS:
            break
        if not errors:
            rows.append([_value(record.get(name)) for name in names])
    if errors:
        raise refusal(errors)
    return rows


def refusal(faults: Sequence[FieldError]) -> InvalidPatientError:
    """The error that tells of every fault, or of the first `MOST_FAULTS` and that there are more."""
    return InvalidPatientError(faults[:MOST_FAULTS], more=len(faults) > MOST_FAULTS)


def _value(value: object) -> float:
    return MISSING if value is None else float(value)  # type: ignore[arg-type]  # _faults let nothing else than numbers pass


def _faults(
    record: Mapping[str, object], variables: Sequence[Variable], required: Collection[str]
) -> list[tuple[str, str]]:
    """Field and message for each fault of one record, in the order of the variables, unknown fields last."""
    faults = [
        (variable.name, message)
        for variable in variables
        if (message := _fault(variable, record, required=variable.name in required)) is not None
    ]
    known = {variable.name for variable in variables}
    faults += [(printable(name), _unknown(name)) for name in record if name not in known]
    return faults


def _fault(variable: Variable, record: Mapping[str, object], *, required: bool) -> str | None:
    value = record.get(variable.name)
    if value is None:
        return missing(variable) if required else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not variable.allows(value):
        return not_allowed(variable, required=required)
    return None


def missing(variable: Variable) -> str:
    """What is said of a value that is needed and not there."""
    return f"is missing; expected {variable.expected}"


def not_allowed(variable: Variable, *, required: bool) -> str:
    """What is said of a value that is no number, or outside the limits."""
    return f"must be {variable.expected}" + ("" if required else ", or null where it is not known")


def _unknown(name: str) -> str:
    if name in BY_NAME:
        return "is not a variable of this model; leave it out or choose the model that uses it"
    return "is not a variable; leave it out"


def printable(name: str) -> str:
    """A field's name that came from outside, short and safe to write into any encoding."""
    text = name if len(name) <= _NAME_LENGTH else name[:_NAME_LENGTH] + "…"
    return text.encode("utf-8", "replace").decode()
