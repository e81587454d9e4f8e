"""`heartapp audit-data`: find what is wrong with a table. A value is named only if several patients share it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from heartapp.clinical.numbers import format_number
from heartapp.clinical.variables import BY_NAME, OUTCOME
from heartapp.errors import TableError
from heartapp.statistics.censoring import kaplan_meier
from heartapp.training.cohort import TIME
from heartapp.training.data import COLUMNS, WITH_OUTCOME, RawTable, name_rows, read_raw

_NUMBERS: Final = tuple(name for name, variable in BY_NAME.items() if variable.kind == "number" and name != TIME)
_FEWEST: Final = 5  # patients that share a repeated value
_SIGNIFICANT: Final = 0.05
_UNLIKELY: Final = 3  # standard errors of the ROC area of a useless predictor (Mann and Whitney 1947)
_BESIDE: Final = 0.75  # share of a fill's rows in which another column repeats one value
_RARE: Final = 0.25  # share of all rows in which that value may stand
_STANDS_OUT: Final = 5  # times as frequent as the two values next to it together


class Finding(msgspec.Struct, frozen=True):
    """One thing to know about a table: a fault must be corrected, a caution calls for action."""

    level: Literal["fault", "caution", "note"]
    topic: str
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
            lines += [f"{'':<8}{name_rows(finding.rows)}"] if finding.rows else []
        return "\n".join(lines)


def audit(path: Path, delimiter: str = "comma") -> Audit:
    """Look for everything that is known to go wrong with such tables.

    Raises:
        DataError: the file cannot be read, or its columns do not fit.
    """
    raw = read_raw(path, delimiter)
    if raw.misnamed:
        raise TableError(raw.place, raw.misnamed)
    found = [finding for check in (_rows, _cells, _fills, _order, _time) for finding in check(raw)]
    found.sort(key=lambda finding: ("fault", "caution", "note").index(finding.level))
    return Audit(path.name, len(raw.values), int((raw.column(OUTCOME) == 1).sum()), raw.compare().origin, found)


def _rows(raw: RawTable) -> Iterator[Finding]:
    """Rows that were altered, are repeated, or have other cells than the header."""
    found = raw.compare()
    if found.origin == "an altered copy":
        rows = raw.rows(found.altered)
        message = f"{len(rows)} rows are not those of UCI data set 519, which the rest of the table matches"
        columns = f"; the columns that differ: {', '.join(found.columns)}" if found.columns else ""
        yield Finding("fault", "origin", message + columns, rows=rows)
    if broken := raw.faulty(""):
        yield Finding("fault", "cells", f"{len(broken)} rows have other cells than the header", rows=broken)
    if repeated := raw.repeated():
        message = f"{len(repeated)} rows equal another row: a split may put one patient on both sides"
        yield Finding("caution", "duplicates", message, rows=repeated)


def _cells(raw: RawTable) -> Iterator[Finding]:
    """Cells that are empty, hold no number, or are beyond the limits."""
    broken = {*raw.faulty("")}
    for variable, column in zip(WITH_OUTCOME, raw.values.T, strict=True):
        name, empty = variable.name, tuple(row for row in raw.rows(np.isnan(column)) if row not in broken)
        if wrong := tuple(sorted({*raw.faulty(name)} - {*empty})):
            yield Finding("fault", "cells", f"{name}: {len(wrong)} cells are not {variable.expected}", name, wrong)
        if empty:
            message = f"{name}: {len(empty)} cells are empty"
            yield Finding("note" if name in raw.absent else "caution", "missing", message, name, empty)


def _fills(raw: RawTable) -> Iterator[Finding]:
    """Values that look filled in: too frequent, too precise, too near a mean, and perhaps chosen by the outcome."""
    for name in _NUMBERS:
        column = raw.column(name)
        values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
        repeated = values[counts >= _FEWEST].tolist()
        usual = np.quantile([*map(_decimals, values.tolist())] or [0], 0.9, method="lower")  # of the distinct values
        for value in repeated:
            yield from _fill(raw, name, value, precise=bool(_decimals(value) > usual), tested=len(repeated))


def _fill(raw: RawTable, name: str, value: float, *, precise: bool, tested: int) -> Iterator[Finding]:
    """Judge a repeated value that is ``precise`` if it has more decimals than most, one of ``tested`` in its column."""
    column, outcome = raw.column(name), raw.column(OUTCOME)
    where = column == value
    first, rows, alone, mean = outcome[where][0], raw.rows(where), _stands_out(column, value), _is_mean(value, column)
    like = (outcome == first) & np.isin(outcome, (0, 1))
    chance = float(like.mean() ** len(rows)) if like[where].all() else 1.0
    text = f"{name}: {format_number(value)} in {len(rows)} rows"
    odd = chance < _SIGNIFICANT and alone and (precise or _is_mean(value, column[like]))
    if odd or chance * tested < _SIGNIFICANT:
        text += f", all of whom {'died' if first else 'survived'} (probability by chance: {chance:.2g})"
        text += f"{_beside(raw, name, where)}: it leaks the outcome"
        yield Finding("fault", "fill by outcome", text, name, rows, {"value": value, "probability": chance})
    elif alone and (precise or mean):
        why = " and ".join(["is the column's mean"] * mean + ["has more decimals than the others"] * precise)
        yield Finding("caution", "fill", f"{text} {why}: it may stand for missing values", name, rows, {"value": value})


def _beside(raw: RawTable, name: str, where: NDArray[np.bool_]) -> str:
    """Values that most of these rows have in the other columns though they are rare elsewhere."""
    found = []
    for other in _NUMBERS:
        column = raw.column(other)
        value = float(np.median(column[where]))  # most rows can share no other value
        count = (column[where] == value).sum()
        if other != name and count >= _BESIDE * where.sum() and (column == value).mean() < _RARE:
            found.append(f"{other} {format_number(value)} in {count}")
    return f", with {', '.join(found)} of them" if found else ""


def _order(raw: RawTable) -> Iterator[Finding]:
    """Columns by which the rows are sorted, and how well the row number alone predicts the outcome."""
    for name in COLUMNS:
        steps = np.diff(raw.column(name))
        if steps.any() and ((steps >= 0).all() or (steps <= 0).all()):
            yield Finding("caution", "order", f"the rows are sorted by {name}: shuffle before any split", name)
    area, leaks = _roc_area(raw.numbers.astype(np.float64), raw.column(OUTCOME))
    if leaks:
        message = f"the row number alone predicts who died, with ROC {area:.2f}: shuffle before any split"
        yield Finding("caution", "order", message, figures={"roc_auc": area})


def _time(raw: RawTable) -> Iterator[Finding]:
    """Follow-up time: as an input it leaks the outcome, as an outcome it is incomplete."""
    known = ~np.isnan(raw.column(TIME)) & np.isin(raw.column(OUTCOME), (0, 1))
    time, died = raw.column(TIME)[known], raw.column(OUTCOME)[known].astype(np.int64)
    alive = died == 0
    if not (died.any() and alive.any()):
        return
    area, leaks = _roc_area(time, died)
    message = f"time alone predicts the outcome with ROC {area:.2f}; nobody knows it at the bedside"
    yield Finding("caution" if leaks else "note", "time", message, TIME, figures={"roc_auc": area})
    for day in (90, 180):
        left, rate = int((alive & (time < day)).sum()), float(1 - kaplan_meier(time, died, day))
        message = f"by day {day}, {left} of {alive.sum()} survivors had left; mortality by Kaplan-Meier is {rate:.1%}"
        yield Finding("note", "censoring", message, TIME, figures={"left": left, "mortality": rate})


def _roc_area(values: NDArray[np.float64], died: NDArray[np.float64 | np.int64]) -> tuple[float, bool]:
    """The ROC area of a predictor in the better direction, and whether that is more than chance explains."""
    known = np.isin(died, (0, 1))
    if not (pairs := (died == 1).sum() * (died == 0).sum()):
        return 0.5, False
    area = float(roc_auc_score(died[known], values[known]))
    return max(area, 1 - area), bool(abs(area - 0.5) > _UNLIKELY * np.sqrt((known.sum() + 1) / (12 * pairs)))


def _is_mean(value: float, column: NDArray[np.float64]) -> bool:
    """Whether the value is the column's mean, rounded or cut to the value's decimals."""
    return bool(abs(np.nanmean(column) - value) < 10 ** -_decimals(value))


def _stands_out(column: NDArray[np.float64], value: float) -> bool:
    """Whether the value is far more frequent than the values one step of its last decimal above and below."""
    near = (np.abs(column - value) < 1.5 * 10 ** -_decimals(value)) & (column != value)
    return bool((column == value).sum() > _STANDS_OUT * near.sum())


def _decimals(value: float) -> int:
    return len(f"{value:.6f}".rstrip("0").partition(".")[2])
