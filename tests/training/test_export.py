from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.inference.calibration import Calibration
from heartapp.training.export import (
    RANDOM_ROWS,
    TOLERANCE,
    ExportError,
    answers,
    check_parity,
    find_edges,
    probe_rows,
    settle_threshold,
    to_onnx,
)
from heartapp.training.members import PLANS
from heartapp.training.recipe import FittedRecipe, fit_recipe, positive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from numpy.typing import NDArray

    from heartapp.training.cohort import Cohort
    from heartapp.training.members import Estimator

SOMETIMES_MISSING = ("creatinine_phosphokinase", "platelets", "serum_creatinine", "serum_sodium")
NAMES = MODEL_VARIABLES["followup"]


@pytest.fixture(scope="module")
def features(people: Cohort) -> NDArray[np.float32]:
    return people.features("followup")


@pytest.fixture(scope="module")
def other(people: Cohort, features: NDArray[np.float32]) -> FittedRecipe:
    """The recipe on the same patients with the outcome turned round."""
    return fit_recipe(features, 1 - people.outcome, NAMES, PLANS["followup"], 519)


@pytest.fixture(scope="module")
def content(followup: FittedRecipe) -> bytes:
    return to_onnx(followup, len(NAMES))


@pytest.fixture(scope="module")
def probes(content: bytes, features: NDArray[np.float32]) -> NDArray[np.float32]:
    return probe_rows(content, features, NAMES)


class Nudged:
    """A member whose every probability is moved down, by default to its next neighbour in single precision."""

    def __init__(self, member: Estimator, by: float = 0) -> None:
        self._member = member
        self._by = np.float32(by)

    def fit(self, features: NDArray[np.float32], outcome: NDArray[np.int64]) -> Self:
        self._member.fit(features, outcome)
        return self

    def predict_proba(self, features: NDArray[np.float32]) -> NDArray[np.floating]:
        died = positive(self._member, features)
        lower = np.nextafter(died - self._by, np.float32(0))
        return np.column_stack([1 - lower, lower])


def estimator_splits(fitted: FittedRecipe) -> Iterator[tuple[int, np.float32]]:
    """Column and threshold of every split, as the libraries themselves tell them."""
    tree, *boosters = fitted.members
    inner: Any = tree.tree_  # type: ignore[attr-defined]  # scikit-learn's tree
    for column, threshold in zip(inner.feature, inner.threshold, strict=True):
        if column >= 0:
            yield fitted.columns[column], largest_float32_not_above(threshold)
    for booster in boosters:
        dump = booster.get_booster().get_dump(dump_format="json")  # type: ignore[attr-defined]  # XGBoost's classifier
        for root in dump:
            nodes = [json.loads(root)]
            while nodes:
                node = nodes.pop()
                nodes += node.get("children", [])
                if "split" in node:
                    yield fitted.columns[int(node["split"].removeprefix("f"))], np.float32(node["split_condition"])


def largest_float32_not_above(threshold: float) -> np.float32:
    rounded = np.float32(threshold)
    return rounded if float(rounded) <= threshold else np.nextafter(rounded, np.float32(-np.inf))


def check(fitted: FittedRecipe, content: bytes, rows: NDArray[np.float32]) -> None:
    check_parity(fitted, fitted.probabilities(rows), answers(content, rows))


def test_the_graph_answers_as_the_estimators_do_with_values_missing_or_not(
    followup: FittedRecipe, content: bytes, features: NDArray[np.float32], probes: NDArray[np.float32]
) -> None:
    for rows in (features, probes):
        assert np.isnan(rows).any(axis=0).sum() >= len(SOMETIMES_MISSING)
        check(followup, content, rows)
    nothing_known = np.full((1, len(NAMES)), np.nan, np.float32)
    check(followup, content, nothing_known)


def test_a_graph_of_all_columns_looks_at_those_that_the_members_use(bedside: FittedRecipe, people: Cohort) -> None:
    names, features = people.names("bedside"), people.features("bedside")
    assert len(bedside.columns) < len(names)
    content = to_onnx(bedside, len(names))
    rows = probe_rows(content, features, names, count=500)
    check(bedside, content, rows)
    others = rows.copy()
    others[:, [column for column in range(len(names)) if column not in bedside.columns]] = np.nan
    assert np.array_equal(answers(content, rows), answers(content, others))
    assert {column for column, _ in estimator_splits(bedside)} <= set(bedside.columns)


def test_a_value_that_training_never_lacked_may_be_missing_and_answers_alike(
    followup: FittedRecipe, content: bytes, features: NDArray[np.float32]
) -> None:
    for column in range(len(NAMES)):
        rows = features.copy()
        rows[:, column] = np.nan
        check(followup, content, rows)


def test_the_same_members_give_the_same_bytes(followup: FittedRecipe, content: bytes) -> None:
    assert to_onnx(followup, len(NAMES)) == content


def test_the_graph_takes_patients_and_gives_three_probabilities(content: bytes) -> None:
    graph = onnx.load_from_string(content).graph
    (source,), (result,) = graph.input, graph.output
    shapes = [[one.dim_param or one.dim_value for one in edge.type.tensor_type.shape.dim] for edge in (source, result)]
    assert (source.name, result.name) == ("patients", "probabilities")
    assert shapes == [["n", len(NAMES)], ["n", len(MEMBERS)]]


def test_every_split_is_tried_with_both_its_neighbours_in_single_precision(
    followup: FittedRecipe, probes: NDArray[np.float32]
) -> None:
    tried = [set(column.tolist()) for column in probes.T]
    splits = set(estimator_splits(followup))
    assert len(splits) > 50
    for column, threshold in splits:
        for value in (threshold, *(np.nextafter(threshold, np.float32(end)) for end in (-np.inf, np.inf))):
            assert float(value) in tried[column], (NAMES[column], threshold, value)


def test_the_edges_are_what_the_estimators_split_at(followup: FittedRecipe, content: bytes) -> None:
    # scikit-learn sends values up to its threshold to the left, XGBoost those below it.
    tree, *_ = followup.members
    inner: Any = tree.tree_  # type: ignore[attr-defined]  # scikit-learn's tree
    count = sum(inner.feature >= 0)
    expected: dict[str, set[float]] = {}
    for place, (column, threshold) in enumerate(estimator_splits(followup)):
        edge = np.nextafter(threshold, np.float32(np.inf)) if place < count else threshold
        expected.setdefault(NAMES[column], set()).add(float(edge))
    assert find_edges(content, NAMES) == {name: sorted(expected[name]) for name in NAMES if name in expected}


MODES = {"BRANCH_LEQ": np.less_equal, "BRANCH_LT": np.less, "BRANCH_GTE": np.greater_equal, "BRANCH_GT": np.greater}


def graph_of(mode: str, threshold: float) -> bytes:
    """One tree with one split of the second of two columns."""
    node = onnx.helper.make_node(
        "TreeEnsembleClassifier",
        ["patients"],
        ["out"],
        nodes_modes=[mode, "LEAF", "LEAF"],
        nodes_featureids=[1, 0, 0],
        nodes_values=[threshold, 0.0, 0.0],
    )
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [onnx.helper.make_tensor_value_info("patients", onnx.TensorProto.FLOAT, ["n", 2])],
        [onnx.helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, ["n", 3])],
    )
    return bytes(onnx.helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize("mode", MODES)
@given(threshold=st.floats(-1e6, 1e6, width=32))
def test_an_edge_parts_values_as_its_comparison_does(mode: str, threshold: float) -> None:
    near = np.float32(threshold)
    values = np.array([np.nextafter(near, -np.inf), near, np.nextafter(near, np.inf)], np.float32)
    edges = find_edges(graph_of(mode, threshold), ["age", "platelets"])
    assert list(edges) == ["platelets"]
    behind = np.searchsorted(np.array(edges["platelets"], np.float32), values, side="right").astype(bool)
    compared = MODES[mode](values, near)
    np.testing.assert_array_equal(behind, compared if mode.startswith("BRANCH_G") else ~compared)


def test_a_comparison_of_another_kind_is_refused() -> None:
    with pytest.raises(ExportError, match="BRANCH_EQ"):
        find_edges(graph_of("BRANCH_EQ", 1), ["age", "platelets"])


def test_the_probes_are_many_reach_across_the_limits_and_lack_values(probes: NDArray[np.float32]) -> None:
    assert probes.shape == (RANDOM_ROWS, len(NAMES))
    for column, name in zip(probes.T, NAMES, strict=True):
        variable = BY_NAME[name]
        assert np.nanmax(column) - np.nanmin(column) > 0.95 * (variable.high - variable.low)
        assert 0 < np.isnan(column).mean() < 0.2


def test_the_probes_are_the_same_each_time_and_never_fewer_than_the_splits_need(
    content: bytes, features: NDArray[np.float32], probes: NDArray[np.float32], followup: FittedRecipe
) -> None:
    assert np.array_equal(probe_rows(content, features, NAMES), probes, equal_nan=True)
    assert len(probe_rows(content, features, NAMES, count=1)) >= 3 * len(set(estimator_splits(followup)))


def test_a_graph_of_other_members_is_refused(
    followup: FittedRecipe, other: FittedRecipe, features: NDArray[np.float32]
) -> None:
    others = to_onnx(other, len(NAMES))
    with pytest.raises(ExportError, match=r"^decision_tree: the ONNX graph differs .* no bundle was written$"):
        check(followup, others, features)
    with pytest.raises(ExportError, match="no bundle was written"):
        settle_threshold(followup, others, features, NAMES)


def test_an_estimator_that_changed_after_the_export_is_refused(
    followup: FittedRecipe, other: FittedRecipe, content: bytes, features: NDArray[np.float32]
) -> None:
    changed = dataclasses.replace(followup, members=(*followup.members[:2], other.members[2]))
    with pytest.raises(ExportError, match=r"^gradient_boosting: "):
        check(changed, content, features)


def at_a_leaf(fitted: FittedRecipe, features: NDArray[np.float32]) -> FittedRecipe:
    """The same members, the tree a digit lower, and a threshold of 0.3 whose preimage is a leaf's very probability."""
    tree, forest, boosting = fitted.members
    leaf = float(np.unique(positive(tree, features))[1])
    calibration = Calibration(1, math.log(0.3 / 0.7) - math.log(leaf / (1 - leaf)) + 1e-9)
    assert calibration.cutoff(0.3) == leaf
    return dataclasses.replace(fitted, members=(Nudged(tree), forest, boosting), calibration=calibration, threshold=0.3)


def test_a_single_vote_that_differs_is_refused_though_the_probabilities_hardly_do(
    followup: FittedRecipe, content: bytes, features: NDArray[np.float32]
) -> None:
    tree, forest, boosting = followup.members
    check(dataclasses.replace(followup, members=(Nudged(tree), forest, boosting)), content, features)
    with pytest.raises(ExportError, match=r"differs from the estimator by up to \S+e-0[89] and in [1-9]\d* of"):
        check(at_a_leaf(followup, features), content, features)


def test_a_threshold_on_which_graph_and_estimators_fall_apart_is_moved_to_the_next_that_they_agree_at(
    followup: FittedRecipe, content: bytes, features: NDArray[np.float32]
) -> None:
    coincidence = at_a_leaf(followup, features)
    settled = settle_threshold(coincidence, content, features, NAMES)
    assert settled.threshold in (0.299, 0.301)
    assert dataclasses.replace(settled, threshold=0.3) == coincidence
    check(settled, content, features)


def test_a_threshold_without_coincidence_stays(
    followup: FittedRecipe, content: bytes, features: NDArray[np.float32]
) -> None:
    assert settle_threshold(followup, content, features, NAMES) == followup


def test_a_probability_that_differs_is_refused_though_no_vote_does(
    followup: FittedRecipe, content: bytes, features: NDArray[np.float32]
) -> None:
    tree, forest, boosting = followup.members
    moved = (Nudged(tree, 1.5 * TOLERANCE), forest, boosting)
    nobody_votes = dataclasses.replace(followup, members=moved, calibration=Calibration(1, -6), threshold=0.99)
    with pytest.raises(ExportError, match=r"differs from the estimator by up to 1\.5e-05 and in 0 of"):
        check(nobody_votes, content, features)
