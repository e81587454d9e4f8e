from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import read_bundle, read_served
from heartapp.inference.model import Model
from heartapp.scoring.answers import Table, find_edges, quickest
from heartapp.training.export import probe_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@pytest.fixture(scope="module", params=MODEL_VARIABLES)
def model(request: pytest.FixtureRequest, models: Path) -> Model:
    return Model(read_bundle(models, request.param, read_served(models)[request.param]))


@pytest.fixture(scope="module")
def probes(
    model: Model, random_patients: Callable[[Sequence[str], int], list[list[float]]]
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Patients at every threshold and at its neighbours, and anywhere; of each, some with missing values."""
    drawn = np.array(random_patients(model.names, 1_000), np.float32)
    rows = probe_rows(model.bundle.onnx, drawn, model.names)
    rows[::3][np.random.default_rng(0).random(rows[::3].shape) < 0.3] = np.nan
    return rows


def test_the_quickest_way_answers_bit_for_bit_as_the_members(
    model: Model, probes: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    assert quickest(model)(probes).tobytes() == model.probabilities(probes).tobytes()
    assert quickest(model)(probes[:0]).shape == (0, 3)


def test_the_bedside_model_is_a_table_and_the_other_is_too_large_for_one(model: Model) -> None:
    assert isinstance(quickest(model), Table) is (model.name == "bedside")


def test_what_the_members_split_has_edges(bedside: Model) -> None:
    edges = find_edges(bedside.bundle.onnx)
    assert edges is not None
    assert {bedside.names[column] for column in edges} == {*bedside.bundle.manifest.used}
    assert all((np.diff(one) > 0).all() for one in edges.values())


# graphs made by hand

MODES = {"BRANCH_LEQ": np.less_equal, "BRANCH_LT": np.less, "BRANCH_GTE": np.greater_equal, "BRANCH_GT": np.greater}


def graph_of(mode: str, threshold: float, operator: str = "TreeEnsembleClassifier") -> bytes:
    """One tree with one split of the second of two columns."""
    node = helper.make_node(
        operator,
        ["patients"],
        ["probabilities"],
        nodes_modes=[mode, "LEAF", "LEAF"],
        nodes_featureids=[1, 0, 0],
        nodes_values=[threshold, 0.0, 0.0],
    )
    other = helper.make_node("Identity", ["probabilities"], ["out"])
    graph = helper.make_graph(
        [node, other],
        "one",
        [helper.make_tensor_value_info("patients", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 3])],
    )
    return bytes(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize("mode", MODES)
@given(threshold=st.floats(-1e6, 1e6, width=32))
def test_an_edge_parts_values_as_its_comparison_does(mode: str, threshold: float) -> None:
    near = np.float32(threshold)
    values = np.array([np.nextafter(near, -np.inf), near, np.nextafter(near, np.inf)], np.float32)
    edges = find_edges(graph_of(mode, threshold))
    assert edges is not None
    assert list(edges) == [1]
    right = np.searchsorted(edges[1], values, side="right").astype(bool)
    compared = MODES[mode](values, near)
    np.testing.assert_array_equal(right, compared if mode.startswith("BRANCH_G") else ~compared)


@pytest.mark.parametrize("graph", [graph_of("BRANCH_EQ", 1), graph_of("BRANCH_LT", 1, "Scaler")])
def test_a_graph_of_other_operations_has_no_table(bedside: Model, graph: bytes) -> None:
    assert find_edges(graph) is None
    stranger = copy.copy(bedside)
    stranger.bundle = dataclasses.replace(bedside.bundle, onnx=graph)
    assert quickest(stranger) == stranger.probabilities
