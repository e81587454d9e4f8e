"""The columns of a table, whatever it comes in: the model's variables, what scoring adds; and cells as numbers."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from heartapp.clinical.patient import printable
from heartapp.errors import ColumnsError, FieldError
from heartapp.inference.batch import NOT_A_NUMBER
from heartapp.inference.bundle import MEMBERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heartapp.inference.model import Model

DIGEST: Final = "model_digest"
ADDED_NAMES: Final = (
    "risk",
    "death_event",
    *(f"{member}_probability" for member in MEMBERS),
    *(f"{member}_vote" for member in MEMBERS),
    # A column, for a CSV file has no other place, and a row keeps it where tables are joined and cut.
    DIGEST,
)
"""What scoring puts behind the input's columns."""

# JSON's numbers, and what spreadsheets write beside them: a plus, no digit on one side of the point, zeros in front.
_NUMBER: Final = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def find_columns(
    names: Sequence[str], model: Model, place: str, *, added: Sequence[str] = ADDED_NAMES
) -> tuple[int | None, ...]:
    """The position of each of the model's variables among a table's columns, None where an optional one is not there.

    Case and spaces around a name do not count.

    Raises:
        ColumnsError: a required column is not there, one is there twice, or one has the name of what is ``added``.
    """
    folded = [name.strip().lower() for name in names]
    # First of all: without a header, the first patient's values would stand here, which no message may name.
    if absent := [name for name in model.required if name not in folded]:
        close = difflib.get_close_matches(absent[0], folded, n=1)
        hint = f"is {printable(close[0])!a} meant for {absent[0]}?" if close else f"needed: {', '.join(model.required)}"
        raise ColumnsError(place, absent, "missing", hint)
    if twice := sorted(printable(name) for name, count in Counter(folded).items() if count > 1):
        raise ColumnsError(place, twice, "there more than once", "give each a name of its own")
    # In this very case only: the published table has a column DEATH_EVENT.
    if taken := sorted({name.strip() for name in names} & set(added)):
        raise ColumnsError(place, taken, "there already, where scoring would add it", "rename or drop")
    return tuple(folded.index(name) if name in folded else None for name in model.names)


def read_cell(cell: bytes) -> float:
    """A cell's number, with a point for decimals; NaN where it is blank, infinite where it holds something else.

    A table is read by rule. What people write at the form (decimal commas, thousands apart) would have to be guessed.
    """
    text = cell.strip()
    if not text:
        return np.nan
    return float(text) if _NUMBER.fullmatch(text) else NOT_A_NUMBER


def ragged(cells: int, expected: int, row: int) -> FieldError:
    """The fault of a row that has too few or too many cells."""
    return FieldError("", f"has {cells} {'cell' if cells == 1 else 'cells'}, the header has {expected}", row)
