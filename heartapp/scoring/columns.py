"""The columns of a file as Arrow has them: the variables' as numbers, and those that scoring adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from heartapp.clinical.patient import printable
from heartapp.errors import ColumnsError
from heartapp.inference.bundle import MEMBERS
from heartapp.tables.cells import NOT_A_NUMBER, read_cell
from heartapp.tables.columns import ADDED_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from heartapp.inference.model import Scores

_TYPES: Final = (pa.float64(), pa.int8(), *(pa.float32() for _ in MEMBERS), *(pa.int8() for _ in MEMBERS), pa.string())
ADDED: Final = pa.schema(zip(ADDED_NAMES, _TYPES, strict=True))
"""What scoring puts behind the input's columns."""

_READABLE: Final = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_decimal,
    pa.types.is_null,
)
_TEXT: Final = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


def check_types(schema: pa.Schema, positions: Iterable[int | None], place: str) -> None:
    """Make sure that the variables' columns hold numbers, or text that may be numbers.

    Raises:
        ColumnsError: names the column and its type.
    """
    for field in (schema.field(position) for position in positions if position is not None):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not any(is_kind(kind) for is_kind in (*_READABLE, *_TEXT)):
            raise ColumnsError(place, [printable(field.name)], f"of type {field.type}", "expected numbers")


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
        return np.array(
            [np.nan if cell is None else read_cell(cell.decode("utf-8", "replace")) for cell in cells], np.float64
        )


def spelled_numbers(column: pa.Array) -> NDArray[np.float64]:
    """Numbers that Arrow read from text: an empty cell, which is null, becomes NaN; the word ``nan`` is no number."""
    spelled = pc.is_nan(column)
    if pc.any(spelled).as_py():
        column = pc.if_else(spelled, pa.scalar(NOT_A_NUMBER), column)
    return np.asarray(column.to_numpy(zero_copy_only=False))


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
