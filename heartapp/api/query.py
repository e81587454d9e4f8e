"""What is asked beside the risk, from the query of a request."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from heartapp.api.body import RequestError
from heartapp.inference.model import RISK_ONLY, Options
from heartapp.inference.survival import DEFAULT_HORIZONS, FIRST_DAY, LAST_DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

PARAMETERS: Final = ("model", "threshold", "survival", "horizon", "explain", "instability", "on_error")
ON_ERROR: Final = ("refuse", "skip")
"""What is done with an array that holds faulty patients; the first where nothing is said."""
_NUMBER: Final = re.compile(r"\d*\.?\d+(?:[eE][+-]?\d+)?", re.ASCII)
LOWEST_THRESHOLD, HIGHEST_THRESHOLD = 0.01, 0.99
MOST_DETAILED: Final = 100
"""Patients in one request that asks for survival, explanation or instability: each takes milliseconds."""


def read_options(query: Mapping[str, str], *, patients: int) -> Options:
    """Read the query's parameters beside ``model``.

    Raises:
        RequestError: a parameter is not what is allowed, or asks for too much at once.
    """
    if not query:
        return RISK_ONLY
    horizons = _horizons(query["horizon"]) if "horizon" in query else ()
    if _flag(query, "survival") and not horizons:
        horizons = DEFAULT_HORIZONS
    options = Options(
        threshold=_threshold(query["threshold"]) if "threshold" in query else None,
        horizons=horizons,
        explain=_flag(query, "explain"),
        instability=_flag(query, "instability"),
    )
    if (options.horizons or options.explain or options.instability) and patients > MOST_DETAILED:
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"With survival, explain or instability, send at most {MOST_DETAILED} patients at a time.",
        )
    return options


def read_skip(query: Mapping[str, str]) -> bool:
    """Whether faulty patients of an array are left out.

    Raises:
        RequestError: ``on_error`` is not what is allowed.
    """
    on_error = query.get("on_error", ON_ERROR[0])
    if on_error not in ON_ERROR:
        raise _wrong("on_error", " or ".join(ON_ERROR))
    return on_error == "skip"


def _threshold(text: str) -> float:
    # Python's own reading would let spaces and underscores pass.
    value = float(text) if _NUMBER.fullmatch(text) else -1
    if not LOWEST_THRESHOLD <= value <= HIGHEST_THRESHOLD:
        raise _wrong("threshold", f"a number from {LOWEST_THRESHOLD} to {HIGHEST_THRESHOLD}")
    return value


def _horizons(text: str) -> tuple[int, ...]:
    days = {str(day): day for day in range(FIRST_DAY, LAST_DAY + 1)}
    parts = text.split(",")
    if len(parts) > len(days) or not all(part in days for part in parts):
        raise _wrong("horizon", f"whole days from {FIRST_DAY} to {LAST_DAY}, such as 90 or 90,180")
    return tuple(days[part] for part in parts)


def _flag(query: Mapping[str, str], name: str) -> bool:
    value = query.get(name, "false")
    if value not in {"true", "false"}:
        raise _wrong(name, "true or false")
    return value == "true"


def _wrong(name: str, expected: str) -> RequestError:
    return RequestError(HTTPStatus.BAD_REQUEST, f"The query parameter {name} must be {expected}.")
