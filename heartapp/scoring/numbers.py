"""Columns of Arrow as numbers, by the rules of `heartapp.tables.cells`."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from heartapp.clinical.patient import printable
from heartapp.errors import ColumnsError
from heartapp.tables.cells import read_cells

_NUMBERS: Final = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null)
_PLAIN: Final = r"^-?\d{1,30}(?:\.\d{1,30})?$"
"""Text that Arrow certainly casts to the number that `read_cell` reads."""


def read_columns(batch: pa.RecordBatch, positions: Sequence[int | None], place: str) -> NDArray[np.float64]:
    """The values of a batch, shape (rows, variables); ``positions`` are from `find_columns`.

    Raises:
        ColumnsError: a column holds lists or the like; names it and its type.
    """
    values = np.full((batch.num_rows, len(positions)), np.nan, order="F")
    for index, position in enumerate(positions):
        if position is not None:
            try:
                values[:, index] = to_numbers(batch.column(position))
            except pa.ArrowNotImplementedError:
                column = batch.schema.field(position)
                raise ColumnsError(
                    place, [printable(column.name)], f"of type {column.type}", "expected numbers"
                ) from None
    return values


def to_numbers(column: pa.Array) -> NDArray[np.float64]:
    """A column of numbers, or of text, which is read as `read_cell` reads cells; other types go by their text."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if any(is_kind(column.type) for is_kind in _NUMBERS):
        return _to_numpy(column.cast(pa.float64(), safe=False))
    # This includes decimals: Arrow casts them to doubles that are off in the last digit, but their text to the nearest.
    return _text_to_numbers(column.cast(pa.string()).fill_null(""))


def _text_to_numbers(text: pa.Array) -> NDArray[np.float64]:
    with suppress(pa.ArrowInvalid):
        numbers = pc.if_else(pc.equal(text, ""), None, text).cast(pa.float64())
        # Arrow also reads "-nan" and the like, which are not missing values here.
        if not pc.any(pc.is_nan(numbers)).as_py():
            return _to_numpy(numbers)
    # Read only those cells one by one that are not plain numbers.
    plain = pc.match_substring_regex(text, _PLAIN)
    values = _to_numpy(pc.if_else(plain, text, None).cast(pa.float64())).copy()
    rest = np.flatnonzero(~plain.to_numpy(zero_copy_only=False))
    values[rest] = read_cells(text.take(pa.array(rest)).to_pylist())
    return values


def _to_numpy(column: pa.Array) -> NDArray[np.float64]:
    """Numbers as an array, null as NaN."""
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)
