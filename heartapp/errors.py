"""The errors of the domain.

No error here knows HTTP: ``heartapp.web.problems`` holds the one table that maps them to statuses. No error
carries a patient's value, so every message may be logged and shown.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import msgspec


class Ending(IntEnum):
    """How the process behind the page ``/validate`` ended: its exit status."""

    GOOD = 0
    FAULTY = 65  # the table cannot be used; the output lists the faults as JSON, each as one sentence
    INCOMPLETE = 69  # a package of the extra ``validate`` is missing
    FAILED = 70  # by a mistake in the program
    BUSY = 75  # another such process is at work
    LATE = 124  # it was stopped, as it took too long


class HeartappError(Exception):
    """The base of every error that heartapp raises on purpose."""


class ConfigError(HeartappError):
    """A setting is unknown, ill-typed or missing; the message names it, its source and the remedy."""


class DataError(HeartappError):
    """A table cannot be used; the message names file, row and column."""


class BundleError(HeartappError):
    """A bundle on disk cannot be trusted; the message names the file and the remedy."""


class UnknownModelError(HeartappError):
    """No model of that name is served."""

    def __init__(self, name: str, served: Sequence[str]) -> None:
        super().__init__(f"No model is called {name[:64]!a}. Served here: {', '.join(served) or 'none'}.")


class ModelUnavailableError(HeartappError):
    """The model is configured, but its bundle did not pass the checks."""


class NotInBundleError(HeartappError):
    """An option needs a part that the model's bundle does not hold."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"The model {name} has no {what}; leave that out, or ask another model.")


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One faulty field of one patient.

    ``row`` counts patients from 0 and is None where only one was sent. ``message`` says what is allowed, with
    range and unit, and never repeats the value.
    """

    field: str
    message: str
    row: int | None = None


MOST_FAULTS: Final = 1_000
"""The most faults that one error lists."""


class InvalidPatientError(HeartappError):
    """At least one patient has faulty fields; ``errors`` lists all of them, or the first `MOST_FAULTS`."""

    def __init__(self, faults: Sequence[FieldError]) -> None:
        counted = f"{len(faults)} faulty {'field' if len(faults) == 1 else 'fields'}"
        more = len(faults) > MOST_FAULTS
        super().__init__(f"The first {MOST_FAULTS:,} faulty fields, there are more" if more else counted)
        self.errors = tuple(faults[:MOST_FAULTS])


class ColumnsError(DataError):
    """Columns of a table cannot be used; ``faults`` holds one for each, without a row.

    ``columns`` are safe to show, see `heartapp.clinical.patient.printable`.
    """

    def __init__(self, place: str, columns: Sequence[str], fault: str, remedy: str) -> None:
        listed = ", ".join(columns)
        subject = f"column {listed} is" if len(columns) == 1 else f"columns {listed} are"
        super().__init__(f"{place}: {subject} {fault}; {remedy}")
        self.faults = tuple(FieldError(name, f"is {fault}; {remedy}") for name in columns)


class TableError(DataError):
    """A table has faults; the message has a line for each kind of fault in a column, with the first rows that have it.

    Rows are counted as a spreadsheet shows them; a fault without a row is one of the whole table.
    """

    def __init__(self, place: str, faults: Sequence[FieldError]) -> None:
        kinds: dict[tuple[str, str], list[int]] = {}
        for fault in faults:
            rows = kinds.setdefault((fault.field, fault.message), [])
            rows += [] if fault.row is None else [fault.row]
        counted = [f"{len(faults):,} faults"] if len(faults) > 1 else []
        lines = [*counted, *(_describe(*kind, rows) for kind, rows in kinds.items())]
        super().__init__(f"{place}: " + "\n  ".join(lines))
        self.faults = tuple(faults)


_SHOWN: Final = 5
"""So many rows with the same fault are named."""


def _describe(column: str, message: str, rows: Sequence[int]) -> str:
    named = ", ".join(map(str, rows[:_SHOWN]))
    more = f" and {len(rows) - _SHOWN:,} more" if len(rows) > _SHOWN else ""
    place = [f"row{'s' * (len(rows) > 1)} {named}{more}"] if rows else []
    place += [f"column {column}"] if column else []
    return f"{', '.join(place)}: {message}".removeprefix(": ")
