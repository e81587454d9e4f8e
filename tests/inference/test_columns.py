from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from heartapp.clinical.variables import OUTCOME, VARIABLES
from heartapp.errors import ColumnsError
from heartapp.inference.bundle import read_bundle, read_served
from heartapp.inference.columns import find_columns, ragged, read_cell
from heartapp.inference.model import Model

if TYPE_CHECKING:
    from pathlib import Path

NAMES = tuple(variable.name for variable in VARIABLES)


@pytest.fixture(scope="module")
def bedside(models: Path) -> Model:
    return Model(read_bundle(models, "bedside", read_served(models)["bedside"]))


# find_columns


def test_columns_are_found_by_name_in_any_order_case_and_spacing(bedside: Model) -> None:
    names = ["id", *(f" {name.upper()} " for name in reversed(bedside.names)), OUTCOME]
    found = find_columns(names, bedside, "x.csv")
    assert [names[position or 0].strip().lower() for position in found] == list(bedside.names)


def test_a_column_that_the_model_can_do_without_may_be_absent(bedside: Model) -> None:
    found = find_columns(bedside.required, bedside, "x.csv")
    assert {name for name, position in zip(bedside.names, found, strict=True) if position is None} == {
        *bedside.names
    } - {*bedside.required}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["age", "serum_creatinine"], "column ejection_fraction is missing; needed: age, ejection_fraction, serum_cre"),
        (["age", "ejection_fracton", "serum_creatinine"], "is 'ejection_fracton' meant for ejection_fraction?"),
        ([], "columns age, ejection_fraction, serum_creatinine are missing"),
        ([*NAMES, "Age"], "column age is there more than once"),
        ([*NAMES, "x", "x", "y", "y"], "columns x, y are there more than once"),
        ([*NAMES, "risk"], "column risk is there already, where scoring would add it; rename or drop"),
    ],
)
def test_columns_that_do_not_fit_are_named(bedside: Model, names: list[str], message: str) -> None:
    with pytest.raises(ColumnsError) as caught:
        find_columns(names, bedside, "x.csv")
    assert str(caught.value).startswith("x.csv: column")
    assert message in str(caught.value)
    assert all(fault.row is None and fault.message.startswith("is ") for fault in caught.value.faults)


def test_the_values_of_a_table_without_a_header_are_not_told(bedside: Model) -> None:
    with pytest.raises(ColumnsError) as caught:
        find_columns(["61946283", "0", "0"], bedside, "x.csv")
    assert "0" not in str(caught.value)
    assert [fault.field for fault in caught.value.faults] == list(bedside.required)


def test_more_columns_may_be_added(bedside: Model) -> None:
    assert find_columns([*NAMES, "fault"], bedside, "x.csv")
    with pytest.raises(ColumnsError, match="column fault is there already"):
        find_columns([*NAMES, "fault"], bedside, "x.csv", added=("risk", "fault"))


def test_the_published_table_with_its_outcome_can_be_scored(bedside: Model) -> None:
    assert None not in find_columns([*NAMES, OUTCOME], bedside, "x.csv")


# cells


@pytest.mark.parametrize(
    ("cell", "value"),
    [("62", 62), (" 1.4\t", 1.4), ("+5", 5), (".5", 0.5), ("5.", 5), ("1e2", 100), ("-1E-2", -0.01), ("007", 7)],
)
def test_a_number_is_read_with_a_point_for_decimals(cell: str, value: float) -> None:
    assert read_cell(cell.encode()) == value


@pytest.mark.parametrize("cell", ["", " ", "\t "])
def test_a_blank_cell_is_a_missing_value(cell: str) -> None:
    assert math.isnan(read_cell(cell.encode()))


@pytest.mark.parametrize(
    "cell",
    ["1,4", "1 000", "NA", "nan", "NaN", "null", "inf", "-inf", "1e999", "0x1f", "1_0", "٣", "1e", "-", ".", "x"],
)
def test_anything_else_is_no_number(cell: str) -> None:
    assert math.isinf(read_cell(cell.encode()))


def test_a_ragged_row_is_told_by_its_cells() -> None:
    assert ragged(1, 3, 0).message == "has 1 cell, the header has 3"
    assert ragged(4, 3, 7).message == "has 4 cells, the header has 3"
    assert ragged(4, 3, 7).row == 7
