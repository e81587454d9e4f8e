"""The columns of a file: which of them hold the model's variables, which ones scoring adds, and cells as numbers."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from heartapp.clinical.patient import printable
from heartapp.errors import DataError
from heartapp.inference.batch import NOT_A_NUMBER
from heartapp.inference.bundle import MEMBERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from heartapp.inference.batch import Scores
    from heartapp.inference.model import Model

DIGEST: Final = "model_digest"
ADDED: Final = pa.schema(
    [
        ("risk", pa.float64()),
        ("death_event", pa.int8()),
        *((f"{member}_probability", pa.float32()) for member in MEMBERS),
        *((f"{member}_vote", pa.int8()) for member in MEMBERS),
        # A column, for a CSV file has no other place, and a row keeps it where tables are joined and cut.
        (DIGEST, pa.string()),
    ]
)
"""What scoring puts behind the input's columns."""

# JSON's numbers, and what spreadsheets write beside them: a plus, no digit on one side of the point, zeros in front.
_NUMBER: Final = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_READABLE: Final = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_decimal,
    pa.types.is_null,
)
_TEXT: Final = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


def find_columns(names: Sequence[str], model: Model, place: str) -> tuple[int | None, ...]:
    """The position of each of the model's variables among a file's columns, None where an optional one is not there.

    Case and spaces around a name do not count.

    Raises:
        DataError: a column is there twice, a required one is not there, or one has the name of what scoring adds.
    """
    folded = [name.strip().lower() for name in names]
    if twice := sorted(name for name, count in Counter(folded).items() if count > 1):
        raise DataError(f"{place}: {_listed('column', twice)} there more than once; give each a name of its own")
    # In this very case only: the published table has a column DEATH_EVENT.
    if taken := sorted({name.strip() for name in names} & set(ADDED.names)):
        raise DataError(
            f"{place}: {_listed('column', taken)} there already, where scoring would add it; rename or drop"
        )
    if absent := [name for name in model.required if name not in folded]:
        close = difflib.get_close_matches(absent[0], folded, n=1)
        hint = f"is {printable(close[0])!a} meant for {absent[0]}?" if close else f"needed: {', '.join(model.required)}"
        raise DataError(f"{place}: {_listed('column', absent)} missing; {hint}")
    return tuple(folded.index(name) if name in folded else None for name in model.names)


def check_types(schema: pa.Schema, positions: Iterable[int | None], place: str) -> None:
    """Make sure that the variables' columns hold numbers, or text that may be numbers.

    Raises:
        DataError: names the column and its type.
    """
    for field in (schema.field(position) for position in positions if position is not None):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not any(is_kind(kind) for is_kind in (*_READABLE, *_TEXT)):
            raise DataError(f"{place}: column {printable(field.name)} is of type {field.type}; expected numbers")


def to_numbers(column: pa.Array) -> NDArray[np.float64]:
    """A column of any type that `check_types` lets pass, as numbers; missing is NaN, what is no number is infinite."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    # Arrow turns decimals into floats that are off in the last digit, and their text into the nearest ones.
    if any(is_text(column.type) for is_text in (*_TEXT, pa.types.is_decimal)):
        return text_to_numbers(column.cast(pa.large_string()))
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def text_to_numbers(column: pa.Array) -> NDArray[np.float64]:
    """Cells of text or of its bytes as `read_cell` reads them; all at once where they are numbers or empty."""
    try:
        text = column.cast(pa.large_string())
        return spelled_numbers(pc.if_else(pc.equal(text, ""), None, text).cast(pa.float64()))
    except pa.ArrowInvalid:
        cells = column.cast(pa.large_binary()).to_pylist()
        return np.array([np.nan if cell is None else read_cell(cell) for cell in cells], np.float64)


def spelled_numbers(column: pa.Array) -> NDArray[np.float64]:
    """Numbers that Arrow read from text: an empty cell, which is null, becomes NaN; the word ``nan`` is no number."""
    spelled = pc.is_nan(column)
    if pc.any(spelled).as_py():
        column = pc.if_else(spelled, pa.scalar(NOT_A_NUMBER), column)
    return np.asarray(column.to_numpy(zero_copy_only=False))


def read_cell(cell: bytes) -> float:
    """A cell's number, with a point for decimals; NaN where it is blank, infinite where it holds something else.

    A file is read by rule. What people write at the form (decimal commas, thousands apart) would have to be guessed.
    """
    text = cell.strip()
    if not text:
        return np.nan
    return float(text) if _NUMBER.fullmatch(text) else NOT_A_NUMBER


def added_columns(scores: Scores, digest: str) -> list[pa.Array]:
    """The columns of `ADDED`."""
    members = range(len(MEMBERS))
    return [
        pa.array(scores.risk),
        pa.array(scores.death_event),
        *(pa.array(np.ascontiguousarray(scores.probabilities[:, member])) for member in members),
        *(pa.array(np.ascontiguousarray(scores.votes[:, member])) for member in members),
        pa.repeat(pa.scalar(digest, pa.string()), len(scores.risk)),
    ]


def _listed(noun: str, names: Sequence[str]) -> str:
    """``column age is``, ``columns age, sex are``."""
    listed = ", ".join(printable(name) for name in names)
    return f"{noun} {listed} is" if len(names) == 1 else f"{noun}s {listed} are"
