"""Export fitted estimators as one ONNX graph, and prove that both give the same answers.

The graph takes rows of single-precision values, shape (n, variables), and gives each member's probability of death,
shape (n, 3). skl2onnx and onnxmltools convert the members; their graphs are joined here.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as XGBoostFloat
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType as SklearnFloat
from sklearn.tree import DecisionTreeClassifier

from heartapp.clinical.variables import BY_NAME
from heartapp.errors import HeartappError
from heartapp.inference.bundle import MEMBERS
from heartapp.inference.runtime import import_onnxruntime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.training.members import Estimator
    from heartapp.training.recipe import FittedRecipe

TOLERANCE: Final = 1e-5
RANDOM_ROWS: Final = 20_000
NUDGES: Final = 20
_NUDGE: Final = 0.001
_MISSING: Final = 0.02
_FROM_DATA: Final = 0.5
_OPSET: Final = 18
_ML_OPSET: Final = 3
_IR_VERSION: Final = 10
_INCLUDED: Final = {"BRANCH_LEQ": True, "BRANCH_GT": True, "BRANCH_LT": False, "BRANCH_GTE": False}
"""Whether a split's threshold belongs to the lower values, by the kind of comparison."""
_INPUT: Final = "patients"
_OUTPUT: Final = "probabilities"
_TREES: Final = "TreeEnsembleClassifier"


class ExportError(HeartappError):
    """The exported model and the estimators give different answers; no bundle is written."""


def to_onnx(fitted: FittedRecipe, columns: int) -> bytes:
    """The three members as one graph of all columns; the same members give the same bytes."""
    nodes, initializers, outputs = [], [numpy_helper.from_array(np.array(1, np.int64), "died")], []
    for name, member in zip(MEMBERS, fitted.members, strict=True):
        graph = compose.add_prefix(_convert(member, fitted.columns), f"{name}/").graph
        source = graph.input[0].name
        for node in graph.node:
            node.input[:] = [_INPUT if edge == source else edge for edge in node.input]
        both = graph.output[1].name
        nodes += [*graph.node, helper.make_node("Gather", [both, "died"], [f"{name}/died"], axis=1)]
        nodes.append(helper.make_node("Unsqueeze", [f"{name}/died", "columns"], [f"{name}/column"]))
        initializers += graph.initializer
        outputs.append(f"{name}/column")
    initializers.append(numpy_helper.from_array(np.array([1], np.int64), "columns"))
    nodes.append(helper.make_node("Concat", outputs, [_OUTPUT], axis=1))
    joined = helper.make_model(
        helper.make_graph(
            nodes,
            "heartapp",
            [helper.make_tensor_value_info(_INPUT, TensorProto.FLOAT, ["n", columns])],
            [helper.make_tensor_value_info(_OUTPUT, TensorProto.FLOAT, ["n", len(MEMBERS)])],
            initializers,
        ),
        producer_name="heartapp",
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)],
        ir_version=_IR_VERSION,
    )
    onnx.checker.check_model(joined)
    return bytes(joined.SerializeToString(deterministic=True))


def settle_threshold(
    fitted: FittedRecipe, content: bytes, features: NDArray[np.float32], names: Sequence[str]
) -> FittedRecipe:
    """Check that graph and estimators agree, and move the threshold if a member's probability lies on its cutoff.

    There, a difference in the last digit would turn a vote. The nearest threshold, by thousandths, at which all votes
    agree is taken; nearly always that is the one the recipe chose.

    Args:
        fitted: the estimators.
        content: their graph.
        features: the training patients, shape (n, variables); `probe_rows` adds more.
        names: the variables, one for each column.

    Raises:
        ExportError: a probability differs by more than 1e-5, or votes differ at every threshold nearby.
    """
    rows = np.vstack([features, probe_rows(content, features, names)])
    trained, served = fitted.probabilities(rows), answers(content, rows)
    differences = np.abs(trained - served).max(axis=0)
    if differences.max() > TOLERANCE:
        worst = int(differences.argmax())
        raise ExportError(
            f"{MEMBERS[worst]}: the ONNX graph differs from the estimator by up to {differences[worst]:.2g}; no bundle "
            "was written"
        )
    for step in sorted(range(-NUDGES, NUDGES + 1), key=abs):
        threshold = round(fitted.threshold + step * _NUDGE, 3)
        cutoff = fitted.calibration.cutoff(threshold)
        if np.array_equal(trained >= cutoff, served >= cutoff):
            return replace(fitted, threshold=threshold)
    raise ExportError("votes of the ONNX graph and of the estimators differ; no bundle was written")


def answers(content: bytes, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The graph's probabilities, shape (n, 3)."""
    session = import_onnxruntime().InferenceSession(content, providers=["CPUExecutionProvider"])
    probabilities: NDArray[np.float32] = session.run(None, {_INPUT: rows})[0]
    return probabilities


def probe_rows(
    content: bytes, features: NDArray[np.float32], names: Sequence[str], *, count: int = RANDOM_ROWS
) -> NDArray[np.float32]:
    """At least ``count`` generated rows that test the graph at its splits, where it could differ.

    Each split's threshold appears in its column, with its two neighbours in single precision. The other values are
    drawn from the columns of the training data, or from anywhere within the limits; a few are missing.
    """
    generator = np.random.default_rng(0)
    edges = [
        (column, value)
        for column, threshold in sorted({split[1:] for split in _splits(content)})
        for value in (
            threshold,
            np.nextafter(threshold, np.float32(-np.inf)),
            np.nextafter(threshold, np.float32(np.inf)),
        )
    ]
    total = max(count, len(edges))
    rows = np.empty((total, len(names)), np.float32)
    for column, name in enumerate(names):
        variable = BY_NAME[name]
        anywhere = generator.uniform(variable.low, variable.high, total)
        if variable.kind != "number":
            anywhere = np.round(anywhere)
        rows[:, column] = np.where(
            generator.random(total) < _FROM_DATA, generator.choice(features[:, column], total), anywhere
        )
    rows[generator.random(rows.shape) < _MISSING] = np.nan
    for row, (column, value) in enumerate(edges):
        rows[row, column] = value
    return rows


def find_edges(content: bytes, names: Sequence[str]) -> dict[str, list[float]]:
    """The smallest single-precision value above each split, ascending, by variable.

    "At most t" and "above t" separate t from the next number; "below t" and "at least t" separate t from the one
    before it.

    Raises:
        ExportError: the graph compares in another way.
    """
    edges: dict[int, set[float]] = {}
    for mode, column, value in _splits(content):
        if mode not in _INCLUDED:
            raise ExportError(f"the ONNX graph has splits of the unknown kind {mode}; no bundle was written")
        edge = np.nextafter(value, np.float32(np.inf)) if _INCLUDED[mode] else value
        edges.setdefault(column, set()).add(float(edge))
    return {names[column]: sorted(found) for column, found in sorted(edges.items())}


def tree_ensembles(content: bytes) -> list[dict[str, Any]]:
    """The attributes of each member's trees in a graph, in the order of `MEMBERS`."""
    return [
        {one.name: helper.get_attribute_value(one) for one in node.attribute}
        for node in onnx.load_from_string(content).graph.node
        if node.op_type == _TREES
    ]


def _splits(content: bytes) -> set[tuple[str, int, np.float32]]:
    """Comparison, column and threshold of every split in the graph."""
    columns = ("nodes_modes", "nodes_featureids", "nodes_values")
    nodes = (zip(*(trees[column] for column in columns), strict=True) for trees in tree_ensembles(content))
    return {
        (mode.decode(), int(column), np.float32(value))
        for mode, column, value in chain.from_iterable(nodes)
        if mode != b"LEAF"
    }


def _convert(member: Estimator, columns: Sequence[int]) -> onnx.ModelProto:
    """Convert one member, and renumber its splits to the columns of the whole graph."""
    if isinstance(member, DecisionTreeClassifier):
        converted: Any = convert_sklearn(
            member,
            initial_types=[("X", SklearnFloat([None, len(columns)]))],
            options={"zipmap": False},
            target_opset={"": _OPSET, "ai.onnx.ml": _ML_OPSET},
        )
        # skl2onnx 1.20 leaves out where missing values go.
        _attribute(converted, "nodes_missing_value_tracks_true").ints[:] = member.tree_.missing_go_to_left.tolist()
    else:
        # onnxmltools 1.16 writes graphs of opset 15 at most; the one operator in it has not changed since.
        converted = convert_xgboost(member, initial_types=[("X", XGBoostFloat([None, len(columns)]))], target_opset=15)
    splits = _attribute(converted, "nodes_featureids")
    splits.ints[:] = [columns[column] for column in splits.ints]
    return cast("onnx.ModelProto", converted)


def _attribute(model: onnx.ModelProto, name: str) -> onnx.AttributeProto:
    """An attribute of the graph's only tree ensemble."""
    (node,) = (node for node in model.graph.node if node.op_type == _TREES)
    attribute: onnx.AttributeProto = next(one for one in node.attribute if one.name == name)
    return attribute
