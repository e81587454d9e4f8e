"""Records of CSV text told apart without touching their bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LF, _CR, _QUOTE = b'\n\r"'


class StrayQuoteError(ValueError):
    """A quoted cell goes on behind the quote that closes it; ``before`` is how many whole records stand before."""

    def __init__(self, before: int) -> None:
        super().__init__(before)
        self.before = before


@dataclass(frozen=True, slots=True)
class Records:
    """Record i is ``text[starts[i]:stops[i]]``, without its line's end. Empty lines are no records."""

    text: bytes
    starts: NDArray[np.int32]
    stops: NDArray[np.int32]

    def __len__(self) -> int:
        """How many records there are."""
        return len(self.starts)

    def lines(self, chosen: NDArray[np.intp]) -> pa.Array:
        """The bytes of the chosen records, as an array of text whose encoding nobody checks."""
        # Records and the gaps between them take turns, so that one array over the very bytes holds them all.
        edges = np.append(np.column_stack([self.starts, self.stops]).ravel(), np.int32(len(self.text)))
        buffers = [None, pa.py_buffer(edges), pa.py_buffer(self.text)]
        everything = pa.Array.from_buffers(pa.string(), len(edges) - 1, buffers)
        return everything.take(pa.array(2 * chosen))


def split_records(text: bytes, delimiter: str) -> tuple[Records, bytes]:
    """The whole records of text that starts with one, and what follows the last of them.

    Raises:
        StrayQuoteError: a quote stands where it would make one cell, or one record, of two.
    """
    ends, closing = _find_ends(text, delimiter)
    closing = closing[: np.searchsorted(closing, len(text) - 1)]  # what stands behind the last byte is not known yet
    wrong = np.ones(256, np.bool_)
    wrong[[_LF, _CR, _QUOTE, ord(delimiter)]] = False
    stray = wrong[np.frombuffer(text, np.uint8)[closing + 1]]
    if stray.any():
        raise StrayQuoteError(len(split_records(text[: closing[stray][0]], delimiter)[0]))
    starts = np.concatenate([[0], ends + 1])
    starts, following = starts[:-1], int(starts[-1])
    returned = np.frombuffer(text, np.uint8)[ends - 1] == _CR
    stops = np.where(returned & (ends > starts), ends - 1, ends)
    full = stops > starts
    records = Records(text[:following], starts[full].astype(np.int32), stops[full].astype(np.int32))
    return records, text[following:]


def record_ends(text: bytes, delimiter: str) -> NDArray[np.intp]:
    """The positions of the line feeds that end a record, in text that starts with a whole one.

    A quote opens a cell at its start only, and within a quoted cell a doubled one stands for itself.
    """
    return _find_ends(text, delimiter)[0]


def _find_ends(text: bytes, delimiter: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The ends of records, and the positions of the quotes that close a cell or are the first of two."""
    codes = np.frombuffer(text, np.uint8)
    feeds = np.flatnonzero(codes == _LF)
    if b'"' not in text:
        return feeds, np.empty(0, np.intp)
    quotes = np.flatnonzero(codes == _QUOTE)
    opening = quotes[::2]
    before = codes[opening - 1]
    doubled = np.concatenate([[opening[0] == 0], np.diff(quotes)[1::2] == 1])
    if (doubled | (before == _LF) | (before == ord(delimiter))).all():
        return feeds[np.searchsorted(quotes, feeds) % 2 == 0], quotes[1::2]
    # Some cell holds a quote without being quoted, so that counting quotes would mislead.
    quoted = re.compile(rb"(?:\A|(?<=[\n" + re.escape(delimiter.encode()) + rb']))"(?:[^"]++|"")*+(?:"|\Z)')
    spans = np.array([(-1, -1), *(found.span() for found in quoted.finditer(text))])
    last = np.searchsorted(spans[:, 0], feeds) - 1
    return feeds[feeds >= spans[last, 1]], spans[1:, 1] - 1
