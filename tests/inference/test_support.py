import zlib

import msgspec
import numpy as np
import pytest

from heartapp.inference.support import Support

COUNTS = np.array([[0, 2, 3], [4, 5, 65_000]])
AXES = {"age": [40.0, 60.0], "serum_creatinine": [1.0, 2.0, 4.0]}
SUPPORT = Support.from_counts(AXES, COUNTS, 5)


@pytest.mark.parametrize(
    ("values", "count"),
    [([40, 1], 0), ([40, 4], 3), ([18, 40], 3), ([49.9, 1.6], 0), ([60.1, 1.4], 4), ([99, 9], 5)],
)
def test_the_count_is_that_of_the_last_grid_point_that_is_not_above(values: list[float], count: int) -> None:
    assert SUPPORT.near(values) == count
    assert SUPPORT.near_each(np.array([values, [40, 2]])).tolist() == [count, 0]


@pytest.mark.parametrize(
    ("least", "told"), [(0, [0, 0, 0, 0]), (1, [0, 1, 1, 1]), (2, [0, 0, 2, 2]), (3, [0, 0, 0, 3]), (9, [0, 0, 0, 7])]
)
def test_counts_of_one_or_two_and_beyond_enough_are_not_told(least: int, told: list[int]) -> None:
    support = Support.from_counts({"age": [20.0, 40.0, 60.0, 80.0]}, np.array([0, 1, 2, 7]), least)
    assert [support.near([age]) for age in (20, 40, 60, 80)] == told


def test_what_is_written_is_read_again() -> None:
    content = msgspec.json.encode(SUPPORT)
    assert msgspec.json.decode(content, type=Support) == SUPPORT
    assert msgspec.json.decode(content, type=Support).near([60, 1]) == 4


@pytest.mark.parametrize(
    ("axes", "counts"),
    [
        ({"age": [60.0, 40.0]}, zlib.compress(bytes(4))),
        ({"age": []}, zlib.compress(b"")),
        ({"age": [40.0, float("nan")]}, zlib.compress(bytes(4))),
        ({"age": [40.0, 60.0]}, zlib.compress(bytes(2))),
        ({"age": [40.0, 60.0]}, zlib.compress(bytes(3))),
        ({"age": [40.0, 60.0]}, zlib.compress(bytes(6))),
        ({"age": [40.0, 60.0]}, zlib.compress(bytes(4))[:4]),
    ],
)
def test_counts_that_do_not_fit_their_grid_are_refused(axes: dict[str, list[float]], counts: bytes) -> None:
    with pytest.raises(ValueError, match=r"grid must ascend|counts of near patients|buffer size"):
        Support(axes, counts, 1)
