"""Recognise the published table by digests of its values; the values are not stored.

The data set is UCI 519, "Heart failure clinical records" (doi 10.24432/C5Z89R, CC BY 4.0; Ahmad et al. 2017, Chicco
and Jurman 2020). Digests are taken of a canonical form of the numbers, so line ends, the order of columns and the way
a number is written do not matter. Columns that a table has beyond the published ones are not compared.
"""

import hashlib
import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from heartapp.clinical.variables import BY_NAME, OUTCOME

Origin = Literal["the published data set", "part of the published data set", "another table"]

_PUBLISHED: Final = json.loads(Path(__file__).with_suffix(".json").read_bytes())
DIGEST: Final[str] = "sha256:" + _PUBLISHED["sha256"]
"""SHA-256 of the whole table."""
COLUMN_DIGESTS: Final[dict[str, str]] = _PUBLISHED["columns"]
"""The published columns in their order, with the first 16 hexadecimal digits of each one's SHA-256."""
COLUMNS: Final = [[*BY_NAME, OUTCOME].index(name) for name in COLUMN_DIGESTS]
"""Their places among the variables and the outcome."""
ROW_CHECKSUMS: Final = frozenset(int(row, 16) for row in re.findall("....", "".join(_PUBLISHED["rows"])))
"""16 bits of each row: enough to recognise it in a table like this one, too few to tell what it holds."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a table relates to the published one.

    ``published`` of shape (n,) marks the rows that are from the published table, ``altered`` those of an altered copy
    that differ. ``columns`` are the columns that differ; they are known only if most columns are the published ones,
    row by row.
    """

    origin: Origin | Literal["an altered copy"]
    published: NDArray[np.bool_]
    altered: NDArray[np.bool_]
    columns: tuple[str, ...] = ()


def compare(table: NDArray[np.float64]) -> Comparison:
    """Compare a table of variables and outcome, shape (n, variables + 1), with the published one.

    NaN is a missing value, which is no difference.
    """
    table = table[:, COLUMNS]
    missing = np.isnan(table)
    complete = ~missing.any(axis=1)
    same = np.array([checksum(row) in ROW_CHECKSUMS for row in table], np.bool_) & complete
    changed = complete & ~same
    if digest(table) == DIGEST:
        return Comparison("the published data set", same, changed)
    columns = _changed_columns(table)
    whole = int((~missing.any(axis=0)).sum())
    if 2 * len(columns) > whole or not whole:
        columns = ()
        if 2 * changed.sum() >= complete.sum():
            return Comparison("another table", same, changed)
    published = same | ~complete
    if changed.any() or (columns and not complete.all()):
        return Comparison("an altered copy", published, changed, columns)
    return Comparison("part of the published data set", published, changed)


def digest(table: NDArray[np.float64]) -> str:
    """SHA-256 of a table's canonical form: a line for each row."""
    return "sha256:" + _sha256("\n".join(map(canonical, table)))


def checksum(row: NDArray[np.float64]) -> int:
    """16 bits of a row's canonical form."""
    return zlib.crc32(canonical(row).encode()) & 0xFFFF


def canonical(values: NDArray[np.float64]) -> str:
    """The shortest decimals of a row or a column, joined by commas."""
    return ",".join(repr(value).removesuffix(".0") for value in values.tolist())


def _changed_columns(table: NDArray[np.float64]) -> tuple[str, ...]:
    return tuple(
        name
        for column, (name, published) in zip(table.T, COLUMN_DIGESTS.items(), strict=True)
        if not np.isnan(column).any() and _sha256(canonical(column))[:16] != published
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
