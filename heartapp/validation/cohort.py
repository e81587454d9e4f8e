"""Read a cohort: a table whose columns may have other names, units and codes than the variables.

Every fault of the table as a whole is reported at once, see `heartapp.validation.refusals`. Rows that the
model cannot score are left out and counted with their reasons.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from heartapp.clinical.variables import BY_NAME, VARIABLES
from heartapp.errors import FieldError
from heartapp.inference.model import Model
from heartapp.tables.check import check_table, row_of
from heartapp.tables.csv_body import CsvRows, read_csv_file
from heartapp.tables.published import digest
from heartapp.validation.columns import find_positions
from heartapp.validation.faults import OPTIONS, CohortError, Fault
from heartapp.validation.mapping import Mapping
from heartapp.validation.raw import NAMES, RawCohort, read_cells
from heartapp.validation.refusals import ask, find_faults, too_few

_LONGEST: Final = 150 * 365.25


@dataclass(frozen=True, slots=True)
class Flow:
    """What became of a table's rows: how many were read, had no outcome, and were rejected, by reason."""

    read: int
    without_outcome: int
    rejected: dict[str, int]


@dataclass(frozen=True, slots=True)
class Cohort:
    """The n patients whom the model can score and whose outcome is known.

    ``values`` has shape (n, variables), in the order of `VARIABLES`, NaN for a missing value. ``outcome``, 1 = died,
    and ``time``, days to death or last contact (None without such a column), have shape (n,). ``horizon`` is the day
    by which the risk is judged, None without times. ``digest`` is that of the whole table, and ``columns`` are those
    that were read, by name. ``notes`` are warnings.
    """

    place: str
    values: NDArray[np.float64]
    outcome: NDArray[np.int64]
    time: NDArray[np.float64] | None
    horizon: int | None
    digest: str
    columns: dict[str, str]
    flow: Flow
    notes: tuple[str, ...]

    def features(self, model: Model) -> NDArray[np.float64]:
        """The model's variables, shape (n, variables of the model)."""
        return self.values[:, [NAMES.index(name) for name in model.names]]

    def column(self, name: str) -> NDArray[np.float64]:
        """One variable's values, shape (n,)."""
        column: NDArray[np.float64] = self.values[:, NAMES.index(name)]
        return column


def read_cohort(
    path: Path,
    model: Model,
    mapping: Mapping,
    *,
    delimiter: str = "comma",
    horizon: int | None = None,
    anyway: bool = False,
) -> Cohort:
    """Read a cohort for a model.

    Args:
        path: a CSV file with a row for each patient.
        model: whose variables are read.
        mapping: where they are; a column with a variable's own name needs no mention.
        delimiter: a name of `DELIMITERS`.
        horizon: the day by which the risk is judged, if there are times; the model's own where None.
        anyway: accept fewer events than an estimate needs.

    Raises:
        DataError: the file cannot be read; a `TableError` lists every other fault with its remedy.
    """
    return take_cohort(read_csv_file(path, delimiter), path, model, mapping, horizon=horizon, anyway=anyway)


def take_cohort(
    table: CsvRows, path: Path, model: Model, mapping: Mapping, *, horizon: int | None = None, anyway: bool = False
) -> Cohort:
    """The same of a table that was read; its path is only for messages."""
    positions, faults = find_positions(table.names, model, mapping)
    raw = read_cells(table, positions, mapping)
    day = horizon or model.bundle.manifest.horizon if mapping.time else None
    needed = _needed(model)
    faults += find_faults(raw, model, mapping, needed, day, anyway=anyway)
    if faults:
        raise CohortError(str(path), faults)
    good, flow = _select(raw, needed, model.required)
    time = None if raw.time is None else raw.time[good]
    if faults := too_few(raw.outcome[good], time, day, anyway=anyway):
        raise CohortError(str(path), [*faults, *_list_rejected(flow)])
    doubtful = _doubtful(raw, model, mapping)
    return Cohort(
        place=path.name,
        values=_usable(raw.values[good], doubtful),
        outcome=raw.outcome[good].astype(np.int64),
        time=time,
        horizon=day,
        digest=digest(raw.table),
        columns={name: table.names[place] for name, place in positions.items() if name not in doubtful},
        flow=flow,
        notes=(
            *_repeated(raw, good),
            *(f"left out, as the model does not need it: {one.describe(OPTIONS).message}" for one in doubtful.values()),
        ),
    )


def take_patients(
    table: CsvRows, place: str, model: Model, mapping: Mapping
) -> tuple[NDArray[np.float64], list[FieldError], NDArray[np.bool_]]:
    """Patients to score, without an outcome.

    Returns:
        the model's variables, shape (n, variables of the model); the faults of rows; which rows have none, shape (n,).

    Raises:
        TableError: lists every fault of the table as a whole.
    """
    positions, faults = find_positions(table.names, model, mapping, judged=False)
    raw = read_cells(table, positions, mapping)
    doubtful = _doubtful(raw, model, mapping)
    faults += [fault for name, fault in ask(raw, mapping).items() if name not in doubtful]
    if faults:
        raise CohortError(place, faults)
    needed = _needed(model)
    values = raw.values[:, [NAMES.index(name) for name in needed]]
    found, good = check_table(values, raw.broken, [BY_NAME[name] for name in needed], model.required)
    return _usable(raw.values, doubtful)[:, [NAMES.index(name) for name in model.names]], found, good


def _needed(model: Model) -> list[str]:
    """The variables that a row may not have wrong: those that the model uses or requires."""
    return [name for name in model.names if name in {*model.bundle.manifest.used, *model.required}]


def _doubtful(raw: RawCohort, model: Model, mapping: Mapping) -> dict[str, Fault]:
    """What would have to be asked about variables that the model does not need and nobody mapped."""
    known = {*_needed(model), *mapping.columns}
    return {name: fault for name, fault in ask(raw, mapping).items() if name not in known}


def _select(raw: RawCohort, needed: Sequence[str], required: Sequence[str]) -> tuple[NDArray[np.bool_], Flow]:
    """Which rows are used, shape (n,), and what became of the others."""
    values = raw.values[:, [NAMES.index(name) for name in needed]]
    faults, good = check_table(values, raw.broken, [BY_NAME[name] for name in needed], required)
    known = ~np.isnan(raw.outcome)
    known[[row_of(fault) for fault in raw.broken]] = True
    reasons = {row_of(fault): f"{fault.field} {fault.message}".lstrip() for fault in reversed(faults)}
    if raw.time is not None:
        late = ~((raw.time > 0) & (raw.time <= _LONGEST))
        reasons |= dict.fromkeys(np.flatnonzero(late & good).tolist(), "the time is missing or no number above 0")
        good &= ~late
    rejected = Counter(reason for row, reason in reasons.items() if known[row])
    return good & known, Flow(len(known), int((~known).sum()), dict(rejected.most_common()))


def _usable(values: NDArray[np.float64], doubtful: Collection[str]) -> NDArray[np.float64]:
    """The values, NaN where one is not allowed, or of a variable that is left out: the model uses none of these."""
    low = np.array([np.inf if variable.name in doubtful else variable.low for variable in VARIABLES])
    high = np.array([variable.high for variable in VARIABLES])
    return np.where((values >= low) & (values <= high), values, np.nan)


def _list_rejected(flow: Flow) -> list[Fault]:
    return [Fault(f"{count} rows were left out: {reason}") for reason, count in flow.rejected.items()]


def _repeated(raw: RawCohort, good: NDArray[np.bool_]) -> list[str]:
    """A warning about patients who may be the same one."""
    rows = raw.table if raw.time is None else np.column_stack([raw.table, raw.time])
    repeated = int(good.sum()) - len(np.unique(np.nan_to_num(rows[good], nan=-1), axis=0))
    if not repeated:
        return []
    return [f"{repeated} rows equal an earlier row in every column read; if they are the same patients, drop them"]
