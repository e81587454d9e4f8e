from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.inference.lookup import MOST_ANSWERS, Lookup, make_lookup
from heartapp.training.export import find_edges, probe_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from heartapp.inference.model import Model

    Values = np.ndarray[Any, np.dtype[np.float32]]

singles = st.floats(-1e6, 1e6, width=32)


@pytest.fixture(scope="module")
def probes(model: Model, random_patients: Callable[[Sequence[str], int], list[list[float]]]) -> Values:
    """Patients at every threshold and at its neighbours, and anywhere; of each, some with missing values."""
    drawn = np.array(random_patients(model.names, 1_000), np.float32)
    rows = probe_rows(model.bundle.onnx, drawn, model.names)
    rows[::3][np.random.default_rng(0).random(rows[::3].shape) < 0.3] = np.nan
    return rows


def test_a_model_answers_bit_for_bit_as_its_members_do(model: Model, probes: Values) -> None:
    assert model.probabilities(probes).tobytes() == model.run_graph(probes).tobytes()
    assert model.probabilities(probes[:0]).shape == (0, 3)


def test_the_bedside_model_keeps_its_answers_and_the_other_has_too_many(model: Model) -> None:
    assert (model._lookup is not None) == (model.name == "bedside")


def test_the_manifest_has_every_edge_of_the_graph(model: Model) -> None:
    assert model.bundle.manifest.edges == find_edges(model.bundle.onnx, model.names)


def test_most_single_edges_that_are_left_out_are_noticed(bedside: Model) -> None:
    stated = bedside.bundle.manifest.edges
    edges = {bedside.names.index(name): np.array(one, np.float32) for name, one in stated.items()}
    left_out = [{**edges, column: np.delete(one, at)} for column, one in edges.items() for at in range(0, len(one), 5)]
    assert sum(noticed(bedside, one) for one in left_out) > 0.9 * len(left_out)


def noticed(model: Model, edges: dict[int, Values]) -> bool:
    try:
        Lookup(model.run_graph, first, edges, len(model.names))
    except ValueError as error:
        return "split elsewhere" in str(error)
    return False


def first(members: Values) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Stands for the calibration."""
    return members[:, 0].astype(np.float64)


def test_an_answer_is_asked_for_once() -> None:
    asked: list[int] = []

    def ask(values: Values) -> Values:
        asked.append(len(values))
        return np.repeat(values[:, :1] >= 5, 3, axis=1).astype(np.float32)

    table = make_lookup(ask, first, {0: np.array([5], np.float32)}, 1)
    assert table
    del asked[:]
    rows = np.array([[1], [2], [6], [1], [np.nan]], np.float32)
    assert table.risks[table.cells(rows)].tolist() == [0, 0, 1, 0, 0]
    assert [table.risks[table.cell([value])] for value in (3, 9)] == [0, 1]
    assert table.cells(rows[:0]).tolist() == []
    assert asked == [3]


def members_of(edges: Mapping[int, Sequence[float]]) -> Callable[[Values], Values]:
    """Members that count the edges at or below a value, with something of their own for a missing one."""

    def ask(values: Values) -> Values:
        counts = [
            np.where(np.isnan(values[:, column]), 0.5, (values[:, column, None] >= np.array(one, np.float32)).sum(1))
            for column, one in edges.items()
        ]
        first = counts[0] if counts else np.zeros(len(values))
        return np.column_stack([first, first * 2, np.sum(counts, axis=0)]).astype(np.float32)

    return ask


def table_of(edges: Mapping[int, Sequence[float]]) -> Lookup:
    arrays = {column: np.array(one, np.float32) for column, one in edges.items()}
    table = make_lookup(members_of(edges), first, arrays, 3)
    assert table is not None
    return table


@given(st.lists(singles, min_size=1, max_size=6, unique=True).map(sorted), st.data())
def test_a_value_next_to_an_edge_is_placed_as_in_single_precision(edges: list[float], data: st.DataObject) -> None:
    both = {0: edges, 2: [1.5]}
    table = table_of(both)
    edge = float(np.float32(data.draw(st.sampled_from(edges))))
    below = float(np.nextafter(np.float32(edge), np.float32(-np.inf)))
    middle = (below + edge) / 2
    near = [edge, below, middle, np.nextafter(middle, np.inf), np.nextafter(middle, -np.inf), np.nan]
    row = [float(data.draw(st.sampled_from(near))), 0.0, data.draw(st.sampled_from([1.0, 1.5, np.nan]))]
    single = np.array([row], np.float32)
    assert table.cells(single).tolist() == [table.cell(row)]
    assert table.probabilities[table.cells(single)].tobytes() == members_of(both)(single).tobytes()


def test_without_edges_or_with_too_many_answers_there_is_no_table() -> None:
    assert make_lookup(members_of({}), first, {}, 3) is None
    many = np.arange(MOST_ANSWERS - 2, dtype=np.float32)
    assert make_lookup(members_of({0: [0.0]}), first, {0: np.append(many, np.float32(2e6))}, 3) is None
    short = {0: many[:1_000], 1: many[:900]}
    assert make_lookup(lambda values: np.zeros((len(values), 3), np.float32), first, short, 3) is not None
