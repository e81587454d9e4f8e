"""The query parameters of a request, read strictly."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from flask import Request

from heartapp.inference.curve import FIRST_DAY, LAST_DAY
from heartapp.inference.model import RISK_ONLY, Options
from heartapp.web.body import read_parameters
from heartapp.web.problems import RequestError

LOWEST_THRESHOLD, HIGHEST_THRESHOLD = 0.01, 0.99
_NUMBER: Final = re.compile(r"\d*\.?\d+(?:[eE][+-]?\d+)?", re.ASCII)
_DAY: Final = "([3-9][0-9]|1[0-7][0-9]|180)"
HORIZON_PATTERN: Final = f"^{_DAY}(,{_DAY}){{0,{LAST_DAY - FIRST_DAY}}}$"
"""Whole days from `FIRST_DAY` to `LAST_DAY`, with commas between them, as the contract states it."""
MOST_DETAILED: Final = 100
"""Patients in one request that asks for survival, explanation or instability: each takes milliseconds."""


class Query(NamedTuple):
    """What the query of a prediction asks for: the model, whether faulty patients are skipped, and options."""

    model: str | None = None
    skip: bool = False
    options: Options = RISK_ONLY

    @property
    def detailed(self) -> bool:
        """Whether more than the risk is asked for."""
        options = self.options
        return bool(options.survival or options.horizons or options.explain or options.instability)

    def check_count(self, patients: int) -> None:
        """Refuse more patients than details are computed for at once.

        Raises:
            RequestError: there are too many.
        """
        if self.detailed and patients > MOST_DETAILED:
            raise RequestError(
                f"With survival, explain or instability, send at most {MOST_DETAILED} patients at a time.",
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )


def read_query(request: Request) -> Query:
    """Read the query of a prediction.

    Raises:
        RequestError: a parameter is unknown, there twice, or not what is allowed.
    """
    if not request.query_string:
        return Query()
    values: dict[str, Any] = {}
    for name, text in read_parameters(request, PARAMETERS).items():
        read, expected = _READERS[name]
        try:
            values[name] = read(text)
        except (KeyError, ValueError):
            raise RequestError(f"The query parameter {name} must be {expected}.") from None
    chosen = Query(values.pop("model", None), values.pop("on_error", False))
    return chosen._replace(options=Options(horizons=values.pop("horizon", ()), **values))


def _threshold(text: str) -> float:
    # Python's own reading would let spaces and underscores pass.
    value = float(text) if _NUMBER.fullmatch(text) else -1
    if not LOWEST_THRESHOLD <= value <= HIGHEST_THRESHOLD:
        raise ValueError
    return value


def _horizons(text: str) -> tuple[int, ...]:
    if not re.fullmatch(HORIZON_PATTERN, text):
        raise ValueError
    return tuple(map(int, text.split(",")))


_FLAG: Final = ({"true": True, "false": False}.__getitem__, "true or false")
_READERS: Final[dict[str, tuple[Callable[[str], Any], str]]] = {
    "model": (str, ""),
    "threshold": (_threshold, f"a number from {LOWEST_THRESHOLD} to {HIGHEST_THRESHOLD}"),
    "survival": _FLAG,
    "horizon": (_horizons, f"whole days from {FIRST_DAY} to {LAST_DAY}, such as 90 or 90,180"),
    "explain": _FLAG,
    "instability": _FLAG,
    "on_error": ({"refuse": False, "skip": True}.__getitem__, "refuse or skip"),
}
"""How each parameter is read, and what it must be."""
PARAMETERS: Final = (*_READERS,)
