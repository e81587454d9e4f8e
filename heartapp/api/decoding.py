"""The short way from a body to rows: decoded and checked in one go, where nothing in it is wrong.

It takes only bodies of which it is certain. Whatever it does not take goes the long way, `reading` and
`heartapp.clinical.patient`, which decides and explains.
"""

from __future__ import annotations

import math
from functools import lru_cache
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
) -> tuple[list[list[float]], bool] | None:
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
    # counted. A key that is absent left NaN, which JSON cannot say.
    absent = sum(value != value for row in rows for value in row)  # noqa: PLR0124 - NaN alone differs from itself
    if content.count(b":") != len(names) * len(rows) - absent:
        return None
    return [[MISSING if value is None else value for value in row] for row in rows], many


@lru_cache(maxsize=8)
def _decoder(names: tuple[str, ...], required: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    fields: list[tuple[str, Any] | tuple[str, Any, float]] = []
    for name in names:
        number = _number(BY_NAME[name])
        fields.append((name, number) if name in required else (name, number | None, math.nan))
    patient = msgspec.defstruct("Patient", fields, forbid_unknown_fields=True, kw_only=True, gc=False)
    return msgspec.json.Decoder(patient | list[patient])  # type: ignore[valid-type]  # made at run time


def _number(variable: Variable) -> Any:
    """The type of a variable's values: a number within its hard limits, or one of its codes."""
    return Annotated[float, Meta(ge=variable.low, le=variable.high, multiple_of=1 if variable.choices else None)]
