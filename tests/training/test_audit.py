import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartapp.clinical.variables import OUTCOME
from heartapp.errors import TableError
from heartapp.training.audit import Audit, Finding, audit
from heartapp.training.data import COLUMNS

Rows = list[dict[str, str]]


@pytest.fixture
def rows(cohort: Path) -> Rows:
    """The generated cohort, to be changed."""
    return read_rows(cohort)


@pytest.fixture
def audited(tmp_path: Path) -> Callable[[Rows], Audit]:
    """Write rows and audit them."""

    def write_and_audit(rows: Rows) -> Audit:
        path = tmp_path / "table.csv"
        lines = [",".join(COLUMNS), *(",".join(row[name] for name in COLUMNS) for row in rows)]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return audit(path)

    return write_and_audit


def read_rows(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def found(result: Audit, topic: str, column: str = "") -> list[Finding]:
    return [finding for finding in result.findings if finding.topic == topic and column in ("", finding.column)]


@pytest.mark.data
def test_everything_that_is_wrong_with_the_published_table_is_found(published_data: Path) -> None:
    result = audit(published_data)
    assert (result.patients, result.deaths, result.origin, result.faulty) == (299, 96, "the published data set", True)
    by_outcome = {finding.figures["value"]: finding for finding in found(result, "fill by outcome")}
    assert {value: len(finding.rows) for value, finding in by_outcome.items()} == {1.18: 11, 1.83: 8}
    assert by_outcome[1.83].figures["probability"] == pytest.approx((96 / 299) ** 8)
    assert "serum_sodium 134 in 7" in by_outcome[1.83].message
    assert {finding.column: len(finding.rows) for finding in found(result, "fill")} == {
        "creatinine_phosphokinase": 47,
        "platelets": 25,
        "ejection_fraction": 40,
    }
    by_time, by_number = found(result, "order")
    assert by_time.column == "time"
    assert by_number.figures["roc_auc"] > 0.8
    assert found(result, "time")[0].figures["roc_auc"] == pytest.approx(0.84, abs=0.005)
    losses = [(one.figures["left"], round(one.figures["mortality"], 3)) for one in found(result, "censoring")]
    assert losses == [(43, 0.237), (106, 0.346)]
    assert not {"missing", "cells", "duplicates", "origin"} & {finding.topic for finding in result.findings}


def test_a_table_without_a_needed_column_is_refused(cohort: Path, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(cohort.read_text("utf-8").replace("age", "years", 1), "utf-8")
    with pytest.raises(TableError, match="column age: is missing"):
        audit(path)


def test_a_fill_chosen_by_the_outcome_is_a_fault(rows: Rows, audited: Callable[[Rows], Audit]) -> None:
    dead = [index for index, row in enumerate(rows) if row[OUTCOME] == "1.0"][:20]
    for index in dead:
        rows[index]["creatinine_phosphokinase"], rows[index]["serum_sodium"] = "777", "151"
    result = audited(rows)
    fills = {finding.column: finding for finding in found(result, "fill by outcome")}
    assert {finding.level for finding in fills.values()} == {"fault"}
    assert fills["creatinine_phosphokinase"].rows == tuple(index + 2 for index in dead)
    assert "with serum_sodium 151 in 20 of them" in fills["creatinine_phosphokinase"].message
    assert "with creatinine_phosphokinase 777 in 20 of them" in fills["serum_sodium"].message
    assert result.faulty


def test_values_too_precise_and_repeated_means_are_cautions(rows: Rows, audited: Callable[[Rows], Audit]) -> None:
    mean = np.mean([float(row["creatinine_phosphokinase"]) for row in rows[30:]])
    for row in rows[:12]:
        row["platelets"] = "263358.03"
    for row in rows[:30]:
        row["creatinine_phosphokinase"] = f"{mean:.0f}"
    result = audited(rows)
    (precise,), (repeated,) = (found(result, "fill", name) for name in ("platelets", "creatinine_phosphokinase"))
    assert (precise.level, len(precise.rows), precise.figures["value"]) == ("caution", 12, 263358.03)
    assert "more decimals" in precise.message
    assert "is the column's mean" in repeated.message
    assert "rows 2, 3, 4, 5, 6, 7, 8, 9 and 4 more" in result.text()
    assert all(finding.message in result.text() for finding in result.findings)


def test_missing_and_bad_cells_are_found_and_not_refused(rows: Rows, audited: Callable[[Rows], Audit]) -> None:
    rows[0]["age"], rows[1]["age"], rows[2]["age"] = "", "about 60", "250"
    rows[3]["platelets"] = " "
    rows[4][OUTCOME] = "2"
    rows[5]["smoking"] = "0,0"
    for row in rows:
        row["sex"] = "NA"
    result = audited([*rows, rows[-1]])
    (doubled,) = found(result, "duplicates")
    assert doubled.rows == (len(rows) + 1, len(rows) + 2)
    missing = [(finding.column, finding.level, len(finding.rows)) for finding in found(result, "missing")]
    assert missing == [("age", "caution", 1), ("platelets", "caution", 1), ("sex", "note", len(rows))]
    cells = [(finding.column, finding.rows) for finding in found(result, "cells")]
    assert cells == [("", (7,)), ("age", (3, 4)), (OUTCOME, (6,))]
    assert "250" not in result.text()


def test_a_descending_order_is_found(rows: Rows, audited: Callable[[Rows], Audit]) -> None:
    rows.sort(key=lambda row: float(row[OUTCOME]), reverse=True)
    by_outcome, by_number = found(audited(rows), "order")
    assert by_outcome.column == OUTCOME
    assert by_number.figures["roc_auc"] == 1


def test_follow_up_time_is_judged_where_it_is_known_and_someone_died(
    rows: Rows, audited: Callable[[Rows], Audit]
) -> None:
    days = np.random.default_rng(1).permutation(range(1, len(rows) + 1))
    for row, day in zip(rows, days, strict=True):
        row["time"] = str(day)
    (alone,) = found(audited(rows), "time")
    assert alone.level == "note"
    undated = audited([{**row, "time": ""} for row in rows])
    assert (undated.origin, undated.faulty, found(undated, "time")) == ("another table", False, [])
    survivors = audited([{**row, OUTCOME: "0"} for row in rows])
    assert (survivors.deaths, found(survivors, "time"), found(survivors, "fill by outcome")) == (0, [], [])


CELLS = st.sampled_from(["", "0", "1", "2", "nan", "inf", "-1", "60", "1.18", "x"])


@settings(max_examples=40)
@given(st.lists(st.lists(CELLS, min_size=len(COLUMNS), max_size=len(COLUMNS)), max_size=14))
def test_any_cells_are_audited(tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]) -> None:
    path = tmp_path_factory.mktemp("any") / "table.csv"
    path.write_text("\n".join([",".join(COLUMNS), *(",".join(row) for row in cells)]), "utf-8")
    result = audit(path)
    assert result.patients == len(cells)
    levels = [finding.level for finding in result.findings]
    assert levels == sorted(levels, key=("fault", "caution", "note").index)
    assert result.faulty == ("fault" in levels)
