"""The check of one patient's record: every variable that the model needs, nothing else, each within its limits."""

import math
from collections.abc import Collection, Sequence
from typing import Any, Final

from heartapp.clinical.variables import BY_NAME, Variable
from heartapp.errors import FieldError

MISSING: Final = math.nan
"""The value of a variable that is not known."""
_NAME_LENGTH: Final = 64
_NUMBERS: Final = (float, int)


def check_patient(
    record: object, variables: Sequence[Variable], required: Collection[str], row: int | None = None
) -> tuple[list[float], list[FieldError]]:
    """The values of one decoded JSON object in the order of ``variables``, and every fault in it.

    A value that is not known is `MISSING`; where there are faults, the values are of no use.

    Args:
        record: the patient, from names to numbers.
        variables: the model's variables.
        required: the names of those that must be there; the others may be absent or None.
        row: the patient's number in an array, which each fault carries.
    """
    if not isinstance(record, dict):
        return [], [FieldError("", "must be a JSON object", row)]
    values: list[float] = []
    faults: list[FieldError] = []
    for variable in variables:
        value: Any = record.get(variable.name)
        # The type itself: True is an int to `isinstance`.
        if type(value) in _NUMBERS and variable.allows(value):
            values.append(value)
        elif value is not None:
            number = value if type(value) in _NUMBERS else MISSING
            message = not_allowed(variable, number, required=variable.name in required)
            faults.append(FieldError(variable.name, message, row))
        elif variable.name in required:
            faults.append(FieldError(variable.name, missing(variable), row))
        else:
            values.append(MISSING)
    known = {variable.name for variable in variables}
    faults += [FieldError(printable(name), _unknown(name), row) for name in record if name not in known]
    return values, faults


def missing(variable: Variable) -> str:
    """The message for a required value that is missing."""
    return f"is missing; expected {variable.expected}"


def not_allowed(variable: Variable, value: float, *, required: bool) -> str:
    """The message for a value outside the limits, with the unit that it is probably in, or for no number (NaN)."""
    message = f"must be {variable.expected}" + ("" if required else ", or null where it is not known")
    if not (doubt := variable.doubted(value)):
        return message
    factor = variable.units[doubt.unit]
    remedy = f"multiply by {factor:g}" if factor > 1 else f"divide by {1 / factor:g}"
    return f"{message}; if it is {doubt.phrase}, {remedy}"


def _unknown(name: str) -> str:
    if name in BY_NAME:
        return "is not a variable of this model; leave it out or choose the model that uses it"
    return "is not a variable; leave it out"


def printable(name: str) -> str:
    """A name from outside, shortened, and without characters that cannot be encoded."""
    text = name if len(name) <= _NAME_LENGTH else name[:_NAME_LENGTH] + "…"
    return text.encode("utf-8", "replace").decode()
