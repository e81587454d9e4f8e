"""`heartapp audit-data`: what is wrong with a table before anything is learned from it.

Any table of the data set's shape is audited, one that training would refuse among them: cells that are missing or no
number are findings too. Rows are numbered as a spreadsheet shows them, the header being 1. A value is named only
where several patients share it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import matthews_corrcoef, roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold

from heartapp.clinical.numbers import format_number
from heartapp.clinical.variables import BY_NAME, OUTCOME
from heartapp.training.data import COLUMNS, Likeness, canonical, compare, read_cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Level = Literal["fault", "caution", "note"]
Topic = Literal["origin", "cells", "missing", "duplicates", "fill by outcome", "fill", "order", "time", "censoring"]

FEWEST: Final = 5
"""Patients that must share a value before it counts as repeated, and of each outcome for cross-validation."""
SIGNIFICANT: Final = 0.05
HORIZONS: Final = (90, 180)
"""Days at which mortality and losses to follow-up are told."""
_STANDS_OUT: Final = 5  # times as frequent as its two neighbours together
_BESIDE: Final = 0.75  # share of the rows of a fill in which another column repeats one value
_USUAL: Final = 0.9  # share of a column's distinct values that its usual decimals have to cover
_UNLIKELY: Final = 3.0  # standard errors
_NAMED: Final = 8
_MANY: Final = 0.25
_TIME: Final = "time"


class Finding(msgspec.Struct, frozen=True):
    """One thing to know about a table.

    ``level`` is "fault" where the table must not be used as it is, "caution" where whoever uses it must act, and
    "note" for what only has to be told.
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
        """Whether a finding is a fault; the command's exit status is then 1."""
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


class _Data:
    """A table as the checks see it: ``cells`` of shape (n, 13) with NaN where a cell is empty or no number."""

    def __init__(self, rows: dict[int, list[str]]) -> None:
        self.numbers = np.array([*rows], np.int64)
        self.cells = np.array([[_number(cell) for cell in row] for row in rows.values()]).reshape(-1, len(COLUMNS))
        self.empty = np.array([[not cell.strip() for cell in row] for row in rows.values()], np.bool_).reshape(
            self.cells.shape
        )
        self.outcome = self.column(OUTCOME)
        self.died, self.survived = self.outcome == 1, self.outcome == 0

    def column(self, name: str) -> NDArray[np.float64]:
        """Shape (n,)."""
        return self.cells[:, COLUMNS.index(name)]

    def named(self, where: NDArray[np.bool_]) -> tuple[int, ...]:
        """The numbers of the rows, of shape (n,), that are meant."""
        return tuple(self.numbers[where].tolist())

    def share(self, *, died: bool) -> float:
        """The share of patients of known outcome who died, or who survived."""
        known = max(int(self.died.sum() + self.survived.sum()), 1)
        return float((self.died if died else self.survived).sum()) / known


def audit(path: Path) -> Audit:
    """Look for everything that is known to go wrong with such tables.

    Raises:
        DataError: the file cannot be read or has other columns.
    """
    rows = read_cells(path)
    data = _Data(rows)
    likeness = compare([*rows], data.cells)
    checks = (_origin(likeness), _cells(data), _duplicates(data), _fills(data), _order(data), _time(data))
    order = ("fault", "caution", "note")
    return Audit(
        table=path.name,
        patients=len(rows),
        deaths=int(data.died.sum()),
        origin=likeness.origin,
        findings=sorted((found for check in checks for found in check), key=lambda found: order.index(found.level)),
    )


def _origin(likeness: Likeness) -> Iterator[Finding]:
    if likeness.origin == "an altered copy":
        yield Finding(
            "fault",
            "origin",
            f"{len(likeness.rows)} rows are not those of UCI data set 519, which the table otherwise resembles"
            + (f"; the columns that differ: {', '.join(likeness.columns)}" if likeness.columns else ""),
            rows=likeness.rows,
        )


def _cells(data: _Data) -> Iterator[Finding]:
    """Cells that are missing, no number, or beyond what a living adult can have."""
    for index, name in enumerate(COLUMNS):
        empty = data.empty[:, index]
        variable = BY_NAME.get(name)
        allowed = [value in (0, 1) if variable is None else variable.allows(value) for value in data.cells[:, index]]
        wrong = ~empty & ~np.array(allowed, np.bool_)
        if wrong.any():
            expected = "0 (alive at the last contact) or 1 (died)" if variable is None else variable.expected
            message = f"{name}: {wrong.sum()} cells are not {expected}"
            yield Finding("fault", "cells", message, name, data.named(wrong))
        if empty.any():
            yield Finding("caution", "missing", f"{name}: {empty.sum()} cells are empty", name, data.named(empty))


def _duplicates(data: _Data) -> Iterator[Finding]:
    texts = [canonical(row) for row in data.cells]
    repeated = np.array([texts.count(text) > 1 for text in texts], np.bool_)
    if repeated.any():
        message = f"{repeated.sum()} rows are the same as another: a split may put one patient on both sides"
        yield Finding("caution", "duplicates", message, rows=data.named(repeated))


def _fills(data: _Data) -> Iterator[Finding]:
    """Values that look filled in: too often, too precise, too near a mean, and perhaps chosen by the outcome."""
    for name, variable in BY_NAME.items():
        if variable.kind == "number" and name != _TIME:
            column = data.column(name)
            values, counts = np.unique(column[np.isfinite(column)], return_counts=True)
            usual = _usual_decimals(values)
            for value in values[counts >= FEWEST].tolist():
                yield from _fill(data, name, value, usual, tested=int((counts >= FEWEST).sum()))


def _fill(data: _Data, name: str, value: float, usual: int, *, tested: int) -> Iterator[Finding]:
    column = data.column(name)
    where = column == value
    precise, alone = _decimals(value) > usual, _stands_out(column, value)
    purity = _purity(data, where, tested)
    group = data.died if data.died[where].all() else data.survived
    known_by = precise or _is_mean(value, column[group])
    if purity is not None and (purity["corrected"] < SIGNIFICANT or (alone and known_by)):
        fate = "died" if group is data.died else "survived"
        message = (
            f"{name}: {format_number(value)} in {where.sum()} rows, all of whom {fate} (by chance: probability "
            f"{purity['probability']:.2g}){_beside(data, name, where)}: it tells a model the outcome"
        )
        yield Finding("fault", "fill by outcome", message, name, data.named(where), {"value": value, **purity})
    elif alone and (precise or _is_mean(value, column)):
        why = " and ".join(
            reason
            for reason, holds in (
                ("is the column's mean", _is_mean(value, column)),
                ("has more decimals than the others", precise),
            )
            if holds
        )
        message = f"{name}: {format_number(value)} in {where.sum()} rows {why}: it may stand for missing values"
        figures = {"value": value, "deaths": float(data.died[where].sum())}
        yield Finding("caution", "fill", message, name, data.named(where), figures)


def _purity(data: _Data, where: NDArray[np.bool_], tested: int) -> dict[str, float] | None:
    """How probable it is that all these patients share an outcome, alone and corrected for the values tested.

    None where they do not share it, or where it is not even improbable for a value picked beforehand.
    """
    died = bool(data.died[where].all())
    if not died and not data.survived[where].all():
        return None
    probability = data.share(died=died) ** int(where.sum())
    if probability >= SIGNIFICANT:
        return None
    return {"probability": probability, "corrected": min(1.0, probability * tested)}


def _beside(data: _Data, name: str, where: NDArray[np.bool_]) -> str:
    """Which values mostly stand in the other columns of these rows though they are rare elsewhere."""
    found = []
    for other, variable in BY_NAME.items():
        column = data.column(other)
        values, counts = np.unique(column[where & np.isfinite(column)], return_counts=True)
        if variable.kind != "number" or other == name or not len(values):
            continue
        value, count = values[counts.argmax()], counts.max()
        if count >= _BESIDE * where.sum() and (column == value).mean() < _MANY:
            found.append(f"{other} {format_number(value)} in {count}")
    return f", with {', '.join(found)} of them" if found else ""


def _order(data: _Data) -> Iterator[Finding]:
    """Columns by which the rows are sorted, and how far the row number alone tells the outcome."""
    for name in COLUMNS:
        steps = np.diff(data.column(name))
        if steps.any() and ((steps >= 0).all() or (steps <= 0).all()):
            yield Finding("caution", "order", f"the rows are sorted by {name}: shuffle before any split", name)
    area = _area(data, np.arange(len(data.cells)))
    if area is not None and abs(area - 0.5) > _UNLIKELY * _area_error(data):
        message = f"the row number alone tells who died, with ROC {max(area, 1 - area):.2f}: shuffle before any split"
        yield Finding("caution", "order", message, figures={"roc_auc": max(area, 1 - area)})


def _time(data: _Data) -> Iterator[Finding]:
    """Follow-up time: the answer where it is used as an input, and incomplete where it is used as an outcome."""
    known = np.isfinite(data.column(_TIME)) & (data.died | data.survived)
    time, died = data.column(_TIME)[known], data.died[known]
    if min(died.sum(), (~died).sum()) < FEWEST:
        return
    figures = _time_alone(time, died)
    level: Level = "caution" if figures["roc_auc"] > 0.5 + _UNLIKELY * _area_error(data) else "note"
    message = (
        f"time alone predicts the outcome with MCC {figures['mcc']:.2f} and ROC {figures['roc_auc']:.2f} "
        "(cross-validated); nobody knows it at the bedside"
    )
    yield Finding(level, "time", message, _TIME, figures=figures)
    for day in HORIZONS:
        left = int((~died & (time < day)).sum())
        mortality = _mortality(time, died, day)
        message = (
            f"by day {day}, {left} of {(~died).sum()} survivors had left; mortality by Kaplan-Meier is {mortality:.1%}"
        )
        yield Finding("note", "censoring", message, _TIME, figures={"left": left, "mortality": mortality})


def _time_alone(time: NDArray[np.float64], died: NDArray[np.bool_]) -> dict[str, float]:
    """Five times 5-fold cross-validated logistic regression on follow-up time, at a threshold of 0.5."""
    scores = []
    for train, test in RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=0).split(time, died):
        # Of a coefficient for days the penalty is nothing, but it holds where time separates the outcomes.
        model = LogisticRegression(solver="newton-cholesky").fit(time[train, None], died[train])
        risk = model.predict_proba(time[test, None])[:, 1]
        scores.append((matthews_corrcoef(died[test], risk >= 0.5), roc_auc_score(died[test], risk)))  # noqa: PLR2004 - even odds
    mcc, area = np.mean(scores, axis=0)
    return {"mcc": float(mcc), "roc_auc": float(area)}


def _mortality(time: NDArray[np.float64], died: NDArray[np.bool_], day: int) -> float:
    """Share dead by a day, by Kaplan and Meier's product over the days of death."""
    days = np.unique(time[died & (time <= day)])
    return float(1 - np.prod([1 - (died & (time == one)).sum() / (time >= one).sum() for one in days]))


def _area(data: _Data, score: NDArray[np.int64]) -> float | None:
    known = data.died | data.survived
    if not data.died.any() or not data.survived.any():
        return None
    return float(roc_auc_score(data.died[known], score[known]))


def _area_error(data: _Data) -> float:
    """The standard error of an ROC area where there is nothing to tell (Mann and Whitney)."""
    died, survived = int(data.died.sum()), int(data.survived.sum())
    return float(np.sqrt((died + survived + 1) / (12 * died * survived)))


def _is_mean(value: float, column: NDArray[np.float64]) -> bool:
    """Whether the value is the mean, rounded or cut to the value's decimals."""
    return bool(abs(np.nanmean(column) - value) < 10 ** -_decimals(value)) if np.isfinite(column).any() else False


def _stands_out(column: NDArray[np.float64], value: float) -> bool:
    """Whether the value is far more frequent than the next ones above and below, in steps of its last decimal."""
    step = 10 ** -_decimals(value)
    near = (np.abs(column - value) < 1.5 * step) & (column != value)
    return bool((column == value).sum() > _STANDS_OUT * near.sum())


def _usual_decimals(values: NDArray[np.float64]) -> int:
    """With how many decimals a column is measured: enough for nearly all of its distinct values, shape (k,)."""
    decimals = sorted(_decimals(value) for value in values.tolist())
    return decimals[int(_USUAL * (len(decimals) - 1))] if decimals else 0


def _decimals(value: float) -> int:
    return len(f"{value:.6f}".rstrip("0").partition(".")[2])


def _number(cell: str) -> float:
    """The number in a cell; NaN where there is none, as for infinities, which nobody has."""
    try:
        value = float(cell)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _rows(rows: Sequence[int]) -> str:
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return f"{'row' if len(rows) == 1 else 'rows'} {', '.join(map(str, rows[:_NAMED]))}{more}"
