from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.inference.calibration import Calibration
from heartapp.training.data import Table, read_table
from heartapp.training.export import RANDOM_ROWS, TOLERANCE, ExportError, check_parity, probe_rows, to_onnx
from heartapp.training.recipe import FittedRecipe, fit_recipe, positive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

    from numpy.typing import NDArray

    from heartapp.training.members import Estimator

NAMES = MODEL_VARIABLES["followup"]


@pytest.fixture(scope="module")
def table(cohort: Path) -> Table:
    return read_table(cohort)


@pytest.fixture(scope="module")
def features(table: Table) -> NDArray[np.float32]:
    return table.features(NAMES)


@pytest.fixture(scope="module")
def fitted(table: Table, features: NDArray[np.float32]) -> FittedRecipe:
    return fit_recipe(features, table.outcome, 519)


@pytest.fixture(scope="module")
def other(table: Table, features: NDArray[np.float32]) -> FittedRecipe:
    """The recipe on the same patients with the outcome turned round."""
    return fit_recipe(features, 1 - table.outcome, 519)


@pytest.fixture(scope="module")
def content(fitted: FittedRecipe) -> bytes:
    return to_onnx(fitted.members, len(NAMES))


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
            yield int(column), largest_float32_not_above(threshold)
    for booster in boosters:
        dump = booster.get_booster().get_dump(dump_format="json")  # type: ignore[attr-defined]  # XGBoost's classifier
        for root in dump:
            nodes = [json.loads(root)]
            while nodes:
                node = nodes.pop()
                nodes += node.get("children", [])
                if "split" in node:
                    yield int(node["split"].removeprefix("f")), np.float32(node["split_condition"])


def largest_float32_not_above(threshold: float) -> np.float32:
    rounded = np.float32(threshold)
    return rounded if float(rounded) <= threshold else np.nextafter(rounded, np.float32(-np.inf))


def test_the_graph_answers_as_the_estimators_do(
    fitted: FittedRecipe, content: bytes, features: NDArray[np.float32]
) -> None:
    check_parity(fitted, content, features, NAMES)


def test_the_same_members_give_the_same_bytes(fitted: FittedRecipe, content: bytes) -> None:
    assert to_onnx(fitted.members, len(NAMES)) == content


def test_the_graph_takes_patients_and_gives_three_probabilities(content: bytes) -> None:
    graph = onnx.load_from_string(content).graph
    (source,), (result,) = graph.input, graph.output
    shapes = [[one.dim_param or one.dim_value for one in edge.type.tensor_type.shape.dim] for edge in (source, result)]
    assert (source.name, result.name) == ("patients", "probabilities")
    assert shapes == [["n", len(NAMES)], ["n", len(MEMBERS)]]


def test_every_split_is_tried_with_both_its_neighbours_in_single_precision(
    fitted: FittedRecipe, probes: NDArray[np.float32]
) -> None:
    tried = [set(column.tolist()) for column in probes.T]
    splits = set(estimator_splits(fitted))
    assert len(splits) > 50
    for column, threshold in splits:
        for value in (threshold, *(np.nextafter(threshold, np.float32(end)) for end in (-np.inf, np.inf))):
            assert float(value) in tried[column], (NAMES[column], threshold, value)


def test_the_probes_are_many_and_reach_across_the_limits(probes: NDArray[np.float32]) -> None:
    assert probes.shape == (RANDOM_ROWS, len(NAMES))
    for column, name in zip(probes.T, NAMES, strict=True):
        variable = BY_NAME[name]
        assert column.max() - column.min() > 0.95 * (variable.high - variable.low)


def test_the_probes_are_the_same_each_time_and_never_fewer_than_the_splits_need(
    content: bytes, features: NDArray[np.float32], probes: NDArray[np.float32], fitted: FittedRecipe
) -> None:
    assert np.array_equal(probe_rows(content, features, NAMES), probes)
    assert len(probe_rows(content, features, NAMES, count=1)) >= 3 * len(set(estimator_splits(fitted)))


def test_a_graph_of_other_members_is_refused(
    fitted: FittedRecipe, other: FittedRecipe, features: NDArray[np.float32]
) -> None:
    with pytest.raises(ExportError, match=r"^decision_tree: the ONNX graph differs .* no bundle was written$"):
        check_parity(fitted, to_onnx(other.members, len(NAMES)), features, NAMES)


def test_an_estimator_that_changed_after_the_export_is_refused(
    fitted: FittedRecipe, other: FittedRecipe, content: bytes, features: NDArray[np.float32]
) -> None:
    changed = dataclasses.replace(fitted, members=(*fitted.members[:2], other.members[2]))
    with pytest.raises(ExportError, match=r"^gradient_boosting: "):
        check_parity(changed, content, features, NAMES)


def test_a_single_vote_that_differs_is_refused_though_the_probabilities_hardly_do(
    fitted: FittedRecipe, content: bytes, features: NDArray[np.float32]
) -> None:
    tree, forest, boosting = fitted.members
    nudged = dataclasses.replace(fitted, members=(Nudged(tree), forest, boosting))
    check_parity(nudged, content, features, NAMES)
    leaf = np.unique(positive(tree, features))[1:2]
    calibration = Calibration(1, 0)
    at_the_leaf = dataclasses.replace(nudged, calibration=calibration, threshold=float(calibration.transform(leaf)[0]))
    with pytest.raises(ExportError, match=r"differs from the estimator by up to \S+e-0[89] and in [1-9]\d* of"):
        check_parity(at_the_leaf, content, features, NAMES)


def test_a_probability_that_differs_is_refused_though_no_vote_does(
    fitted: FittedRecipe, content: bytes, features: NDArray[np.float32]
) -> None:
    tree, forest, boosting = fitted.members
    moved = (Nudged(tree, 1.5 * TOLERANCE), forest, boosting)
    nobody_votes = dataclasses.replace(fitted, members=moved, calibration=Calibration(1, -6), threshold=0.99)
    with pytest.raises(ExportError, match=r"differs from the estimator by up to 1\.5e-05 and in 0 of"):
        check_parity(nobody_votes, content, features, NAMES)
