"""The training table: fetched or given, parsed strictly, and held against the published data set.

The data set is UCI 519, "Heart failure clinical records" (doi 10.24432/C5Z89R, CC BY 4.0; Ahmad et al. 2017,
Chicco and Jurman 2020). Files in circulation differ in line ends, in how numbers are written and in one column's
name, and some have altered values; so the parsed table is compared, in a canonical form.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pooch

from heartapp.clinical.variables import BY_NAME, OUTCOME, VARIABLES
from heartapp.errors import DataError
from heartapp.training import published

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

COLUMNS: Final = (*(variable.name for variable in VARIABLES), OUTCOME)
SOURCE: Final = "https://archive.ics.uci.edu/static/public/519/data.csv"
"""UCI's address of the table. No digest of the file is asked for: its line ends vary. The parsed table is checked."""

Origin = Literal["the published data set", "part of the published data set", "another table"]

_OFFLINE: Final = (
    "could not be downloaded ({reason}). Without a network: get heart_failure_clinical_records.csv of UCI data set 519 "
    "(doi 10.24432/C5Z89R) some other way and name it, as in `heartapp train --data PATH`"
)
_NAMED: Final = 5
FEWEST: Final = 30
"""Patients of each outcome that a table must hold: every inner fold and every held-out side needs some."""


@dataclass(frozen=True, slots=True)
class Table:
    """A checked table: ``values`` of shape (n, 12) in the order of `VARIABLES`, ``outcome`` of shape (n,)."""

    values: NDArray[np.float64]
    outcome: NDArray[np.int64]
    digest: str
    origin: Origin

    def features(self, names: tuple[str, ...]) -> NDArray[np.float32]:
        """The named columns in single precision, as the members are trained and served on them."""
        order = [variable.name for variable in VARIABLES]
        return self.values[:, [order.index(name) for name in names]].astype(np.float32)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a table relates to the published one; of an altered copy, the rows and columns that differ.

    The columns are known only where the rest stand as they were published, row by row.
    """

    origin: Origin | Literal["an altered copy"]
    rows: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Rows and columns for a message: ``row 2, 7 and 3 more, column platelets``."""
        more = f" and {len(self.rows) - _NAMED} more" if len(self.rows) > _NAMED else ""
        columns = f", {'column' if len(self.columns) == 1 else 'columns'} {', '.join(self.columns)}"
        return f"row {', '.join(map(str, self.rows[:_NAMED]))}{more}{columns if self.columns else ''}"


def download(url: str = SOURCE) -> Path:
    """Fetch the published table into the cache of this user, or find it there.

    Raises:
        DataError: it could not be fetched; says what to do instead.
    """
    from pathlib import Path  # noqa: PLC0415 - a name for types elsewhere, needed at run time here alone

    try:
        # None: the file's bytes differ between mirrors; `read_table` checks what they say.
        return Path(
            pooch.retrieve(
                url,
                known_hash=None,
                fname=f"uci519-{zlib.crc32(url.encode()):08x}.csv",
                path=pooch.os_cache("heartapp"),
                progressbar=False,
            )
        )
    except (OSError, ValueError) as error:
        raise DataError(f"{url} " + _OFFLINE.format(reason=type(error).__name__)) from None


def read_downloaded(url: str = SOURCE) -> Table:
    """Fetch and parse the published table. What turns out to be something else does not stay in the cache.

    Raises:
        DataError: it could not be fetched, or is not the table.
    """
    path = download(url)
    try:
        return read_table(path)
    except DataError:
        path.unlink()
        raise


def read_table(path: Path, *, allow_altered: bool = False) -> Table:
    """Parse a table and hold it against the published one.

    Args:
        path: a CSV file with the columns of the data set, in any order; names may differ in case.
        allow_altered: accept a table that resembles the published one without being it.

    Raises:
        DataError: names file, row and column. Rows are counted as a spreadsheet shows them, the header being 1.
    """
    rows = {
        index: [_number(path, index, name, text) for name, text in zip(COLUMNS, cells, strict=True)]
        for index, cells in read_cells(path).items()
    }
    table = np.array([*rows.values()], np.float64).reshape(-1, len(COLUMNS))
    deaths = int(table[:, -1].sum())
    if min(deaths, len(table) - deaths) < FEWEST:
        raise DataError(
            f"{path}: column {OUTCOME} holds {deaths} deaths and {len(table) - deaths} survivors; at least {FEWEST} of "
            "each are needed to learn from and to test on"
        )
    origin = _origin(path, [*rows], table, allow_altered=allow_altered)
    return Table(table[:, :-1], table[:, -1].astype(np.int64), digest(table), origin)


def read_cells(path: Path) -> dict[int, list[str]]:
    """The text of each row's cells, in the order of `COLUMNS`, by the row's number.

    Empty rows are counted and left out; cells that a short row lacks are empty.

    Raises:
        DataError: the file cannot be read or has other columns; says which row.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        header, *rows = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; name a CSV file") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text; save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV file: {error}") from None
    positions = _positions(path, header)
    for index, row in enumerate(rows, start=2):
        if len(row) > len(header):
            raise DataError(f"{path}, row {index}: {len(row)} cells, the header has {len(header)}")
    return {
        index: [row[position] if position < len(row) else "" for position in positions]
        for index, row in enumerate(rows, start=2)
        if row
    }


def digest(table: NDArray[np.float64]) -> str:
    """SHA-256 of the canonical form: columns in the order of `COLUMNS`, shortest decimals, LF."""
    return "sha256:" + hashlib.sha256("\n".join(map(canonical, [*table])).encode()).hexdigest()


def canonical(row: NDArray[np.float64]) -> str:
    """One row, or one column, in canonical form."""
    return ",".join(repr(value).removesuffix(".0") for value in row.tolist())


def checksum(row: NDArray[np.float64]) -> int:
    """16 bits by which a published row is known again; too few to tell what it holds."""
    return zlib.crc32(canonical(row).encode()) & 0xFFFF


def _positions(path: Path, header: list[str]) -> list[int]:
    found = [name.strip().lower() for name in header]
    missing = [name for name in COLUMNS if name.lower() not in found]
    known = {name.lower() for name in COLUMNS}
    unknown = [name for name in header if name.strip().lower() not in known]
    double = sorted({name for name in found if found.count(name) > 1})
    problems = [
        f"{word} {', '.join(repr(name[:40]) for name in names[:20])}"
        for word, names in (("missing", missing), ("unknown", unknown), ("twice", double))
        if names
    ]
    if problems:
        raise DataError(f"{path}, row 1: columns {'; '.join(problems)}. Needed: {', '.join(COLUMNS)}")
    return [found.index(name.lower()) for name in COLUMNS]


def _number(path: Path, row: int, name: str, text: str) -> float:
    place = f"{path}, row {row}, column {name}"
    try:
        value = float(text)
    except ValueError:
        raise DataError(f"{place}: not a number (a point marks decimals)") from None
    variable = BY_NAME.get(name)
    if variable is None and value not in (0, 1):
        raise DataError(f"{place}: expected 0 (alive at the last contact) or 1 (died)")
    if variable is not None and not variable.allows(value):
        raise DataError(f"{place}: expected {variable.expected}")
    return value


def _origin(path: Path, numbers: list[int], table: NDArray[np.float64], *, allow_altered: bool) -> Origin:
    likeness = compare(numbers, table)
    if likeness.origin != "an altered copy":
        return likeness.origin
    if allow_altered:
        return "another table"
    raise DataError(
        f"{path}, {likeness.place}: differs from UCI data set 519, which this table otherwise resembles; use the "
        "published table, or add --allow-altered if the change is meant"
    )


def compare(numbers: list[int], table: NDArray[np.float64]) -> Likeness:
    """Tell the published table, a part of it, an altered copy and other people's data apart.

    Args:
        numbers: what each row is called.
        table: shape (n, 13), in the order of `COLUMNS`.
    """
    if digest(table) == published.DIGEST:
        return Likeness("the published data set")
    known = set(published.ROW_CHECKSUMS)
    strange = [number for number, row in zip(numbers, table, strict=True) if checksum(row) not in known]
    if not strange:
        return Likeness("part of the published data set")
    columns = _altered_columns(table)
    if columns is None and len(strange) >= len(table) / 2:
        return Likeness("another table")
    return Likeness("an altered copy", tuple(strange), tuple(columns or ()))


def _altered_columns(table: NDArray[np.float64]) -> list[str] | None:
    """The columns that differ, where the rest are the published ones in the published order; else None."""
    same = [
        hashlib.sha256(canonical(column).encode()).hexdigest()[:16] == stated
        for column, stated in zip(table.T, published.COLUMN_DIGESTS, strict=True)
    ]
    if sum(same) < len(same) / 2:
        return None
    return [name for name, alike in zip(COLUMNS, same, strict=True) if not alike]
