import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.tables.cells import DECIMAL_COMMA, MISSING_WORDS, NOT_A_NUMBER, read_cell, read_values, spell


@pytest.mark.parametrize(
    ("cell", "value"),
    [("62", 62), (" 1.4\t", 1.4), ("+5", 5), (".5", 0.5), ("5.", 5), ("1e2", 100), ("-1E-2", -0.01), ("007", 7)],
)
def test_a_number_has_a_point_for_decimals(cell: str, value: float) -> None:
    assert read_cell(cell) == value


@pytest.mark.parametrize(
    ("stands_for", "cells"),
    [
        (math.nan, [*MISSING_WORDS, " ", "\t ", " NA "]),
        (NOT_A_NUMBER, ["1 000", "na", "None", "inf", "1e999", "0x1f", "1_0", "٣", "1e", "-", ".", "x"]),
        (DECIMAL_COMMA, ["1,4", " -0,5 ", "12,500"]),
    ],
)
def test_other_cells_are_missing_or_no_number_or_have_a_decimal_comma(stands_for: float, cells: list[str]) -> None:
    np.testing.assert_array_equal([*map(read_cell, cells)], stands_for)


def test_the_columns_of_rows_become_values() -> None:
    values = read_values([["a", "62", ""], ["b", "x", "1.5"]], [1, None, 2])
    np.testing.assert_array_equal(values, [[62, np.nan, np.nan], [np.inf, np.nan, 1.5]])
    assert read_values([], [0, 1]).shape == (0, 2)


@given(st.floats(allow_infinity=False))
def test_a_spelled_number_is_read_back_as_the_same(value: float) -> None:
    read = read_cell(spell(value))
    assert read == value or (math.isnan(read) and math.isnan(value))
    assert not spell(value).endswith(".0")
