"""The survival curve: the risk of death by a given day, from a Cox model that is stored as plain numbers.

The model (Cox 1972): cumulative hazard = exp(score) times the typical patient's, risk = 1 - exp(-cumulative hazard).
The score is a sum over a few terms, each a restricted cubic spline of one variable (Harrell, Regression Modeling
Strategies, 2nd ed., section 2.4.5), counted from the variable's typical value; so a missing value adds nothing.
The same numbers are stored for refits on bootstrap samples; the band is where 95 % of the refits lie.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta

from heartapp.clinical.variables import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

SURVIVAL: Final = "survival.json"
MAX_BYTES: Final = 400_000
FIRST_DAY: Final = 30
LAST_DAY: Final = 180
"""The first and last possible horizon. After the last, too few patients were still followed."""
DEFAULT_HORIZONS: Final = (90, 180)
GRID: Final = tuple(range(FIRST_DAY, LAST_DAY + 1, 5))
"""The days at which hazards are stored and the curve is drawn. They are fixed, so the file reveals no patient's day of
death. Between them the cumulative hazard rises linearly."""
LEAST_REFITS: Final = 100
_BAND: Final = (2.5, 97.5)
_ROWS_AT_ONCE: Final = 64

Amount = Annotated[float, Meta(ge=0)]


class Term(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A variable's part in the score.

    ``log`` means that the natural logarithm of the value is used. ``typical``, in the variable's unit, replaces a
    missing value. ``knots`` (three or more, ascending, on the scale in use) bend the line; without any it is straight.
    """

    variable: str
    log: bool
    typical: float
    knots: list[float]

    @property
    def columns(self) -> int:
        """How many coefficients the term has."""
        return max(len(self.knots) - 1, 1)


class Fit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The coefficients of all terms' columns, and the typical patient's cumulative hazard by each day."""

    coefficients: list[float]
    hazard: list[Amount]


class SurvivalParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``survival.json``. ``days`` ascend, and each fit has a hazard for each of them."""

    format: Literal[1]
    terms: Annotated[list[Term], Meta(min_length=1)]
    days: Annotated[list[int], Meta(min_length=2)]
    fit: Fit
    refits: Annotated[list[Fit], Meta(min_length=LEAST_REFITS)]


class SurvivalCurve(msgspec.Struct, frozen=True):
    """The risk of death by each day for one patient, and the range of the refits around it."""

    horizon_days: tuple[int, ...]
    risk: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class SurvivalModel:
    """Computes curves from rows with the variables ``names``, in this order."""

    def __init__(self, parameters: SurvivalParameters, names: Sequence[str]) -> None:
        self.terms = tuple(parameters.terms)
        self._columns = [names.index(term.variable) for term in self.terms]
        self._first, self._last = parameters.days[0], parameters.days[-1]
        self._fit = _Numbers([parameters.fit], parameters.days)
        self._refits = _Numbers(parameters.refits, parameters.days)

    def risk(self, rows: ArrayLike, horizons: Sequence[int] = DEFAULT_HORIZONS) -> NDArray[np.float64]:
        """The risk of death by each horizon, shape (n, horizons).

        Args:
            rows: shape (n, names), in the order and units of the names; NaN is a missing value.
            horizons: whole days.

        Raises:
            ValueError: a horizon is outside the days of the model.
        """
        days, places = self._days(horizons)
        return self._fit.risks(self._design(rows), days)[:, 0, places]

    def risk_and_band(
        self, rows: ArrayLike, horizons: Sequence[int] = DEFAULT_HORIZONS
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Risk, low and high, each as `risk` gives it; low and high are the refits' percentiles 2.5 and 97.5.

        Low is never above the risk and high never below it. All three never fall from one day to a later one.
        """
        days, places = self._days(horizons)
        design = self._design(rows)
        risk = self._fit.risks(design, days)[:, 0]
        low, high = np.empty_like(risk), np.empty_like(risk)
        # In parts, because the refits of all rows at once need too much memory.
        for start in range(0, len(design), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            low[part], high[part] = np.percentile(self._refits.risks(design[part], days), _BAND, axis=1)
        low = np.minimum(np.maximum.accumulate(low, axis=1), risk)
        high = np.maximum(np.maximum.accumulate(high, axis=1), risk)
        return risk[:, places], low[:, places], high[:, places]

    def curve(self, row: Sequence[float], horizons: Sequence[int] = DEFAULT_HORIZONS) -> SurvivalCurve:
        """One patient's curve at the horizons, in their order."""
        risk, low, high = (values[0].tolist() for values in self.risk_and_band([row], horizons))
        return SurvivalCurve(tuple(horizons), tuple(risk), tuple(low), tuple(high))

    def _design(self, rows: ArrayLike) -> NDArray[np.float64]:
        return design(self.terms, np.asarray(rows, np.float64)[:, self._columns])

    def _days(self, horizons: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The distinct horizons, ascending and counted from the first day, and each horizon's place in them."""
        if not all(self._first <= day <= self._last for day in horizons):
            raise ValueError(f"a horizon is a whole day from {self._first} to {self._last}")
        days, places = np.unique(np.asarray(horizons, np.int64), return_inverse=True)
        return days - self._first, places


class _Numbers:
    """Some fits as arrays: coefficients of shape (fits, columns), hazards by every day of shape (fits, days)."""

    def __init__(self, fits: Sequence[Fit], days: Sequence[int]) -> None:
        every_day = np.arange(days[0], days[-1] + 1)
        hazards = [np.interp(every_day, days, fit.hazard) for fit in fits]
        self._coefficients = np.array([fit.coefficients for fit in fits])
        self._hazards = np.array(hazards).reshape(len(fits), len(every_day))

    def risks(self, rows: NDArray[np.float64], days: NDArray[np.int64]) -> NDArray[np.float64]:
        """Shape (n, fits, days), from a design of shape (n, columns); ``days`` rise, counted from the first."""
        scores = rows @ self._coefficients.T
        # A score beyond 50 is a risk of 1 in any case. The limit keeps the exponential finite.
        hazards = np.exp(np.minimum(scores, 50))[:, :, None] * self._hazards[:, days]
        # By the formula risks rise with the day. Accumulating keeps rounding from breaking that.
        risks: NDArray[np.float64] = np.maximum.accumulate(-np.expm1(-hazards), axis=2)
        return risks


def design(terms: Sequence[Term], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The design matrix, shape (n, columns), from the values of the terms, shape (n, terms)."""
    blocks = []
    for term, column in zip(terms, values.T, strict=True):
        known = np.where(np.isnan(column), term.typical, column)
        blocks.append(_spline(term, known) - _spline(term, np.array([term.typical])))
    return np.hstack(blocks)


def _spline(term: Term, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The columns of the restricted cubic spline, shape (n, term.columns): the value, then the bends.

    Beyond the outer knots every column is a straight line.
    """
    scaled = np.log(values) if term.log else values
    if not term.knots:
        return scaled[:, None]
    *inner, before_last, last = term.knots
    width = (last - term.knots[0]) ** 2
    bends = []
    for knot in inner:
        share = (last - knot) / (last - before_last)
        bends.append(
            (_cube(scaled - knot) - share * _cube(scaled - before_last) + (share - 1) * _cube(scaled - last)) / width
        )
    return np.column_stack([scaled, *bends])


def _cube(values: NDArray[np.float64]) -> NDArray[np.float64]:
    cubes: NDArray[np.float64] = np.maximum(values, 0) ** 3
    return cubes


def write_survival(parameters: SurvivalParameters) -> bytes:
    """``survival.json``: the same parameters give the same bytes."""
    return msgspec.json.encode(parameters) + b"\n"


def read_survival(content: bytes, names: Sequence[str]) -> SurvivalParameters:
    """Parse ``survival.json``, and check that it is consistent and fits the variables ``names`` of its model.

    Raises:
        ValueError, RecursionError: it does not.
    """
    if len(content) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    parameters = msgspec.json.decode(content, type=SurvivalParameters)
    if problem := _problem(parameters, names):
        raise ValueError(problem)
    return parameters


def _problem(parameters: SurvivalParameters, names: Sequence[str]) -> str | None:
    for term in parameters.terms:
        if term.variable not in names:
            return f"{term.variable[:64]!a} is not a variable of the model"
        if not BY_NAME[term.variable].allows(term.typical) or len(term.knots) in (1, 2) or not _rise(term.knots):
            return f"the typical value or the knots of {term.variable} cannot be"
    if not _rise(parameters.days) or (parameters.days[0], parameters.days[-1]) != (FIRST_DAY, LAST_DAY):
        return f"the days must rise from {FIRST_DAY} to {LAST_DAY}"
    columns = sum(term.columns for term in parameters.terms)
    for fit in (parameters.fit, *parameters.refits):
        if len(fit.coefficients) != columns or len(fit.hazard) != len(parameters.days):
            return "a fit's numbers do not match the terms and days"
        if any(later < earlier for earlier, later in itertools.pairwise(fit.hazard)):
            return "a cumulative hazard falls"
    return None


def _rise(values: Sequence[float]) -> bool:
    return all(later > earlier for earlier, later in itertools.pairwise(values))
