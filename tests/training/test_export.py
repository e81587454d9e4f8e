import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.training.cohort import Cohort
from heartapp.training.export import (
    RANDOM_ROWS,
    TOLERANCE,
    ExportError,
    _attributes,
    answers,
    check_graph,
    find_edges,
    probe_rows,
    to_onnx,
)
from heartapp.training.recipe import FittedRecipe

NAMES = MODEL_VARIABLES["followup"]


@pytest.fixture(scope="module")
def features(people: Cohort) -> NDArray[np.float32]:
    return people.features("followup")


@pytest.fixture(scope="module")
def content(followup: FittedRecipe) -> bytes:
    return to_onnx(followup, len(NAMES))


@pytest.fixture(scope="module")
def probes(content: bytes, features: NDArray[np.float32]) -> NDArray[np.float32]:
    return probe_rows(content, features, NAMES)


def tree_splits(fitted: FittedRecipe) -> Iterator[tuple[int, np.float32]]:
    """Column and threshold of every split of scikit-learn's tree, as the library gives them."""
    inner: Any = fitted.members[0].tree_  # type: ignore[attr-defined]  # scikit-learn's tree
    for column, threshold in zip(inner.feature, inner.threshold, strict=True):
        if column >= 0:
            rounded = np.float32(threshold)
            lower = float(rounded) <= threshold
            yield fitted.columns[column], rounded if lower else np.nextafter(rounded, np.float32(-np.inf))


def booster_splits(fitted: FittedRecipe) -> Iterator[tuple[int, np.float32]]:
    """Column and threshold of every split of XGBoost's trees, as the library gives them."""
    for booster in fitted.members[1:]:
        dump = booster.get_booster().get_dump(dump_format="json")  # type: ignore[attr-defined]  # XGBoost's classifier
        nodes = [json.loads(root) for root in dump]
        while nodes:
            node = nodes.pop()
            nodes += node.get("children", [])
            if "split" in node:
                yield fitted.columns[int(node["split"].removeprefix("f"))], np.float32(node["split_condition"])


def largest_difference(fitted: FittedRecipe, content: bytes, rows: NDArray[np.float32]) -> float:
    return float(np.abs(fitted.probabilities(rows) - answers(content, rows)).max())


def test_the_graph_gives_the_estimators_probabilities_with_values_missing_or_not(
    followup: FittedRecipe, content: bytes, features: NDArray[np.float32], probes: NDArray[np.float32]
) -> None:
    assert np.isnan(probes).any(axis=0).all()
    for rows in (features, probes, np.full((1, len(NAMES)), np.nan, np.float32)):
        assert largest_difference(followup, content, rows) <= TOLERANCE
    check_graph(followup, content, features, NAMES)
    assert to_onnx(followup, len(NAMES)) == content


def test_a_graph_of_all_columns_uses_only_those_of_the_members(bedside: FittedRecipe, people: Cohort) -> None:
    names = MODEL_VARIABLES["bedside"]
    assert len(bedside.columns) < len(names)
    content = to_onnx(bedside, len(names))
    rows = probe_rows(content, people.features("bedside"), names)
    assert largest_difference(bedside, content, rows) <= TOLERANCE
    others = rows.copy()
    others[:, [column for column in range(len(names)) if column not in bedside.columns]] = np.nan
    assert np.array_equal(answers(content, rows), answers(content, others))


def test_a_bagged_member_is_one_ensemble_of_all_its_trees(bedside: FittedRecipe) -> None:
    graph = onnx.load_from_string(to_onnx(bedside, len(MODEL_VARIABLES["bedside"]))).graph
    ensembles = [_attributes(node) for node in graph.node if node.op_type == "TreeEnsembleClassifier"]
    # Two bags of one tree, or of ten.
    assert [len(set(one["nodes_treeids"])) for one in ensembles] == [2, 20, 20]
    assert [one["post_transform"] for one in ensembles] == [b"NONE", b"LOGISTIC", b"LOGISTIC"]


def test_the_probes_are_reproducible_cover_the_limits_and_test_every_split_with_both_its_neighbours(
    followup: FittedRecipe, content: bytes, features: NDArray[np.float32], probes: NDArray[np.float32]
) -> None:
    assert probes.shape == (RANDOM_ROWS, len(NAMES))
    assert np.array_equal(probe_rows(content, features, NAMES), probes, equal_nan=True)
    for column, name in zip(probes.T, NAMES, strict=True):
        assert np.nanmax(column) - np.nanmin(column) > 0.95 * (BY_NAME[name].high - BY_NAME[name].low)
        assert 0 < np.isnan(column).mean() < 0.2
    tried = [set(column.tolist()) for column in probes.T]
    splits = {*tree_splits(followup), *booster_splits(followup)}
    assert len(splits) > 50
    for column, threshold in splits:
        for value in (threshold, *(np.nextafter(threshold, np.float32(end)) for end in (-np.inf, np.inf))):
            assert float(value) in tried[column], (NAMES[column], threshold, value)


def test_the_edges_are_the_splits_of_the_estimators(followup: FittedRecipe, content: bytes) -> None:
    # scikit-learn sends values up to its threshold to the left, XGBoost those below it.
    expected: dict[str, set[float]] = {}
    for column, threshold in tree_splits(followup):
        expected.setdefault(NAMES[column], set()).add(float(np.nextafter(threshold, np.float32(np.inf))))
    for column, threshold in booster_splits(followup):
        expected.setdefault(NAMES[column], set()).add(float(threshold))
    assert find_edges(content, NAMES) == {name: sorted(expected[name]) for name in NAMES if name in expected}


def test_a_comparison_of_another_kind_is_refused() -> None:
    attributes: dict[str, Any] = {"nodes_modes": ["BRANCH_EQ"], "nodes_featureids": [1], "nodes_values": [1.0]}
    node = onnx.helper.make_node("TreeEnsembleClassifier", ["patients"], ["out"], **attributes)
    content = onnx.helper.make_model(onnx.helper.make_graph([node], "one", [], [])).SerializeToString()
    with pytest.raises(ExportError, match="BRANCH_EQ"):
        find_edges(content, ["age", "platelets"])


def test_a_member_that_is_not_the_graphs_is_refused_by_name(
    followup: FittedRecipe, content: bytes, features: NDArray[np.float32]
) -> None:
    tree, _, boosting = followup.members
    swapped = replace(followup, members=(tree, boosting, boosting))
    with pytest.raises(ExportError, match=r"^random_forest: the ONNX graph differs .* no bundle was written$"):
        check_graph(swapped, content, features, NAMES)
