"""The pages of a Parquet file, measured before anything is unpacked.

A page's header says how much memory unpacking it takes, and readers believe it, whatever the file's footer says; so
files from strangers are measured first. pyarrow tells nothing of pages, and asking it for a column's place ends the
process where the footer is damaged. Both are in Thrift's compact protocol; of it, this reads what Parquet uses, and
refuses what Arrow might read in another way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from heartapp.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

FOOTER_BYTES: Final = 256 * 1024
"""The largest footer; one of a thousand columns is smaller."""

_YES, _NO, _BYTE, _INT, _LONG, _DOUBLE, _TEXT, _LIST, _STRUCT = 1, 2, 3, 5, 6, 7, 8, 9, 12
_INTEGERS: Final = frozenset({4, _INT, _LONG})
_SIZES: Final = {_BYTE: 1, _DOUBLE: 8}
_LISTS: Final[dict[tuple[int, ...], frozenset[int]]] = {
    **dict.fromkeys([(2,), (4,), (5,), (7,), (4, 1), (4, 4), (4, 1, 3, 8), (4, 1, 3, 13)], frozenset({_STRUCT})),
    **dict.fromkeys([(4, 1, 3, 2), (4, 1, 3, 16, 2), (4, 1, 3, 16, 3), (4, 1, 3, 17, 2)], _INTEGERS),
    (4, 1, 3, 3): frozenset({_TEXT}),
}
"""What each list of a footer holds, by the numbers of the fields that lead to it: Arrow reads it so unasked."""

_SIZE, _PACKED, _VALUES = (2, _INT), (3, _INT), (1, _INT)
_PAGES: Final = {(5, _STRUCT): (2, _INT), (7, _STRUCT): (2, _INT), (8, _STRUCT): (4, _INT)}
"""A page's own header, and where its encoding stands there: data, dictionary, data of version 2."""
_DICTIONARY: Final = (7, _STRUCT)
_ENCODINGS: Final = frozenset({0, 2, 3, 5, 8, 9})
"""Plain, dictionaries, runs, deltas of numbers, split bytes. Deltas of texts take memory that no header tells."""

Fields = dict[tuple[int, int], Any]
"""What a struct holds, by number and kind."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a column. ``size`` is in bytes when unpacked; ``values`` is None for a dictionary."""

    column: int
    size: int
    values: int | None


def read_pages(content: bytes, place: str) -> Iterator[Page]:
    """All pages of a Parquet file, by row group and column; those of row groups without rows are left out.

    Raises:
        DataError: the file is damaged, or encoded in a way that cannot be measured.
    """
    try:
        for chunks in _read_footer(content, place):
            for column, (start, stop) in enumerate(chunks):
                yield from _read_column(content, start, stop, column, place)
    except (AttributeError, LookupError, TypeError, ValueError):
        raise DataError(f"{place} is damaged: it has a page that cannot be; write it anew") from None


def _read_footer(content: bytes, place: str) -> list[list[tuple[int, int]]]:
    """Where each column's chunk of each row group starts and stops."""
    length = int.from_bytes(content[-8:-4], "little")
    if length > FOOTER_BYTES:
        raise DataError(f"{place} has too large a footer; write fewer columns and larger row groups")
    footer, _ = _read_struct(content, len(content) - 8 - length)
    return [
        [_place(chunk[3, _STRUCT]) for chunk in group[1, _LIST]] for group in footer[4, _LIST] if group[3, _LONG] != 0
    ]


def _place(chunk: Fields) -> tuple[int, int]:
    start, dictionary = chunk[9, _LONG], chunk.get((11, _LONG), 0)
    if 0 < dictionary < start:
        start = dictionary
    return start, start + chunk[7, _LONG]


def _read_column(content: bytes, start: int, stop: int, column: int, place: str) -> Iterator[Page]:
    if start < 0:
        raise ValueError
    while start < stop:
        header, start = _read_struct(content, start)
        (kind,) = header.keys() & _PAGES.keys()
        size, packed, values = header[_SIZE], header[_PACKED], header[kind][_VALUES]
        if min(size, packed, values) < 0 or packed > stop - start or (kind == _DICTIONARY and values > size):
            raise ValueError
        if header[kind][_PAGES[kind]] not in _ENCODINGS:
            raise DataError(f"{place} holds an encoding that is not read here; write it with dictionaries or plain")
        yield Page(column, size, None if kind == _DICTIONARY else values)
        start += packed


def _read_struct(content: bytes, at: int, path: tuple[int, ...] = ()) -> tuple[Fields, int]:
    """The fields of a struct, and where it ends."""
    fields: Fields = {}
    number = 0
    while head := content[at]:
        kind, step, at = head & 15, head >> 4, at + 1
        if step:
            number += step
        else:
            number, at = _read_integer(content, at)
        if not 0 <= number < 1 << 15 or (number, kind) in fields:
            raise ValueError
        fields[number, kind], at = _read_value(content, at, kind, (*path, number))
    return fields, at + 1


def _read_value(content: bytes, at: int, kind: int, path: tuple[int, ...]) -> tuple[Any, int]:
    """A field's value and where it ends. Texts and fractions, which are not needed, are None."""
    if kind in {_YES, _NO}:
        return kind == _YES, at
    if kind in _INTEGERS:
        return _read_integer(content, at)
    if kind in _SIZES:
        return None, at + _SIZES[kind]
    if kind == _TEXT:
        length, at = _read_varint(content, at)
        return None, at + length
    if kind == _STRUCT and len(path) < 10:  # noqa: PLR2004 - Parquet's own are less deep
        return _read_struct(content, at, path)
    if kind == _LIST:
        return _read_list(content, at, path)
    raise ValueError


def _read_list(content: bytes, at: int, path: tuple[int, ...]) -> tuple[list[Any], int]:
    count, kind, at = content[at] >> 4, content[at] & 15, at + 1
    if count == 15:  # noqa: PLR2004 - stands for a count that follows
        count, at = _read_varint(content, at)
    if kind not in _LISTS[path]:
        raise ValueError
    found = []
    for _ in range(count):
        one, at = _read_value(content, at, kind, path)
        found.append(one)
    return found, at


def _read_integer(content: bytes, at: int) -> tuple[int, int]:
    number, at = _read_varint(content, at)
    return (number >> 1) ^ -(number & 1), at


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while (byte := content[at]) >= 128:  # noqa: PLR2004 - more follow
        number, shift, at = number | (byte & 127) << shift, shift + 7, at + 1
        if shift > 63:  # noqa: PLR2004 - the most bits there are
            raise ValueError
    number |= byte << shift
    if number >> 64:
        raise ValueError
    return number, at + 1
