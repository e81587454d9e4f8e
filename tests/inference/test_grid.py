import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.inference.grid import Grid

AXES = ([18.0, 40.0, 41.0], [0.4, 0.5, 3.0, 40.0])
GRID = Grid(AXES)
NAN = float("nan")


@given(st.lists(st.tuples(st.floats(-10, 200) | st.just(NAN), st.floats(-1, 90)), max_size=20))
def test_many_patients_fall_into_the_cells_that_each_alone_falls_into(patients: list[tuple[float, float]]) -> None:
    values = np.array(patients, np.float64).reshape(-1, 2)
    assert GRID.cells(values).tolist() == [GRID.cell(row) for row in values.tolist()]


@given(st.floats(-10, 200), st.floats(-1, 90))
def test_a_value_falls_into_the_cell_of_the_last_point_that_is_not_above_it(first: float, second: float) -> None:
    places = np.unravel_index(GRID.cell([first, second]), GRID.shape)
    for value, axis, place in zip((first, second), AXES, places, strict=True):
        assert axis[place] <= value or place == 0
        assert [point for point in axis if point <= value][-1:] in ([axis[place]], [])


@pytest.mark.parametrize("axes", [[[]], [[1.0, 1.0]], [[2.0, 1.0]], [[1.0, NAN]], [[[1.0, 2.0]]], [1.0]])
def test_points_that_do_not_ascend_are_refused(axes: list[object]) -> None:
    with pytest.raises(ValueError, match="the points of a grid must ascend"):
        Grid(axes)  # type: ignore[arg-type]  # what a damaged file may hold
