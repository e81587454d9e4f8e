"""The pages of a Parquet file, measured before anything is unpacked.

A page's header says how much memory unpacking it takes, and readers believe it, whatever the file's footer says. Files
from strangers are therefore measured first. Headers are in Thrift's compact protocol; of it, this reads what they use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from heartapp.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIZE, _PACKED, _VALUES = 2, 3, 1
_KINDS: Final = {5: 2, 7: 2, 8: 4}
"""The field of a page's own header, and where its encoding stands there: data, dictionary, data of version 2."""
_DICTIONARY: Final = 7
_ENCODINGS: Final = frozenset({0, 2, 3, 5, 8, 9})
"""Plain, dictionaries, runs, deltas of numbers, split bytes. Deltas of texts take memory that no header tells."""
_INTEGERS: Final = frozenset({4, 5, 6})
_YES, _NO, _BINARY, _STRUCT = 1, 2, 8, 12
_DEEPEST: Final = 2


@dataclass(frozen=True, slots=True)
class Page:
    """``size`` is in bytes when unpacked; ``values`` are those of a data page, None for a dictionary."""

    size: int
    values: int | None


def read_pages(content: bytes, start: int, stop: int, place: str) -> Iterator[Page]:
    """The pages of one column chunk, which lies at ``content[start:stop]``.

    Raises:
        DataError: it is damaged, or encoded in a way that cannot be measured.
    """
    while start < stop:
        try:
            header, start = _read_struct(content, start)
            kind = next(kind for kind in _KINDS if kind in header)
            size, packed, values = header[_SIZE], header[_PACKED], header[kind][_VALUES]
            encoding = header[kind][_KINDS[kind]]
            possible = min(size, packed, values) >= 0 and packed <= stop - start
        except (LookupError, StopIteration, TypeError, ValueError):
            possible = False
        if not possible or (kind == _DICTIONARY and values > size):
            raise DataError(f"{place} is damaged: it has a page that cannot be; write it anew")
        if encoding not in _ENCODINGS:
            raise DataError(f"{place} holds an encoding that is not read here; write it with dictionaries or plain")
        yield Page(size, None if kind == _DICTIONARY else values)
        start += packed


def _read_struct(content: bytes, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """The fields of a struct by number, and where it ends. Of texts, which are not needed, None is given."""
    if depth > _DEEPEST:
        raise ValueError
    fields: dict[int, Any] = {}
    number = 0
    while head := content[at]:
        kind, step, at = head & 15, head >> 4, at + 1
        if not step:
            number, at = _read_integer(content, at)
        number += step
        if kind in {_YES, _NO}:
            fields[number] = kind == _YES
        elif kind in _INTEGERS:
            fields[number], at = _read_integer(content, at)
        elif kind == _BINARY:
            length, at = _read_varint(content, at)
            fields[number], at = None, at + length
        elif kind == _STRUCT:
            fields[number], at = _read_struct(content, at, depth + 1)
        else:
            raise ValueError
    return fields, at + 1


def _read_integer(content: bytes, at: int) -> tuple[int, int]:
    number, at = _read_varint(content, at)
    return (number >> 1) ^ -(number & 1), at


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while shift < 64:  # noqa: PLR2004 - the most bits there are
        byte, at = content[at], at + 1
        number |= (byte & 127) << shift
        if byte < 128:  # noqa: PLR2004 - the last byte's mark
            return number, at
        shift += 7
    raise ValueError
