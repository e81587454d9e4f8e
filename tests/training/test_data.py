"""Reading a table: what is accepted, and how a fault is told."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME, OUTCOME, VARIABLES
from heartapp.errors import DataError
from heartapp.training.cohort import Cohort
from heartapp.training.data import COLUMNS, FEWEST, FEWEST_DATED, REQUIRED, read_table
from heartapp.training.defaults import BEDSIDE_USES

Cells = list[list[str]]


def refusal(path: Path, **flags: bool | int) -> list[str]:
    """The lines that refuse a table, the first without its path."""
    with pytest.raises(DataError) as caught:
        read_table(path, **flags)  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith(str(path))
    return [line.strip() for line in message.removeprefix(f"{path}: ").splitlines()]


def places(path: Path) -> list[str]:
    """Where the faults of a table with several are."""
    return [re.split(":| equal", line)[0] for line in refusal(path)[1:]]


def same(one: Cohort, other: Cohort) -> bool:
    return np.array_equal(one.values, other.values) and one.digest == other.digest and one.horizon == other.horizon


def put(cells: Cells, column: str, *values: str) -> Cells:
    """Write values into the first rows of a column."""
    for row, value in zip(cells[1:], values, strict=False):
        row[cells[0].index(column)] = value
    return cells


def without(cells: Cells, *columns: str) -> Cells:
    kept = [place for place, name in enumerate(cells[0]) if name not in columns]
    return [[row[place] for place in kept] for row in cells]


def test_a_table_is_read_in_the_declared_order(table: Cohort, cells: Cells) -> None:
    for index, variable in enumerate(VARIABLES):
        position = cells[0].index(variable.name)
        assert table.values[:, index].tolist() == [float(row[position]) for row in cells[1:]]
    assert table.outcome.tolist() == [float(row[-1]) for row in cells[1:]]
    assert (table.horizon, table.notes) == (180, ())


def test_order_case_spaces_a_byte_order_mark_line_ends_and_empty_lines_do_not_matter(
    cells: Cells, table: Cohort, tmp_path: Path
) -> None:
    turned = [row[::-1] for row in cells]
    turned[0] = [f" {name.upper() if index % 2 else name.lower()} " for index, name in enumerate(turned[0])]
    path = tmp_path / "table.csv"
    path.write_text("\r\n".join(map(",".join, [*turned[:5], [], *turned[5:], []])), "utf-8-sig", newline="")
    assert same(read_table(path), table)


def test_optional_values_and_columns_may_be_absent_and_others_are_kept_out(
    cells: Cells, write: Callable[[Cells], Path], table: Cohort
) -> None:
    read = read_table(write([[*row, str(number)] for number, row in enumerate(without(cells, "sex", "diabetes"))]))
    assert [any(word in note for note in read.notes) for word in ("diabetes, sex", "not variables: 0")] == [True, True]
    kept = [name not in {"diabetes", "sex"} for name in BY_NAME]
    assert np.array_equal(read.values[:, kept], table.values[:, kept])
    assert np.isnan(read.values[:, ~np.array(kept)]).all()
    smallest = read_table(write(without(cells, *{*COLUMNS} - {*REQUIRED})), anyway=True)
    assert (smallest.horizon, smallest.names("bedside")) == (None, BEDSIDE_USES)
    assert "no date and no curve" in smallest.notes[1]
    gaps = read_table(write(put(put(cells, "platelets", "", "NA", " "), "smoking", "null")))
    assert np.isnan(gaps.values[:3, [*BY_NAME].index("platelets")]).all()
    assert np.isnan(gaps.values).sum() == 4
    assert gaps.notes == ("missing cells: platelets 3, smoking 1",)
    assert gaps.digest != table.digest


def test_every_fault_is_told_at_once_by_row_and_column(cells: Cells, write: Callable[[Cells], Path]) -> None:
    put(cells, "age", "old", "300", "")
    put(cells, "serum_creatinine", "1.0", "1.0", "1.0", "1,9")
    put(cells, OUTCOME, *["0"] * 4, "2")
    put(cells, "time", *["50"] * 5, "")
    cells[7], cells[8] = cells[7][:-2], [*cells[8], "0"]
    age, wide = BY_NAME["age"].expected, len(cells[0])
    lines = refusal(write([*cells[:2], [], *cells[2:]]))
    assert lines == [
        "8 faults",
        f"rows 2, 4, column age: must be {age}",
        f"row 5, column age: is missing; expected {age}",
        f"row 6, column serum_creatinine: must be {BY_NAME['serum_creatinine'].expected}; write decimals with a point",
        f"row 7, column {OUTCOME}: must be 0 (no) or 1 (yes)",
        f"row 8, column time: is missing; expected {BY_NAME['time'].expected}",
        f"row 9: has {wide - 2} cells, the header has {wide}",
        f"row 10: has {wide + 1} cells, the header has {wide}",
    ]


def test_a_column_whose_cells_are_all_wrong_is_one_line(cells: Cells, write: Callable[[Cells], Path]) -> None:
    put(cells, "age", *["60,5"] * 100)
    first, fault = refusal(write(cells))
    assert first == "100 faults"
    assert fault.startswith("rows 2, 3, 4, 5, 6 and 95 more, column age: must be")
    assert fault.endswith("; write decimals with a point")


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ({"age": "years"}, ["column age: is missing; needed: age, ejection_fraction"]),
        ({"age": "agee", OUTCOME: "deathevent"}, ["column age: ", f"column {OUTCOME}: ", "is age the column 'agee'?"]),
        ({"age": "agee", "anaemia": "anemia"}, ["is age the column 'agee'?", "did you mean anaemia?"]),
        ({"sex": "Age"}, ["column age: is there more than once"]),
    ],
)
def test_columns_that_do_not_fit_are_all_named(
    cells: Cells, write: Callable[[Cells], Path], header: dict[str, str], told: list[str]
) -> None:
    message = "\n".join(refusal(write([[header.get(name, name) for name in cells[0]], *cells[1:]])))
    assert all(part in message for part in told), message


def test_faults_of_columns_rows_and_cells_are_told_together(cells: Cells, write: Callable[[Cells], Path]) -> None:
    put(cells, "age", "old")
    cells[3] = cells[4]
    cells[0][cells[0].index("anaemia")] = "anemia"
    assert places(write(cells)) == ["column anemia", "rows 4, 5", "row 2, column age"]
    put(cells, "ejection_fraction", "high")
    cells[0][cells[0].index("age")] = "years"
    assert places(write(cells)) == ["column age", "column anemia", "row 2, column ejection_fraction"]


def test_another_delimiter_is_named_and_can_be_read(cohort: Path, table: Cohort, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(cohort.read_text("utf-8").replace(",", ";"), "utf-8")
    assert refusal(path)[0].endswith("a single column; name the delimiter: --delimiter semicolon")
    assert same(read_table(path, "semicolon"), table)


def test_repeated_patients_are_refused_unless_the_user_says_so(
    cells: Cells, write: Callable[[Cells], Path], table: Cohort
) -> None:
    path = write([*cells, *cells[1:]])
    (line,) = refusal(path)
    assert line.startswith("rows 2, 3, 4, 5, 6, 7, 8, 9 and 292 more equal another row, 300 in all; ")
    assert "--anyway" in line
    read = read_table(path, anyway=True)
    assert len(read.outcome) == 2 * len(table.outcome)
    assert "and 292 more equal another row" in read.notes[0]


def test_a_table_with_too_few_of_one_outcome_is_refused(cells: Cells, write: Callable[[Cells], Path]) -> None:
    died = [row for row in cells[1:] if float(row[-1])]
    survived = [row for row in cells[1:] if not float(row[-1])]
    for deaths, survivors in ((died[: FEWEST - 1], survived), (died, []), ([], [])):
        (line,) = refusal(write([cells[0], *deaths, *survivors]))
        assert line.startswith(f"column {OUTCOME}: holds {len(deaths)} deaths and {len(survivors)} survivors")
    enough = read_table(write(without([cells[0], *died[:FEWEST], *survived], "time")))
    assert enough.outcome.sum() == FEWEST


def test_too_short_a_follow_up_names_the_horizon_that_it_supports(cells: Cells, write: Callable[[Cells], Path]) -> None:
    time = cells[0].index("time")
    died = sorted(float(row[time]) for row in cells[1:] if float(row[-1]))
    first = max(30, int(died[FEWEST_DATED - 1]))
    assert refusal(write(cells), horizon=29)[0].endswith(f"add --horizon 180, or another day from {first} on")
    for row in cells[1:]:
        row[time] = str(min(float(row[time]), 150.0))
    (line,) = refusal(write(cells))
    assert line.endswith(f"add --horizon 149, or another day from {first} on")
    assert read_table(write(cells), horizon=149).horizon == 149
    assert read_table(write(cells), horizon=first).horizon == first
    assert refusal(write(cells), horizon=150)[0].startswith("column time: ")
    assert refusal(write(cells), horizon=first - 1)[0].startswith("column time: ")
    for row in cells[1:]:
        row[time] = str(round(float(row[time]) / 30) + 1)  # months
    assert "leave the column out" in refusal(write(cells))[0]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    assert refusal(path) == ["No such file or directory; name a CSV file"]
    path.write_bytes(b"")
    assert refusal(path)[0].partition("empty")[0].endswith("is ")
