"""How the published table, its parts and altered copies are recognised."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from heartapp.errors import DataError
from heartapp.tables import published
from heartapp.tables.published import canonical, checksum, digest
from heartapp.training.audit import audit
from heartapp.training.cohort import Cohort
from heartapp.training.data import read_table

Cells = list[list[str]]


@pytest.fixture
def known(cells: Cells, table: Cohort, monkeypatch: pytest.MonkeyPatch) -> Cells:
    """The cohort's cells, recognised as if they were the published ones: those are not everywhere."""
    values = np.column_stack([table.values, table.outcome])[:, published.COLUMNS]
    digests = [hashlib.sha256(canonical(column).encode()).hexdigest()[:16] for column in values.T]
    monkeypatch.setattr(published, "DIGEST", digest(values))
    monkeypatch.setattr(published, "COLUMN_DIGESTS", dict(zip(published.COLUMN_DIGESTS, digests, strict=True)))
    monkeypatch.setattr(published, "ROW_CHECKSUMS", set(map(checksum, values)))
    return cells


def alter(cells: Cells, column: str, *rows: int) -> Cells:
    """Write another plausible value into one column of some rows, counted as a spreadsheet does."""
    for row in rows:
        cells[row - 1][cells[0].index(column)] = str(123456 + row)
    return cells


def blank(cells: Cells, column: str, rows: slice) -> Cells:
    """A copy without some values of a column."""
    copy = [row[:] for row in cells]
    for row in copy[1:][rows]:
        row[cells[0].index(column)] = ""
    return copy


def refusal(path: Path) -> str:
    with pytest.raises(DataError, match="differs from UCI data set 519") as caught:
        read_table(path)
    return str(caught.value).removeprefix(f"{path}: ").partition(": differs")[0]


@pytest.mark.data
def test_the_published_table_is_recognised(published_data: Path) -> None:
    table = read_table(published_data)
    assert (table.origin, table.digest) == ("the published data set", published.DIGEST)
    assert (len(table.outcome), table.outcome.sum(), table.published.sum()) == (299, 96, 299)
    rows = np.column_stack([table.values, table.outcome])[:, published.COLUMNS]
    assert {checksum(row) for row in rows} == published.ROW_CHECKSUMS


def test_any_changed_value_changes_the_digest_but_not_how_a_number_is_written(
    cells: Cells, table: Cohort, write: Callable[[Cells], Path]
) -> None:
    values = np.array([[1, 2.5], [3, 4]])
    assert len({digest(values), digest(values[::-1]), digest(values.T), digest(values + 1e-9)}) == 4
    rewritten = [cells[0], *([f"{float(cell):.4f}" for cell in row] for row in cells[1:])]
    assert read_table(write(rewritten)).digest == table.digest


def test_the_whole_table_is_distinguished_from_a_part(known: Cells, write: Callable[[Cells], Path]) -> None:
    header, *rows = known
    assert read_table(write(known)).origin == "the published data set"
    for part in (rows[::-1], rows[20:]):
        assert read_table(write([header, *part])).origin == "part of the published data set"


@pytest.mark.parametrize("rows", [slice(0, 40), slice(None)], ids=["cells", "column"])
def test_missing_values_are_no_alteration_and_their_rows_are_recognised(
    known: Cells, write: Callable[[Cells], Path], rows: slice
) -> None:
    table = read_table(write(blank(known, "platelets", rows)))
    assert table.origin == "part of the published data set"
    assert table.published.all()
    altered = alter(blank(known, "platelets", rows), "creatinine_phosphokinase", 7)
    assert refusal(write(altered)) == "column creatinine_phosphokinase"


def test_another_table_is_not_taken_for_the_published_one(
    cohort: Path, cells: Cells, write: Callable[[Cells], Path]
) -> None:
    for path in (cohort, write(blank(cells, "platelets", slice(None)))):
        table = read_table(path)
        assert table.origin == "another table"
        assert table.published.sum() < 5  # checksums may agree by chance


def test_rows_and_columns_of_an_altered_copy_are_named(known: Cells, write: Callable[[Cells], Path]) -> None:
    part = [row[:] for row in (known[0], *known[51:])]
    assert refusal(write(alter(part, "platelets", 7))) == "row 7"
    assert refusal(write(alter(known, "platelets", 7))) == "row 7, column platelets"
    alter(known, "creatinine_phosphokinase", 9)
    assert refusal(write(known)) == "rows 7, 9, column creatinine_phosphokinase, column platelets"
    assert read_table(write(known), allow_altered=True).origin == "another table"
    alter(known, "platelets", *range(2, len(known) + 1))
    assert refusal(write(known)).startswith(f"rows 2, 3, 4, 5, 6, 7, 8, 9 and {len(known) - 9} more, column")


def test_the_audit_names_altered_rows_and_columns(known: Cells, write: Callable[[Cells], Path]) -> None:
    whole, part = audit(write(alter(known, "platelets", 6))), audit(write(known[:100]))
    for result in (whole, part):
        (altered,) = [finding for finding in result.findings if finding.topic == "origin"]
        assert (altered.level, altered.rows) == ("fault", (6,))
        assert altered.message.endswith("the columns that differ: platelets") == (result is whole)
