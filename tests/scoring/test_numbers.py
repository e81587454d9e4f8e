import decimal
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heartapp.errors import ColumnsError
from heartapp.scoring.numbers import read_columns, to_numbers
from heartapp.tables.cells import MISSING_WORDS, read_cell

almost_numbers = st.text("0123456789+-.eE nNaAiIfFtTyYxX_,\t\u00a0", max_size=8)
cells = almost_numbers | st.text(max_size=6) | st.floats().map(repr) | st.sampled_from(MISSING_WORDS)


def same(one: float, other: float) -> bool:
    """Equal, both missing, or both infinite, which no variable allows."""
    return one == other or (math.isnan(one) and math.isnan(other)) or (math.isinf(one) and math.isinf(other))


@given(st.lists(cells, max_size=4))
@example(["-nan"])
@example(["1e999", "9" * 400])
@example(["1", "x", "NA"])
def test_a_column_of_text_is_read_as_its_cells_one_by_one(texts: list[str]) -> None:
    # Text that cannot be encoded is in no file.
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    for kind in (pa.string(), pa.large_string()):
        assert all(map(same, to_numbers(pa.array(texts, kind)).tolist(), map(read_cell, texts)))


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
        (pa.array([0], pa.date32()), [math.inf]),
    ],
    ids=["integers", "floats", "decimals", "booleans", "nulls", "text", "categories", "dates"],
)
def test_a_column_of_any_plain_type_is_read(column: pa.Array, numbers: list[float]) -> None:
    np.testing.assert_array_equal(to_numbers(column), numbers)


def test_a_column_of_lists_is_named_with_its_type() -> None:
    batch = pa.record_batch({"id": ["a"], "age": [[62.0]]})
    with pytest.raises(ColumnsError, match=r"^x\.pq: column age is of type list<.*expected numbers$"):
        read_columns(batch, [1, None], "x.pq")
