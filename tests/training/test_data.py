"""Reading a table: what is accepted, and where a fault is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME, OUTCOME, VARIABLES
from heartapp.errors import DataError
from heartapp.training import data
from heartapp.training.data import COLUMNS, FEWEST, Table, read_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cells = list[list[str]]


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_table(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


def same(one: Table, other: Table) -> bool:
    return (
        np.array_equal(one.values, other.values)
        and np.array_equal(one.outcome, other.outcome)
        and (one.digest, one.origin) == (other.digest, other.origin)
    )


def test_a_table_is_read_in_the_declared_order(table: Table, cells: Cells) -> None:
    assert table.values.shape == (len(cells) - 1, len(VARIABLES))
    for index, variable in enumerate(VARIABLES):
        position = cells[0].index(variable.name)
        assert table.values[:, index].tolist() == [float(row[position]) for row in cells[1:]]
    assert table.outcome.tolist() == [float(row[-1]) for row in cells[1:]]


def test_the_order_of_the_columns_and_the_case_of_their_names_do_not_matter(
    table: Table, cells: Cells, write: Callable[[Cells], Path]
) -> None:
    turned = [row[::-1] for row in cells]
    turned[0] = [f" {name.upper() if index % 2 else name.lower()} " for index, name in enumerate(turned[0])]
    assert same(read_table(write(turned)), table)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=ascii)
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(
    cohort: Path, table: Table, tmp_path: Path, start: bytes, end: bytes
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(start + cohort.read_bytes().replace(b"\n", end))
    assert same(read_table(path), table)


def test_empty_lines_are_left_out_and_counted(cells: Cells, write: Callable[[Cells], Path], table: Table) -> None:
    assert same(read_table(write([*cells[:5], [], *cells[5:], []])), table)
    cells[9][0] = "old"
    assert refusal(write([*cells[:5], [], *cells[5:]])).startswith(f", row 11, column {cells[0][0]}: ")


@pytest.mark.parametrize(
    ("header", "problems"),
    [
        (lambda names: names[1:], "missing 'age'"),
        (lambda names: ["years", *names[1:]], "missing 'age'; unknown 'years'"),
        (lambda names: [*names, "Age"], "twice 'age'"),
        (lambda names: [*names[:-1], "died"], "missing 'DEATH_EVENT'; unknown 'died'"),
        (lambda names: [*names, "x" * 50], f"unknown '{'x' * 40}'"),
        (lambda _: [], f"missing {', '.join(map(repr, COLUMNS))}"),
    ],
    ids=["missing", "renamed", "double", "outcome", "unknown", "all"],
)
def test_wrong_columns_are_all_named(
    cells: Cells, write: Callable[[Cells], Path], header: Callable[[list[str]], list[str]], problems: str
) -> None:
    message = refusal(write([header(cells[0]), *cells[1:]]))
    assert message == f", row 1: columns {problems}. Needed: {', '.join(COLUMNS)}"


def test_a_variable_that_the_published_table_lacks_is_missed_with_the_remedy(
    cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "COLUMNS", ("bnp", *COLUMNS))
    message = refusal(cohort)
    assert "missing 'bnp'" in message
    assert "has no column bnp: add it" in message


@pytest.mark.parametrize("cell", ["", "n/a", "1,9", "1.2.3", "sixty"])
def test_a_cell_that_is_not_a_number_is_named_by_row_and_column(
    cells: Cells, write: Callable[[Cells], Path], cell: str
) -> None:
    cells[4][cells[0].index("serum_creatinine")] = cell
    assert refusal(write(cells)).startswith(", row 5, column serum_creatinine: not a number")


@pytest.mark.parametrize("cell", ["nan", "inf", "-1", "1e300", "0.05"])
def test_a_value_out_of_range_is_named_by_row_and_column_with_the_range(
    cells: Cells, write: Callable[[Cells], Path], cell: str
) -> None:
    cells[4][cells[0].index("serum_creatinine")] = cell
    expected = BY_NAME["serum_creatinine"].expected
    assert refusal(write(cells)) == f", row 5, column serum_creatinine: expected {expected}"


@pytest.mark.parametrize("cell", ["2", "0.5", "nan"])
def test_an_outcome_that_is_neither_0_nor_1_is_named(cells: Cells, write: Callable[[Cells], Path], cell: str) -> None:
    cells[4][-1] = cell
    assert refusal(write(cells)) == f", row 5, column {OUTCOME}: expected 0 (alive at the last contact) or 1 (died)"


def test_a_row_of_another_length_than_the_header_is_named(cells: Cells, write: Callable[[Cells], Path]) -> None:
    whole = cells[4]
    cells[4] = whole[:-2]
    assert refusal(write(cells)).startswith(f", row 5, column {cells[0][-2]}: not a number")
    cells[4] = [*whole, "0"]
    assert refusal(write(cells)) == f", row 5: {len(whole) + 1} cells, but the header has {len(whole)}"


def test_a_table_with_too_few_of_one_outcome_is_refused(cells: Cells, write: Callable[[Cells], Path]) -> None:
    died = [row for row in cells[1:] if float(row[-1])]
    survived = [row for row in cells[1:] if not float(row[-1])]
    read_table(write([cells[0], *died[:FEWEST], *survived]))
    for deaths, survivors in ((died[: FEWEST - 1], survived), (died, []), ([], [])):
        message = refusal(write([cells[0], *deaths, *survivors]))
        assert message.startswith(f": column {OUTCOME} holds {len(deaths)} deaths and {len(survivors)} survivors")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("\ufeffage,sex\n".encode("utf-16-le"), "UTF-8"),
        (b"x" * 200_000, "is not a CSV file"),
        (None, "name a CSV file"),
    ],
    ids=["UTF-16", "no CSV", "absent"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_bytes(content)
    assert message in refusal(path)
