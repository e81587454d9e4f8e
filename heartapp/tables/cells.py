"""Cells of a table as numbers."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

MISSING_WORDS: Final = ("", "NA", "NaN", "nan", "NULL", "null")
"""How R, pandas, numpy, SQL and JSON write a missing value."""
NOT_A_NUMBER: Final = float(np.inf)
"""Stands for a cell that is not a number. No variable allows it. NaN stands for a missing value."""
DECIMAL_COMMA: Final = float(np.finfo(np.float64).min)
"""Stands for a cell such as ``1,4``, which is not a number either: the comma may separate decimals or thousands."""

_SPACES: Final = " \t\r\n\v\f"
# JSON's numbers, and also a plus sign, leading zeros, and no digit on one side of the point.
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_COMMA: Final = re.compile(r"[+-]?\d+,\d+", re.ASCII)


def read_cell(cell: str) -> float:
    """The number in a cell, with a point for decimals; see the constants of this module for cells without one."""
    text = cell.strip(_SPACES)
    if text in MISSING_WORDS:
        return float(np.nan)
    if _NUMBER.fullmatch(text):
        return float(text)
    return DECIMAL_COMMA if _COMMA.fullmatch(text) else NOT_A_NUMBER


def read_code(cell: str, codes: Mapping[str, int]) -> float:
    """What a cell stands for by codes, or without any, its number; a cell with another code is no number."""
    text = cell.strip(_SPACES)
    if not codes or text in MISSING_WORDS:
        return read_cell(text)
    # A code such as 1 is also meant by 1.0.
    same = (value for code, value in codes.items() if text == code or read_cell(text) == read_cell(code) < NOT_A_NUMBER)
    return float(next(same, NOT_A_NUMBER))


def read_values(rows: Sequence[Sequence[str]], positions: Sequence[int | None]) -> NDArray[np.float64]:
    """Rows of cells as values of shape (rows, variables).

    Args:
        rows: the cells; each row has all of them.
        positions: the column of each variable, None for an absent one.
    """
    values = np.full((len(rows), len(positions)), np.nan)
    for index, position in enumerate(positions):
        if position is not None:
            values[:, index] = read_cells([row[position] for row in rows])
    return values


def read_cells(cells: Sequence[str]) -> list[float]:
    """The numbers in some cells, each different text read once."""
    known = {cell: read_cell(cell) for cell in set(cells)}
    return [known[cell] for cell in cells]


def spell(value: float) -> str:
    """A number in the fewest digits that give the same number back; empty for NaN."""
    return "" if value != value else repr(value).removesuffix(".0")  # noqa: PLR0124 - NaN alone differs from itself
