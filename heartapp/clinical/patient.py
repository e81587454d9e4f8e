"""What makes a record a patient: every variable there, nothing else, each within its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heartapp.clinical.variables import BY_NAME
from heartapp.errors import FieldError, InvalidPatientError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from heartapp.clinical.variables import Variable

_NAME_LENGTH = 64


def validate_patients(
    records: Sequence[Mapping[str, object]], names: Sequence[str], *, many: bool
) -> list[list[float]]:
    """Check decoded JSON objects against the variables of a model.

    Args:
        records: one mapping a patient.
        names: the model's variables, in order.
        many: whether errors carry the row they are in.

    Returns:
        One list of values a patient, in the order of ``names``.

    Raises:
        InvalidPatientError: with every faulty field of every record.
    """
    variables = [BY_NAME[name] for name in names]
    rows: list[list[float]] = []
    errors: list[FieldError] = []
    for row, record in enumerate(records):
        faults = _faults(record, variables)
        errors += [FieldError(field, message, row if many else None) for field, message in faults]
        if not errors:
            rows.append([float(record[name]) for name in names])  # type: ignore[arg-type]  # _faults let numbers pass only
    if errors:
        raise InvalidPatientError(errors)
    return rows


def _faults(record: Mapping[str, object], variables: Sequence[Variable]) -> list[tuple[str, str]]:
    """Field and message for each fault of one record, in the order of the variables, unknown fields last."""
    faults = [(variable.name, message) for variable in variables if (message := _fault(variable, record)) is not None]
    known = {variable.name for variable in variables}
    faults += [(printable(name), _unknown(name)) for name in record if name not in known]
    return faults


def _fault(variable: Variable, record: Mapping[str, object]) -> str | None:
    if variable.name not in record:
        return f"is missing; expected {variable.expected}"
    value = record[variable.name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not variable.allows(value):
        return f"must be {variable.expected}"
    return None


def _unknown(name: str) -> str:
    if name in BY_NAME:
        return "is not a variable of this model; leave it out or choose the model that uses it"
    return "is not a variable; leave it out"


def printable(name: str) -> str:
    """A field's name that came from outside, short and safe to write into any encoding."""
    text = name if len(name) <= _NAME_LENGTH else name[:_NAME_LENGTH] + "…"
    return text.encode("utf-8", "replace").decode()
