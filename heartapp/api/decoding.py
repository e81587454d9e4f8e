"""The short way from a body to rows: decoded and checked in one go, where nothing in it is wrong.

It takes only bodies of which it is certain. Whatever it does not take goes the long way, `reading` and
`heartapp.clinical.patient`, which decides and explains.
"""

from __future__ import annotations

from functools import lru_cache
from math import isnan, nan
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta
from msgspec.structs import astuple

from heartapp.clinical.patient import MISSING
from heartapp.clinical.variables import BY_NAME

if TYPE_CHECKING:
    from heartapp.clinical.variables import Variable


def decode_rows(
    content: bytes, names: tuple[str, ...], required: tuple[str, ...]
) -> tuple[list[tuple[float, ...]], bool] | None:
    """The rows of a JSON body, values in the order of ``names``, and whether they came as an array.

    None where anything in the body is wrong or doubtful.
    """
    try:
        body = _decoder(names, required).decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    many = isinstance(body, list)
    rows = [astuple(record) for record in (body if many else [body])]
    # A key that stands in one object twice goes unheard; but no key and no valid value holds a colon, so they can be
    # counted.
    if content.count(b":") != len(names) * len(rows) - sum(map(_absent, rows)):
        return None
    return [_with_missing(row) if None in row else row for row in rows], many


def _absent(row: tuple[Any, ...]) -> int:
    """How many keys were not there: each left NaN, which JSON cannot say."""
    # Most lack none, and a sum tells: it is NaN where any value is.
    if None not in row and not isnan(sum(row)):
        return 0
    return sum(value is not None and isnan(value) for value in row)


def _with_missing(row: tuple[Any, ...]) -> tuple[float, ...]:
    return tuple(MISSING if value is None else value for value in row)


@lru_cache(maxsize=8)
def _decoder(names: tuple[str, ...], required: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    fields: list[tuple[str, Any] | tuple[str, Any, float]] = []
    for name in names:
        number = _number(BY_NAME[name])
        fields.append((name, number) if name in required else (name, number | None, nan))
    patient = msgspec.defstruct("Patient", fields, forbid_unknown_fields=True, kw_only=True, gc=False)
    return msgspec.json.Decoder(patient | list[patient])  # type: ignore[valid-type]  # made at run time


def _number(variable: Variable) -> Any:
    """The type of a variable's values: a number within its hard limits, or one of its codes."""
    return Annotated[float, Meta(ge=variable.low, le=variable.high, multiple_of=1 if variable.choices else None)]
