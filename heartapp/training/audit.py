"""`heartapp audit-data`: find what is wrong with a table before training on it.

Cells that training would refuse (empty, no number, beyond the limits) are findings here. Rows are counted as a
spreadsheet shows them: the header is row 1. A value is named only if several patients share it.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate

from heartapp.clinical.numbers import format_number
from heartapp.clinical.variables import BY_NAME, OUTCOME
from heartapp.training.data import COLUMNS, EXPECTED, allows, published_columns, read_cells
from heartapp.training.published import Comparison, compare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Level = Literal["fault", "caution", "note"]
Topic = Literal["origin", "cells", "missing", "duplicates", "fill by outcome", "fill", "order", "time", "censoring"]

FEWEST: Final = 5
"""Patients that must share a value before it counts as repeated, and patients of each outcome for cross-validation."""
SIGNIFICANT: Final = 0.05
HORIZONS: Final = (90, 180)
"""Days at which mortality and losses to follow-up are given."""
_LEVELS: Final = ("fault", "caution", "note")
_TIME: Final = "time"
_NUMBERS: Final = tuple(name for name, variable in BY_NAME.items() if variable.kind == "number")
_STANDS_OUT: Final = 5  # times as frequent as the two values next to it together
_BESIDE: Final = 0.75  # share of a fill's rows in which another column repeats one value
_RARE: Final = 0.25  # share of all rows in which that value may stand
_USUAL: Final = 0.9  # share of a column's distinct values that its usual decimals must cover
_UNLIKELY: Final = 3.0  # standard errors
_NAMED: Final = 8


class Finding(msgspec.Struct, frozen=True):
    """One thing to know about a table.

    ``level`` is "fault" if the table must not be used as it is, "caution" if its users must act, and "note" otherwise.
    """

    level: Level
    topic: Topic
    message: str
    column: str = ""
    rows: tuple[int, ...] = ()
    figures: dict[str, float] = {}


class Audit(msgspec.Struct, frozen=True):
    """What was found in one table, the worst first."""

    table: str
    patients: int
    deaths: int
    origin: str
    findings: list[Finding]

    @property
    def faulty(self) -> bool:
        """Whether a finding is a fault."""
        return any(finding.level == "fault" for finding in self.findings)

    def text(self) -> str:
        """All findings for people."""
        lines = [f"{self.table}: {self.patients} patients, {self.deaths} deaths: {self.origin}"]
        for finding in self.findings:
            lines.append(f"{finding.level:<8}{finding.topic}: {finding.message}")
            if finding.rows:
                lines.append(f"{'':<8}{_rows(finding.rows)}")
        return "\n".join(lines)

    def json(self) -> str:
        """All findings for programs."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1).decode()


def audit(path: Path) -> Audit:
    """Look for everything that is known to go wrong with such tables.

    Raises:
        DataError: the file cannot be read or has other columns.
    """
    cells = pd.DataFrame.from_dict(read_cells(path), orient="index", columns=list(COLUMNS))
    data = cells.map(_number).astype(np.float64)
    found = compare([*data.index], published_columns(data.to_numpy()))
    checks = (_origin(found), _cells(cells, data), _duplicates(data), _fills(data), _order(data), _time(data))
    findings = [finding for check in checks for finding in check]
    return Audit(
        table=path.name,
        patients=len(data),
        deaths=int((data[OUTCOME] == 1).sum()),
        origin=found.origin,
        findings=sorted(findings, key=lambda finding: _LEVELS.index(finding.level)),
    )


def _origin(found: Comparison) -> Iterator[Finding]:
    if found.origin == "an altered copy":
        message = f"{len(found.rows)} rows are not those of UCI data set 519, which the rest of the table matches"
        if found.columns:
            message += f"; the columns that differ: {', '.join(found.columns)}"
        yield Finding("fault", "origin", message, rows=found.rows)


def _cells(cells: pd.DataFrame, data: pd.DataFrame) -> Iterator[Finding]:
    """Cells that are empty, hold no number, or are beyond the limits."""
    for name in COLUMNS:
        empty = cells[name].str.strip() == ""
        wrong = ~empty & ~data[name].map(partial(allows, name)).astype(np.bool_)
        if wrong.any():
            message = f"{name}: {wrong.sum()} cells are not {EXPECTED[name]}"
            yield Finding("fault", "cells", message, name, _numbers(wrong))
        if empty.any():
            yield Finding("caution", "missing", f"{name}: {empty.sum()} cells are empty", name, _numbers(empty))


def _duplicates(data: pd.DataFrame) -> Iterator[Finding]:
    repeated = data.duplicated(keep=False)
    if repeated.any():
        message = f"{repeated.sum()} rows equal another row: a split may put one patient on both sides"
        yield Finding("caution", "duplicates", message, rows=_numbers(repeated))


def _fills(data: pd.DataFrame) -> Iterator[Finding]:
    """Values that look filled in: too frequent, too precise, too near a mean, and perhaps chosen by the outcome."""
    for name in _NUMBERS:
        counts = data[name].value_counts().sort_index()
        repeated = counts[counts >= FEWEST].index
        if name != _TIME:
            usual = _usual_decimals([*counts.index])
            for value in repeated:
                yield from _fill(data, name, value, usual, tested=len(repeated))


def _fill(data: pd.DataFrame, name: str, value: float, usual: int, *, tested: int) -> Iterator[Finding]:
    """Judge one repeated value of a column.

    Args:
        data: the table.
        name: the column.
        value: the repeated value.
        usual: the column's usual number of decimals.
        tested: how many repeated values the column has, for the correction of the probability.
    """
    column, where = data[name], data[name] == value
    outcomes = data[OUTCOME][where]
    precise, alone = _decimals(value) > usual, _stands_out(column, value)
    same = (outcomes == 0).all() or (outcomes == 1).all()
    share = (data[OUTCOME] == outcomes.iloc[0]).sum() / max(data[OUTCOME].isin((0, 1)).sum(), 1)
    probability = float(share ** len(outcomes)) if same else 1.0
    corrected = min(1.0, probability * tested)
    known = precise or _is_mean(value, column[data[OUTCOME] == outcomes.iloc[0]])
    if corrected < SIGNIFICANT or (probability < SIGNIFICANT and alone and known):
        message = (
            f"{name}: {format_number(value)} in {len(outcomes)} rows, all of whom "
            f"{'died' if outcomes.iloc[0] else 'survived'} (probability by chance: {probability:.2g})"
            f"{_beside(data, name, where)}: it leaks the outcome"
        )
        figures = {"value": value, "probability": probability, "corrected": corrected}
        yield Finding("fault", "fill by outcome", message, name, _numbers(where), figures)
    elif alone and (precise or _is_mean(value, column)):
        mean = ["is the column's mean"] * _is_mean(value, column)
        reasons = " and ".join([*mean, *["has more decimals than the others"] * precise])
        message = f"{name}: {format_number(value)} in {len(outcomes)} rows {reasons}: it may stand for missing values"
        figures = {"value": value, "deaths": float((outcomes == 1).sum())}
        yield Finding("caution", "fill", message, name, _numbers(where), figures)


def _beside(data: pd.DataFrame, name: str, where: pd.Series) -> str:
    """Values that most of these rows have in the other columns though they are rare elsewhere."""
    found = []
    for other in _NUMBERS:
        counts = data[other][where & (other != name)].value_counts()
        frequent = counts[(counts >= _BESIDE * where.sum())].index
        found += [
            f"{other} {format_number(value)} in {counts[value]}"
            for value in frequent
            if (data[other] == value).mean() < _RARE
        ]
    return f", with {', '.join(found)} of them" if found else ""


def _order(data: pd.DataFrame) -> Iterator[Finding]:
    """Columns by which the rows are sorted, and how well the row number alone predicts the outcome."""
    for name, column in data.items():
        if column.min() < column.max() and (column.is_monotonic_increasing or column.is_monotonic_decreasing):
            yield Finding("caution", "order", f"the rows are sorted by {name}: shuffle before any split", str(name))
    known = data[OUTCOME][data[OUTCOME].isin((0, 1))]
    if known.min() < known.max():
        area = float(roc_auc_score(known, known.index))
        area = max(area, 1 - area)
        if area - 0.5 > _UNLIKELY * _area_error(known):
            message = f"the row number alone predicts who died, with ROC {area:.2f}: shuffle before any split"
            yield Finding("caution", "order", message, figures={"roc_auc": area})


def _time(data: pd.DataFrame) -> Iterator[Finding]:
    """Follow-up time: as an input it leaks the outcome, as an outcome it is incomplete."""
    known = data[data[OUTCOME].isin((0, 1)) & data[_TIME].notna()]
    time, died = known[_TIME], known[OUTCOME] == 1
    if min(died.sum(), (~died).sum()) < FEWEST:
        return
    # The penalty is negligible for a coefficient of days, but keeps it finite where time separates the outcomes.
    scores = cross_validate(
        LogisticRegression(solver="newton-cholesky"),
        time.to_frame().to_numpy(),
        died.to_numpy(),
        scoring={"mcc": "matthews_corrcoef", "roc_auc": "roc_auc"},
        cv=RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=0),
    )
    figures = {name: float(scores[f"test_{name}"].mean()) for name in ("mcc", "roc_auc")}
    message = (
        f"time alone predicts the outcome with MCC {figures['mcc']:.2f} and ROC {figures['roc_auc']:.2f} "
        "(cross-validated); nobody knows it at the bedside"
    )
    leaks = figures["roc_auc"] > 0.5 + _UNLIKELY * _area_error(died)
    yield Finding("caution" if leaks else "note", "time", message, _TIME, figures=figures)
    curve = KaplanMeierFitter().fit(time, died)
    for day in HORIZONS:
        left, mortality = int((~died & (time < day)).sum()), float(1 - curve.predict(day))
        message = (
            f"by day {day}, {left} of {(~died).sum()} survivors had left; mortality by Kaplan-Meier is {mortality:.1%}"
        )
        yield Finding("note", "censoring", message, _TIME, figures={"left": left, "mortality": mortality})


def _area_error(died: pd.Series) -> float:
    """The standard error of the ROC area of a useless predictor (Mann and Whitney)."""
    deaths, survivors = int((died == 1).sum()), int((died == 0).sum())
    return math.sqrt((deaths + survivors + 1) / (12 * deaths * survivors))


def _is_mean(value: float, column: pd.Series) -> bool:
    """Whether the value is the column's mean, rounded or cut to the value's decimals."""
    return bool(abs(column.mean() - value) < 10 ** -_decimals(value))


def _stands_out(column: pd.Series, value: float) -> bool:
    """Whether the value is far more frequent than the values one step of its last decimal above and below."""
    near = ((column - value).abs() < 1.5 * 10 ** -_decimals(value)) & (column != value)
    return bool((column == value).sum() > _STANDS_OUT * near.sum())


def _usual_decimals(values: Sequence[float]) -> int:
    """How many decimals are enough for nearly all distinct values of a column."""
    decimals = sorted(map(_decimals, values))
    return decimals[int(_USUAL * (len(decimals) - 1))] if decimals else 0


def _decimals(value: float) -> int:
    return len(f"{value:.6f}".rstrip("0").partition(".")[2])


def _number(cell: str) -> float:
    """The number in a cell; NaN if there is none."""
    try:
        value = float(cell)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _numbers(where: pd.Series) -> tuple[int, ...]:
    """The numbers of the rows that are marked."""
    return tuple(where.index[where].tolist())


def _rows(rows: Sequence[int]) -> str:
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return f"{'row' if len(rows) == 1 else 'rows'} {', '.join(map(str, rows[:_NAMED]))}{more}"
