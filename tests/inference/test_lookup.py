from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from heartapp.inference.lookup import MOST_ANSWERS, make_lookup
from heartapp.inference.model import Model
from heartapp.training.export import find_edges, probe_rows

Values = np.ndarray[Any, np.dtype[np.float32]]


@pytest.fixture(scope="module")
def probes(model: Model, random_patients: Callable[[Sequence[str], int], list[list[float]]]) -> Values:
    """Patients at every threshold and at its neighbours, and anywhere; of each, some with missing values."""
    drawn = np.array(random_patients(model.names, 1_000), np.float32)
    rows = probe_rows(model.bundle.onnx, drawn, model.names)
    rows[::3][np.random.default_rng(0).random(rows[::3].shape) < 0.3] = np.nan
    return rows


def test_a_model_answers_bit_for_bit_as_its_members_do(model: Model, probes: Values) -> None:
    assert model.probabilities(probes).tobytes() == model.graph(probes).tobytes()
    assert model.probabilities(probes[:0]).shape == (0, 3)


def test_a_value_between_two_single_precision_ones_is_placed_as_the_nearer(bedside: Model) -> None:
    assert bedside._lookup
    generator, rows = np.random.default_rng(1), np.zeros((1_000, len(bedside.names)))
    for name, edges in bedside.bundle.manifest.edges.items():
        near = generator.choice(np.array(edges, np.float32), len(rows))
        rows[:, bedside.names.index(name)] = near + generator.uniform(-1, 1, len(rows)) * np.spacing(near)
    cells = bedside._lookup.cells(rows.astype(np.float32))
    assert [bedside._lookup.cell(row) for row in rows.tolist()] == cells.tolist()


def test_the_bedside_model_keeps_its_answers_and_the_other_has_too_many(model: Model) -> None:
    assert (model._lookup is not None) == (model.name == "bedside")


def test_the_manifest_has_every_edge_of_the_graph(model: Model) -> None:
    assert model.bundle.manifest.edges == find_edges(model.bundle.onnx, model.names)


def first(members: Values) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Stands for the calibration."""
    return members[:, 0].astype(np.float64)


def test_an_answer_is_asked_for_once() -> None:
    asked: list[int] = []

    def ask(values: Values) -> Values:
        asked.append(len(values))
        return np.repeat(values[:, :1] >= 5, 3, axis=1).astype(np.float32)

    table = make_lookup(ask, first, {0: [5.0]})
    assert table
    del asked[:]
    rows = np.array([[1], [2], [6], [1], [np.nan]], np.float32)
    assert table.risks[table.cells(rows)].tolist() == [0, 0, 1, 0, 0]
    assert [table.risks[table.cell([value])] for value in (3, 9)] == [0, 1]
    assert table.cells(rows[:0]).tolist() == []
    assert asked == [3]


def test_without_edges_or_with_too_many_answers_there_is_no_table() -> None:
    def ask(values: Values) -> Values:
        return np.zeros((len(values), 3), np.float32)

    assert make_lookup(ask, first, {}) is None
    many = [*map(float, range(MOST_ANSWERS - 1))]
    assert make_lookup(ask, first, {0: many}) is None
    assert make_lookup(ask, first, {0: many[:1_000], 1: many[:900]}) is not None
