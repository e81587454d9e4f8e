"""How the published table, its parts and altered copies are recognised."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME
from heartapp.errors import DataError
from heartapp.training import published
from heartapp.training.data import COLUMNS, published_columns, read_table
from heartapp.training.published import canonical, checksum, compare, digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from heartapp.training.data import Table

    Cells = list[list[str]]


@pytest.fixture
def known(cells: Cells, table: Table, monkeypatch: pytest.MonkeyPatch) -> Cells:
    """The cohort's cells, recognised as if they were the published ones: those are not everywhere."""
    values = published_columns(np.column_stack([table.values, table.outcome]))
    digests = [hashlib.sha256(canonical(column).encode()).hexdigest()[:16] for column in values.T]
    monkeypatch.setattr(published, "DIGEST", digest(values))
    monkeypatch.setattr(published, "COLUMN_DIGESTS", dict(zip(published.COLUMN_DIGESTS, digests, strict=True)))
    monkeypatch.setattr(published, "ROW_CHECKSUMS", set(map(checksum, values)))
    return cells


def alter(cells: Cells, column: str, *rows: int) -> Cells:
    """Write another plausible value into one column of some rows, counted as a spreadsheet does."""
    for row in rows:
        cells[row - 1][cells[0].index(column)] = "123456"
    return cells


def refusal(path: Path) -> str:
    with pytest.raises(DataError, match="differs from UCI data set 519") as caught:
        read_table(path)
    return str(caught.value).removeprefix(str(path)).partition(": differs")[0]


@pytest.mark.data
def test_the_published_table_is_recognised(published_data: Path) -> None:
    table = read_table(published_data)
    assert (table.origin, table.digest) == ("the published data set", published.DIGEST)
    assert (len(table.outcome), table.outcome.sum()) == (299, 96)
    rows = np.column_stack([table.values, table.outcome])
    assert {checksum(row) for row in published_columns(rows)} == published.ROW_CHECKSUMS
    rows[5, COLUMNS.index("platelets")] += 1
    found = compare([*range(2, 301)], published_columns(rows))
    assert (found.origin, found.rows, found.columns) == ("an altered copy", (7,), ("platelets",))


def test_the_whole_table_is_distinguished_from_a_part(known: Cells, write: Callable[[Cells], Path]) -> None:
    header, *rows = known
    assert read_table(write(known)).origin == "the published data set"
    for part in (rows[::-1], rows[20:]):
        assert read_table(write([header, *part])).origin == "part of the published data set"


def test_another_table_is_not_taken_for_the_published_one(cohort: Path) -> None:
    assert read_table(cohort).origin == "another table"


def test_rows_and_columns_of_an_altered_copy_are_named(known: Cells, write: Callable[[Cells], Path]) -> None:
    part = [row[:] for row in (known[0], *known[51:])]
    assert refusal(write(alter(part, "platelets", 7))) == ", row 7"
    assert refusal(write(alter(known, "platelets", 7))) == ", row 7, column platelets"
    alter(known, "creatinine_phosphokinase", 9)
    assert refusal(write(known)) == ", row 7, 9, column creatinine_phosphokinase, platelets"


def test_a_column_altered_throughout_is_named_with_the_first_rows(known: Cells, write: Callable[[Cells], Path]) -> None:
    alter(known, "platelets", *range(2, len(known) + 1))
    assert refusal(write(known)) == f", row 2, 3, 4, 5, 6 and {len(known) - 6} more, column platelets"


def test_an_altered_table_is_accepted_if_the_user_says_so(known: Cells, write: Callable[[Cells], Path]) -> None:
    table = read_table(write(alter(known, "platelets", 7)), allow_altered=True)
    assert table.origin == "another table"
    assert table.digest != published.DIGEST


def test_how_a_number_is_written_does_not_change_the_digest(
    cells: Cells, table: Table, write: Callable[[Cells], Path]
) -> None:
    rewritten = [cells[0], *([f"{float(cell):.4f}" for cell in row] for row in cells[1:])]
    assert read_table(write(rewritten)).digest == table.digest


def test_any_changed_value_changes_the_digest() -> None:
    table = np.array([[1, 2.5], [3, 4]])
    assert len({digest(table), digest(table[::-1]), digest(table.T), digest(table + 1e-9)}) == 4


def test_the_published_columns_are_declared() -> None:
    assert set(published.COLUMN_DIGESTS) <= set(COLUMNS)
    assert list(published.COLUMN_DIGESTS)[:-1] == [name for name in BY_NAME if name in published.COLUMN_DIGESTS]
