"""What is wrong with a cohort as a whole, and what must be asked before it is read: nothing is corrected silently."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from heartapp.clinical.variables import BY_NAME, VARIABLES, Doubt, Variable
from heartapp.inference.model import Model
from heartapp.tables.cells import DECIMAL_COMMA, NOT_A_NUMBER
from heartapp.tables.guess import OUTCOME_KEY
from heartapp.tables.published import compare, digest
from heartapp.validation.faults import Fault
from heartapp.validation.mapping import Mapping
from heartapp.validation.raw import RawCohort

FEWEST_EVENTS: Final = 30
"""Deaths below which intervals are too wide to say anything."""
LEAST: Final = 5
"""Patients of each outcome without whom nothing can be estimated."""
GIVEN_AWAY: Final = 0.98
"""The area under the ROC curve, or one minus it, above which a single column all but states the outcome."""
_MOSTLY: Final = 0.5
_STRAY: Final = 0.05
_KNOWN_ROWS: Final = 0.05
"""Share of known rows above which a cohort holds the training table: by chance 1 in 200 looks known, by its 16 bits."""
_MONTHS: Final = 31.0
_LIFETIME: Final = 150 * 365.25


def find_faults(
    raw: RawCohort, model: Model, mapping: Mapping, used: Sequence[str], horizon: int | None, *, anyway: bool
) -> list[Fault]:
    """Every reason not to go on.

    Args:
        raw: the table.
        model: to validate.
        mapping: whose units were said by the user, so that they are not asked about.
        used: the variables that the model uses.
        horizon: the day by which the risk is judged.
        anyway: accept few events.
    """
    asked = {*used, *mapping.columns}
    time = None if raw.time is None else known(raw.time)
    outcome = np.where(np.isin(raw.outcome, (0, 1)), raw.outcome, np.nan)
    return [
        *(fault for name, fault in ask(raw, mapping).items() if name in asked),
        *_ask_time(time, mapping),
        *_check_horizon(model, mapping, horizon),
        *_check_outcome(raw.outcome),
        *too_few(outcome, time, horizon, anyway=anyway),
        *_leaking(raw, outcome, used),
        *_seen_before(raw, model),
    ]


def known(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values, NaN where a cell holds no number."""
    return np.where(np.isin(column, (NOT_A_NUMBER, DECIMAL_COMMA)), np.nan, column)


def ask(raw: RawCohort, mapping: Mapping) -> dict[str, Fault]:
    """What must be asked about a variable's numbers, unit or codes before its values can be used, by variable."""
    found = {one.name: _ask(raw.column(one.name), one, mapping) for one in VARIABLES}
    return {name: fault for name, fault in found.items() if fault}


def _ask(column: NDArray[np.float64], variable: Variable, mapping: Mapping) -> Fault | None:
    commas = int((column == DECIMAL_COMMA).sum())
    if commas > _STRAY * len(column):
        return Fault(f"{variable.name}: {commas} cells have a decimal comma", "write decimals with a point")
    if variable.choices:
        return _ask_codes(column, variable)
    return _ask_unit(column, variable, mapping, variable.doubt) if variable.doubt else None


def _ask_unit(column: NDArray[np.float64], variable: Variable, mapping: Mapping, doubt: Doubt) -> Fault | None:
    low, high, unit, phrase = doubt
    values = known(column)
    values = values[~np.isnan(values)]
    share = float(((values > low) & (values <= high)).mean()) if len(values) else 0
    if variable.name in mapping.units or share <= _MOSTLY:
        return None
    what = f"{variable.name}: {share:.0%} of its values are between {low:g} and {high:g}, so they may be {phrase}"
    return Fault(what, "unit", {"name": variable.name, "unit": unit, "own": variable.unit})


def _ask_codes(column: NDArray[np.float64], variable: Variable) -> Fault | None:
    wrong = ~np.isin(column, (0, 1)) & ~np.isnan(column)
    if wrong.sum() <= _STRAY * (~np.isnan(column)).sum():
        return None
    (_, zero), (_, one) = variable.choices
    values = {"name": variable.name, "one": one.lower(), "zero": zero.lower()}
    return Fault(f"{variable.name}: {wrong.sum()} cells are neither 0 nor 1", "codes", values)


def _ask_time(time: NDArray[np.float64] | None, mapping: Mapping) -> Iterator[Fault]:
    """Whether the times can be in the unit that was named, or in days where none was."""
    if time is None or np.isnan(time).all():
        return
    longest = float(np.nanmax(time)) / (BY_NAME["time"].factor(mapping.time_unit) or 1)
    unit = mapping.time_unit or "days"
    if not mapping.time_unit and longest <= _MONTHS:
        yield Fault(f"no time is longer than {_MONTHS:g}, as in years or months", "time unit", column=mapping.time)
    elif float(np.nanmax(time)) > _LIFETIME:
        yield Fault(f"some times in {unit} are longer than a lifetime", "other time unit", column=mapping.time)


def _check_horizon(model: Model, mapping: Mapping, horizon: int | None) -> Iterator[Fault]:
    last = model.bundle.manifest.horizon
    if mapping.time and last is None:
        yield Fault(f"the risk of {model.name} has no date to compare with times", "no time")
    elif horizon is not None and last is not None and horizon > last:
        yield Fault(f"the model's risk reaches to day {last}", "horizon", {"last": last})


def _check_outcome(outcome: NDArray[np.float64]) -> Iterator[Fault]:
    wrong = int((~np.isin(outcome, (0, 1)) & ~np.isnan(outcome)).sum())
    if wrong:
        values = {"name": OUTCOME_KEY, "one": "died", "zero": "alive"}
        yield Fault(f"{wrong} cells are neither 0 (alive) nor 1 (died)", "codes", values, OUTCOME_KEY)


def too_few(
    outcome: NDArray[np.float64], time: NDArray[np.float64] | None, horizon: int | None, *, anyway: bool
) -> list[Fault]:
    """Whether the patients are of one outcome, died too rarely, or were not followed for long enough.

    Args:
        outcome: shape (n,), NaN where it is not known.
        time: days, shape (n,).
        horizon: the day by which the risk is judged.
        anyway: accept few deaths.
    """
    if len(outcome) and np.isnan(outcome).all():
        return []  # there is no such column, which is another fault
    within = "" if horizon is None else f" by day {horizon}"
    died, alive = outcome == 1, outcome == 0
    if time is not None and horizon is not None:
        died, alive = died & (time <= horizon), time > horizon
    deaths, survivors = int(died.sum()), int(alive.sum())
    if min(deaths, survivors) < LEAST:
        remedy = "follow-up" if within else "check the outcome's codes"
        found = f"{deaths} patients died{within} and {survivors} are known to have survived, of {LEAST} needed of each"
        return [Fault(found, remedy, column=OUTCOME_KEY)]
    if deaths < FEWEST_EVENTS and not anyway:
        found = f"{deaths} deaths{within} are too few to judge a model: find {FEWEST_EVENTS}"
        return [Fault(found, "few", column=OUTCOME_KEY)]
    return []


def _leaking(raw: RawCohort, outcome: NDArray[np.float64], used: Sequence[str]) -> Iterator[Fault]:
    """Columns that separate the dead from the living all but perfectly: by their values, or by where they are empty."""
    for name in used:
        column = known(raw.column(name))
        areas = [_area(column, outcome), _area(np.isnan(column).astype(np.float64), outcome)]
        if max(max(area, 1 - area) for area in areas) > GIVEN_AWAY:
            what = f"{name} leaks the outcome: it all but separates the dead from the living"
            yield Fault(what, "name another column")


def _area(column: NDArray[np.float64], outcome: NDArray[np.float64]) -> float:
    """The area under the ROC curve of one column, 0.5 where it is undefined (Mann and Whitney 1947)."""
    alive = np.sort(column[(outcome == 0) & ~np.isnan(column)])
    dead = column[(outcome == 1) & ~np.isnan(column)]
    if not len(alive) or not len(dead):
        return 0.5
    below = np.searchsorted(alive, dead, "left") + np.searchsorted(alive, dead, "right")
    return float(below.mean() / 2 / len(alive))


def _seen_before(raw: RawCohort, model: Model) -> Iterator[Fault]:
    """Whether the model was trained on this table, by its digest, or on many of its rows."""
    manifest, remedy = model.bundle.manifest, "a model must be judged by patients whom it has not seen"
    tables = {manifest.training_data.digest, manifest.updated.table if manifest.updated else ""}
    if digest(raw.table) in tables:
        yield Fault("this is the table that the model was trained on, or updated on", remedy)
    elif model.bundle.report.cohort.source != "another table":
        found = compare(raw.table)
        if found.origin != "another table" or found.published.mean() > _KNOWN_ROWS:
            yield Fault("the model was trained on rows of this table", remedy)
