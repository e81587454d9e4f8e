"""Lines of CSV: one line is one row, so that a stray quote cannot merge two patients."""

import csv
from typing import Final

import numpy as np
from numpy.typing import NDArray

from heartapp.errors import DataError
from heartapp.tables import DELIMITERS

NOT_CSV: Final = (
    "cannot be split into cells: a quote is not closed on the same line or text follows it, or there is a carriage "
    "return; write a quote inside a cell twice, and no line ends"
)
"""The fault of a line that `split_line` refuses."""

_LF, _CR, _QUOTE = b'\n\r"'


def split_line(line: str, delimiter: str = ",") -> list[str]:
    """The cells of one line, without its line end.

    Raises:
        csv.Error: the line is not CSV.
    """
    cells = next(csv.reader([line], delimiter=delimiter, strict=True), [])
    if line and not cells:
        raise csv.Error  # the csv module takes a carriage return alone for an empty line
    return cells


def split_header(line: str, delimiter: str, place: str, remedy: str) -> list[str]:
    """The columns' names.

    Args:
        line: the first line.
        delimiter: separates the cells.
        place: the table's name, for messages.
        remedy: what to do about another delimiter; ``{}`` is its name.

    Raises:
        DataError: the line is empty, not CSV, or has another delimiter.
    """
    try:
        names = split_line(line, delimiter)
    except csv.Error:
        raise DataError(f"{place}: the header {NOT_CSV}; save the table with LF or CRLF line ends") from None
    if not "".join(names).strip():
        raise DataError(
            f"{place} is empty, or its first line is; it needs a header with the columns' names and a row for each "
            "patient"
        )
    likely = [name for name, mark in DELIMITERS.items() if mark in names[0]]
    if len(names) == 1 and likely:
        raise DataError(f"{place}: its header is a single column; {remedy.format(likely[0])}")
    return names


def find_bad_lines(block: bytes, delimiter: str) -> NDArray[np.intp]:
    """The numbers, from 0, of the lines of a block that are not CSV.

    Args:
        block: whole lines in an encoding that extends ASCII; the last one ends in a line feed.
        delimiter: separates the cells.
    """
    returns = block.count(b"\r") != block.count(b"\r\n")
    if b'"' not in block and not returns:
        return np.empty(0, np.intp)
    codes = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(codes == _LF)
    suspects = _odd_quotes(codes, ends, ord(delimiter))
    if returns:
        places = np.flatnonzero(codes == _CR)
        suspects = np.append(suspects, np.searchsorted(ends, places[codes[places + 1] != _LF]))
    starts = np.append(0, ends + 1)
    lines = np.unique(suspects)
    bad = [not _is_csv(block[starts[line] : ends[line]], delimiter) for line in lines]
    return lines[np.array(bad, np.bool_)]


def _odd_quotes(codes: NDArray[np.uint8], ends: NDArray[np.intp], delimiter: int) -> NDArray[np.intp]:
    """The lines with a quote that neither opens nor closes a cell and is not doubled."""
    quotes = np.flatnonzero(codes == _QUOTE)
    lines = np.searchsorted(ends, quotes)
    opens = (np.arange(len(quotes)) - np.searchsorted(lines, lines)) % 2 == 0
    # Before an opening quote and after a closing one; index -1 is the line feed that ends the block.
    neighbours = codes[quotes + np.where(opens, -1, 1)]
    last = np.append(np.diff(lines) > 0, [True])[: len(quotes)]
    odd: NDArray[np.bool_] = ~np.isin(neighbours, [_LF, _CR, _QUOTE, delimiter]) | (opens & last)
    return lines[odd]


def _is_csv(line: bytes, delimiter: str) -> bool:
    try:
        split_line(line.removesuffix(b"\r").decode("utf-8", "replace"), delimiter)
    except csv.Error:
        return False
    return True
