from __future__ import annotations

import datetime as dt
import decimal
import math
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heartapp.clinical.variables import VARIABLES
from heartapp.errors import DataError
from heartapp.inference.bundle import MEMBERS
from heartapp.inference.columns import read_cell
from heartapp.scoring.columns import (
    ADDED,
    DECIMAL_COMMA,
    added_columns,
    check_types,
    spelled_numbers,
    text_to_numbers,
    to_numbers,
)

if TYPE_CHECKING:
    from heartapp.inference.model import Model

NAMES = tuple(variable.name for variable in VARIABLES)
almost_numbers = st.text("0123456789+-.eE nNaAiIfFtTyYxX_,\t\u00a0", max_size=8)
cells = almost_numbers | st.text(max_size=6) | st.floats().map(repr) | st.integers().map(str)


# cells


def same(one: float, other: float) -> bool:
    """Equal, both missing, or both no number."""
    return one == other or (math.isnan(one) and math.isnan(other)) or (math.isinf(one) and math.isinf(other))


@given(st.lists(cells, max_size=4))
def test_a_column_of_text_is_read_as_its_cells_are_one_by_one(cells: list[str]) -> None:
    # What cannot be encoded is in no file.
    column = [cell.encode("utf-8", "replace") for cell in cells]
    for kind in (pa.binary(), pa.string(), pa.large_string()):
        read = text_to_numbers(pa.array(column, pa.binary()).cast(kind)).tolist()
        assert all(map(same, read, map(read_cell, column)))


@given(almost_numbers)
@example("nan")
@example("1e999")
def test_where_arrow_reads_a_number_from_csv_it_is_the_same(cell: str) -> None:
    try:
        table = pa_csv.read_csv(
            pa.py_buffer(f'"{cell}";x\n'.encode()),
            read_options=pa_csv.ReadOptions(column_names=["cell", "x"]),
            parse_options=pa_csv.ParseOptions(delimiter=";"),
            convert_options=pa_csv.ConvertOptions(column_types={"cell": pa.float64()}, null_values=[""]),
        )
    except pa.ArrowInvalid:
        return
    assert same(spelled_numbers(table["cell"].combine_chunks())[0], read_cell(cell.encode()))


def test_a_cell_that_is_not_utf_8_is_no_number() -> None:
    assert text_to_numbers(pa.array([b"\xff", b"5"])).tolist() == [math.inf, 5]


def test_a_comma_for_decimals_is_told_from_other_text() -> None:
    cells = [b"1,4", b" -0,5 ", b"1,2,3", b"1,", b"x,5", b"1.4"]
    told = [DECIMAL_COMMA, DECIMAL_COMMA, math.inf, math.inf, math.inf, 1.4]
    assert text_to_numbers(pa.array(cells)).tolist() == told


# columns of Parquet


@pytest.mark.parametrize(
    ("column", "numbers"),
    [
        (pa.array([1, None, 3], pa.int8()), [1, math.nan, 3]),
        (pa.array([1.5, None, math.nan], pa.float32()), [1.5, math.nan, math.nan]),
        (pa.array([decimal.Decimal("1.40"), None]), [1.4, math.nan]),
        (pa.array([True, False, None]), [1, 0, math.nan]),
        (pa.array([None, None]), [math.nan, math.nan]),
        (pa.array(["1.4", "", None, "x"]), [1.4, math.nan, math.nan, math.inf]),
        (pa.array(["62", "62", None]).dictionary_encode(), [62, 62, math.nan]),
        (pa.array([2**63 - 1]), [2.0**63]),
    ],
    ids=["integers", "floats", "decimals", "booleans", "nulls", "text", "categories", "more digits than a double has"],
)
def test_a_column_of_any_type_of_numbers_is_read(column: pa.Array, numbers: list[float]) -> None:
    check_types(pa.schema([("age", column.type)]), [0, None], "x.parquet")
    np.testing.assert_array_equal(to_numbers(column), numbers)


@pytest.mark.parametrize("value", [dt.date(2026, 1, 1), [1.0], {"years": 62}, b"62"])
def test_a_column_of_another_type_is_named_with_it(value: object) -> None:
    schema = pa.schema([("id", pa.string()), ("age", pa.array([value]).type)])
    with pytest.raises(DataError, match=r"^x\.parquet: column age is of type .*; expected numbers$"):
        check_types(schema, [1], "x.parquet")


# what scoring adds


def test_what_is_added_is_what_the_model_says(bedside: Model) -> None:
    scores = bedside.score(np.array(bedside.bundle.manifest.golden.rows))
    added = pa.RecordBatch.from_arrays(added_columns(scores, "sha256:0"), schema=ADDED).to_pylist()
    for row, prediction in zip(added, map(bedside.predict, bedside.bundle.manifest.golden.rows), strict=True):
        assert row == {
            "risk": prediction.risk,
            "death_event": prediction.death_event,
            **{f"{vote.member}_probability": vote.probability for vote in prediction.votes},
            **{f"{vote.member}_vote": vote.vote for vote in prediction.votes},
            "model_digest": "sha256:0",
        }
    assert len(ADDED) == 3 + 2 * len(MEMBERS)
