from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.variables import OUTCOME
from heartapp.errors import DataError
from heartapp.training.audit import audit
from heartapp.training.data import COLUMNS, Likeness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from heartapp.training.audit import Audit, Finding

Rows = list[dict[str, str]]


@pytest.fixture
def rows(cohort: Path) -> Rows:
    """The generated cohort, to be changed."""
    with cohort.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def look(tmp_path: Path) -> Callable[[Rows], Audit]:
    """Write rows and audit them."""

    def write_and_audit(rows: Rows) -> Audit:
        path = tmp_path / "table.csv"
        path.write_text("\n".join([",".join(COLUMNS), *map(line, rows)]) + "\n", "utf-8")
        return audit(path)

    return write_and_audit


def line(row: Mapping[str, str]) -> str:
    return ",".join(row[name] for name in COLUMNS)


def found(seen: Audit, topic: str, column: str = "") -> list[Finding]:
    return [finding for finding in seen.findings if finding.topic == topic and column in ("", finding.column)]


@pytest.mark.data
def test_the_published_table_is_told_for_what_it_is(published_data: Path) -> None:
    seen = audit(published_data)
    assert (seen.patients, seen.deaths, seen.origin, seen.faulty) == (299, 96, "the published data set", True)
    by_outcome = {finding.figures["value"]: finding for finding in found(seen, "fill by outcome")}
    assert {value: len(finding.rows) for value, finding in by_outcome.items()} == {1.18: 11, 1.83: 8}
    assert by_outcome[1.83].figures["probability"] == pytest.approx((96 / 299) ** 8)
    assert "serum_sodium 134 in 7" in by_outcome[1.83].message
    assert {(finding.column, len(finding.rows)) for finding in found(seen, "fill")} == {
        ("creatinine_phosphokinase", 47),
        ("platelets", 25),
        ("ejection_fraction", 40),
    }
    sorted_by, row_number = found(seen, "order")
    assert sorted_by.column == "time"
    assert row_number.figures["roc_auc"] > 0.8
    alone = found(seen, "time")[0].figures
    assert alone["mcc"] == pytest.approx(0.60, abs=0.03)
    assert alone["roc_auc"] == pytest.approx(0.83, abs=0.02)
    losses = [(finding.figures["left"], round(finding.figures["mortality"], 3)) for finding in found(seen, "censoring")]
    assert losses == [(43, 0.237), (106, 0.346)]
    assert not found(seen, "missing") + found(seen, "cells") + found(seen, "duplicates") + found(seen, "origin")


@pytest.mark.data
def test_an_altered_copy_is_a_fault_that_names_rows_and_column(
    published_data: Path, look: Callable[[Rows], Audit]
) -> None:
    with published_data.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row[OUTCOME] == "1":
            row["platelets"] = str(float(row["platelets"]) + 1)
    seen = look(rows)
    (altered,) = found(seen, "origin")
    assert (altered.level, len(altered.rows)) == ("fault", 96)
    assert altered.message.endswith("the columns that differ: platelets")


@pytest.mark.data
def test_a_part_with_cells_taken_out_is_an_altered_copy_too(
    published_data: Path, look: Callable[[Rows], Audit]
) -> None:
    with published_data.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[100:]
    assert look(rows).origin == "part of the published data set"
    rows[0]["age"] = rows[1]["smoking"] = ""
    (altered,) = found(look(rows), "origin")
    assert altered.rows == (2, 3)
    assert "the columns" not in altered.message


def test_where_an_altered_copy_differs_is_told(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    likeness = Likeness("an altered copy", rows=(7, 9), columns=("platelets",))
    monkeypatch.setitem(audit.__globals__, "compare", lambda *_: likeness)
    seen = audit(cohort)
    assert seen.faulty
    assert seen.text().splitlines()[1:3] == [
        (
            "fault   origin: 2 rows are not those of UCI data set 519, which the table otherwise resembles; "
            "the columns that differ: platelets"
        ),
        "        rows 7, 9",
    ]


def test_columns_that_repeat_beside_a_fill_are_told(rows: Rows, look: Callable[[Rows], Audit]) -> None:
    dead = [row for row in rows if row[OUTCOME] == "1.0"][:20]
    for row in dead:
        row["creatinine_phosphokinase"], row["serum_sodium"] = "777", "151"
    fills = {finding.column: finding.message for finding in found(look(rows), "fill by outcome")}
    assert "with serum_sodium 151 in 20 of them" in fills["creatinine_phosphokinase"]
    assert "with creatinine_phosphokinase 777 in 20 of them" in fills["serum_sodium"]


def test_a_clean_cohort_has_no_fault(cohort: Path) -> None:
    seen = audit(cohort)
    assert seen.origin == "another table"
    assert not seen.faulty, seen.text()


def test_a_fill_chosen_by_the_outcome_is_a_fault(rows: Rows, look: Callable[[Rows], Audit]) -> None:
    dead = [index for index, row in enumerate(rows) if row[OUTCOME] == "1.0"][:20]
    for index in dead:
        rows[index]["creatinine_phosphokinase"] = "777"
    seen = look(rows)
    (fill,) = found(seen, "fill by outcome")
    assert (fill.level, fill.column) == ("fault", "creatinine_phosphokinase")
    assert fill.rows == tuple(index + 2 for index in dead)
    assert seen.faulty


def test_a_value_too_precise_for_its_column_is_a_caution(rows: Rows, look: Callable[[Rows], Audit]) -> None:
    for row in rows[:12]:
        row["platelets"] = "263358.03"
    (fill,) = found(look(rows), "fill", "platelets")
    assert (fill.level, len(fill.rows), fill.figures["value"]) == ("caution", 12, 263358.03)
    assert "more decimals" in fill.message


def test_a_repeated_mean_is_a_caution(rows: Rows, look: Callable[[Rows], Audit]) -> None:
    rest = np.mean([float(row["creatinine_phosphokinase"]) for row in rows[30:]])
    for row in rows[:30]:
        row["creatinine_phosphokinase"] = f"{rest:.0f}"
    (fill,) = found(look(rows), "fill", "creatinine_phosphokinase")
    assert "is the column's mean" in fill.message


def test_missing_and_bad_cells_are_audited_and_not_refused(rows: Rows, look: Callable[[Rows], Audit]) -> None:
    rows[0]["age"], rows[1]["age"], rows[2]["age"] = "", "about 60", "250"
    rows[3]["platelets"] = " "
    rows[4][OUTCOME] = "2"
    seen = look(rows)
    assert [(finding.column, finding.rows) for finding in found(seen, "missing")] == [
        ("age", (2,)),
        ("platelets", (5,)),
    ]
    assert [(finding.column, finding.rows) for finding in found(seen, "cells")] == [("age", (3, 4)), (OUTCOME, (6,))]
    assert "250" not in seen.text()
    assert "2.0" not in seen.text()


def test_doubled_rows_are_named(rows: Rows, look: Callable[[Rows], Audit]) -> None:
    (doubled,) = found(look([*rows, rows[0]]), "duplicates")
    assert doubled.rows == (2, len(rows) + 2)


@pytest.mark.parametrize("downwards", [False, True])
def test_order_is_seen_in_both_directions(rows: Rows, look: Callable[[Rows], Audit], *, downwards: bool) -> None:
    rows.sort(key=lambda row: float(row[OUTCOME]), reverse=downwards)
    order = found(look(rows), "order")
    assert order[0].column == OUTCOME
    assert order[1].figures["roc_auc"] == 1


def test_time_that_tells_nothing_is_only_a_note(rows: Rows, look: Callable[[Rows], Audit]) -> None:
    days = np.random.default_rng(1).permutation(range(1, len(rows) + 1))
    for row, day in zip(rows, days, strict=True):
        row["time"] = str(day)
    (alone,) = found(look(rows), "time")
    assert alone.level == "note"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_tiny_table_is_audited(rows: Rows, look: Callable[[Rows], Audit], count: int) -> None:
    seen = look(rows[:count])
    assert seen.patients == count
    assert not found(seen, "time")


def test_a_table_of_survivors_only_is_audited(rows: Rows, look: Callable[[Rows], Audit]) -> None:
    for row in rows:
        row[OUTCOME], row["serum_creatinine"] = "0", ""
    seen = look(rows)
    assert seen.deaths == 0
    assert not found(seen, "fill by outcome")


def test_another_shape_of_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(DataError, match="missing 'age'"):
        audit(path)


def test_text_and_json_say_the_same(rows: Rows, look: Callable[[Rows], Audit]) -> None:
    for row in rows[:12]:
        row["platelets"] = "263358.03"
    seen = look(rows)
    told = json.loads(seen.json())
    assert [finding["message"] for finding in told["findings"]] == [finding.message for finding in seen.findings]
    assert all(finding.message in seen.text() for finding in seen.findings)
    assert "rows 2, 3, 4, 5, 6, 7, 8, 9 and 4 more" in seen.text()


@given(
    st.lists(
        st.lists(st.sampled_from(["", "0", "1", "2", "nan", "inf", "-1", "60", "1.18", "x"]), min_size=13, max_size=13),
        max_size=14,
    )
)
def test_whatever_the_cells_hold_the_audit_answers(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "table.csv"
    path.write_text("\n".join([",".join(COLUMNS), *(",".join(row) for row in cells)]), "utf-8")
    seen = audit(path)
    assert seen.patients == len(cells)
    levels = [finding.level for finding in seen.findings]
    assert levels == sorted(levels, key=("fault", "caution", "note").index)
    assert seen.faulty == ("fault" in levels)
