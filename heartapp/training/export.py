"""Export fitted estimators as one ONNX graph, and prove that both give the same answers.

The graph takes rows of single-precision values, shape (n, variables), and gives each member's probability of death,
shape (n, 3). skl2onnx and onnxmltools convert the estimators. Their trees are joined here, into one ensemble for
each member.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as XGBoostFloat
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType as SklearnFloat
from sklearn.tree import DecisionTreeClassifier

from heartapp.clinical.variables import BY_NAME
from heartapp.errors import HeartappError
from heartapp.inference.bundle import MEMBERS
from heartapp.inference.runtime import import_onnxruntime
from heartapp.training.members import Bagged, Estimator
from heartapp.training.recipe import FittedRecipe

TOLERANCE: Final = 1e-5
RANDOM_ROWS: Final = 20_000
_ANYWHERE: Final = 300
_MISSING: Final = 10
_OPSET: Final = 18
_ML_OPSET: Final = 3
_IR_VERSION: Final = 10
_INCLUDED: Final = {"BRANCH_LEQ": True, "BRANCH_LT": False}
"""Whether a split's threshold belongs to the lower values: scikit-learn's does, XGBoost's does not."""
_INPUT: Final = "patients"
_OUTPUT: Final = "probabilities"
_TREES: Final = "TreeEnsembleClassifier"


class ExportError(HeartappError):
    """The exported model and the estimators give different answers; no bundle is written."""


def to_onnx(fitted: FittedRecipe, columns: int) -> bytes:
    """The three members as one graph of all columns; the same members give the same bytes."""
    nodes, outputs = [], []
    for name, member in zip(MEMBERS, fitted.members, strict=True):
        trees = _convert(name, member, fitted.columns)
        nodes += [trees, helper.make_node("Gather", [f"{name}/both", "died"], [f"{name}/died"], axis=1)]
        outputs.append(f"{name}/died")
    nodes.append(helper.make_node("Concat", outputs, [_OUTPUT], axis=1))
    joined = helper.make_model(
        helper.make_graph(
            nodes,
            "heartapp",
            [helper.make_tensor_value_info(_INPUT, TensorProto.FLOAT, ["n", columns])],
            [helper.make_tensor_value_info(_OUTPUT, TensorProto.FLOAT, ["n", len(MEMBERS)])],
            # An index of one dimension, so that what is gathered stays a column.
            [numpy_helper.from_array(np.array([1], np.int64), "died")],
        ),
        producer_name="heartapp",
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)],
        ir_version=_IR_VERSION,
    )
    onnx.checker.check_model(joined)
    return bytes(joined.SerializeToString(deterministic=True))


def check_graph(fitted: FittedRecipe, content: bytes, features: NDArray[np.float32], names: Sequence[str]) -> None:
    """Check that graph and estimators agree.

    Args:
        fitted: the estimators.
        content: their graph.
        features: the training patients, shape (n, variables); `probe_rows` adds more.
        names: the variables, one for each column.

    Raises:
        ExportError: a probability differs by more than 1e-5.
    """
    rows = np.vstack([features, probe_rows(content, features, names)])
    differences = np.abs(fitted.probabilities(rows) - answers(content, rows)).max(axis=0)
    if differences.max() > TOLERANCE:
        worst = int(differences.argmax())
        raise ExportError(
            f"{MEMBERS[worst]}: the ONNX graph differs from the estimator by up to {differences[worst]:.2g}; no bundle "
            "was written"
        )


def answers(content: bytes, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The graph's probabilities, shape (n, 3)."""
    session = import_onnxruntime().InferenceSession(content, providers=["CPUExecutionProvider"])
    probabilities: NDArray[np.float32] = session.run(None, {_INPUT: rows})[0]
    return probabilities


def probe_rows(content: bytes, features: NDArray[np.float32], names: Sequence[str]) -> NDArray[np.float32]:
    """Generated rows that test the graph at its splits, where it could differ.

    The values of each column are drawn from the thresholds of its splits with their two neighbours in single precision,
    the training data, and anywhere within the limits; a few are missing.
    """
    generator = np.random.default_rng(0)
    splits = _splits(content)
    rows = np.empty((RANDOM_ROWS, len(names)), np.float32)
    for column, name in enumerate(names):
        thresholds = np.array(sorted({value for _, place, value in splits if place == column}), np.float32)
        edges = [np.nextafter(thresholds, towards) for towards in (np.float32(-np.inf), thresholds, np.float32(np.inf))]
        anywhere = generator.uniform(BY_NAME[name].low, BY_NAME[name].high, _ANYWHERE)
        values = np.concatenate([*edges, features[:, column], anywhere, [np.nan] * _MISSING])
        rows[:, column] = generator.choice(values, RANDOM_ROWS)
    return rows


def find_edges(content: bytes, names: Sequence[str]) -> dict[str, list[float]]:
    """The smallest single-precision value above each split, ascending, by variable.

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


def _splits(content: bytes) -> set[tuple[str, int, np.float32]]:
    """Comparison, column and threshold of every split in the graph.

    scikit-learn separates missing values from all others by an infinite threshold; numbers have no such split.
    """
    columns = ("nodes_modes", "nodes_featureids", "nodes_values")
    graph = onnx.load_from_string(content).graph
    ensembles = [_attributes(node) for node in graph.node if node.op_type == _TREES]
    nodes = (zip(*(trees[column] for column in columns), strict=True) for trees in ensembles)
    return {
        (mode.decode(), int(column), np.float32(value))
        for mode, column, value in chain.from_iterable(nodes)
        if mode != b"LEAF" and np.isfinite(value)
    }


def _convert(name: str, member: Estimator, columns: Sequence[int]) -> onnx.NodeProto:
    """Convert one member to one tree ensemble, with its splits renumbered to the columns of the whole graph."""
    parts = member.estimators if isinstance(member, Bagged) else [member]
    mean = _mean([_attributes(_convert_one(part, len(columns))) for part in parts])
    mean["nodes_featureids"] = [columns[column] for column in mean["nodes_featureids"]]
    return helper.make_node(_TREES, [_INPUT], [f"{name}/label", f"{name}/both"], domain="ai.onnx.ml", **mean)


def _convert_one(estimator: Any, columns: int) -> onnx.NodeProto:
    if not isinstance(estimator, DecisionTreeClassifier):
        # onnxmltools 1.16 writes graphs of opset 15 at most; the one operator in it has not changed since.
        return _only_trees(
            convert_xgboost(estimator, initial_types=[("X", XGBoostFloat([None, columns]))], target_opset=15)
        )
    node = _only_trees(
        convert_sklearn(
            estimator,
            initial_types=[("X", SklearnFloat([None, columns]))],
            options={"zipmap": False},
            target_opset={"": _OPSET, "ai.onnx.ml": _ML_OPSET},
        )
    )
    # skl2onnx 1.20 leaves out where missing values go.
    (tracks,) = (one for one in node.attribute if one.name == "nodes_missing_value_tracks_true")
    tracks.ints[:] = estimator.tree_.missing_go_to_left.tolist()
    return node


def _only_trees(model: onnx.ModelProto) -> onnx.NodeProto:
    """The graph's only tree ensemble."""
    node: onnx.NodeProto
    (node,) = (node for node in model.graph.node if node.op_type == _TREES)
    return node


def _mean(ensembles: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The attributes of one ensemble of all trees, whose sums are the means of the ensembles' sums."""
    sizes = [1 + max(one["nodes_treeids"]) for one in ensembles]
    first = [sum(sizes[:place]) for place in range(len(sizes))]
    mean = dict(ensembles[0])
    for name in mean:
        values = [one[name] for one in ensembles]
        if name == "base_values":
            mean[name] = np.mean(values, axis=0).tolist()
        elif name.endswith("_treeids"):
            mean[name] = [start + tree for start, trees in zip(first, values, strict=True) for tree in trees]
        elif name.startswith(("nodes_", "class_")):
            mean[name] = [*chain.from_iterable(values)]
    mean["class_weights"] = [weight / len(ensembles) for weight in mean["class_weights"]]
    return mean


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {one.name: helper.get_attribute_value(one) for one in node.attribute}
