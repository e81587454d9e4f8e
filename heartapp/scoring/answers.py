"""A small model as the table of all its answers.

Trees compare values with thresholds and do nothing else: patients whose values lie between the same thresholds get the
same answer, bit for bit. `bedside` splits three variables at 51 places in all, which makes 6,720 answers; the members
are asked for each of them once, and a patient's is looked up. A model of too many answers is asked about each patient.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from heartapp.inference.model import Model

    Ask = Callable[[NDArray[np.float32]], NDArray[np.float32]]

MOST_ANSWERS: Final = 100_000
_TREES: Final = "TreeEnsembleClassifier"


@lru_cache
def quickest(model: Model) -> Ask:
    """What answers as `Model.probabilities` does, and as fast as it can be had."""
    edges = find_edges(model.bundle.onnx)
    if edges is None or math.prod(len(one) + 2 for one in edges.values()) > MOST_ANSWERS:
        return model.probabilities
    return Table(model, edges)


class Table:
    """Every answer of a model, by the places of the values between the thresholds."""

    def __init__(self, model: Model, edges: Mapping[int, NDArray[np.float32]]) -> None:
        """Ask the members for all answers; see `find_edges`."""
        self._edges = dict(edges)
        # One value of each place: below the first edge, from each edge on, and missing.
        places = [np.concatenate([[np.nextafter(one[0], -np.inf)], one, [np.nan]]) for one in edges.values()]
        values = np.zeros((math.prod(map(len, places)), len(model.variables)), np.float32)
        for column, grid in zip(edges, np.meshgrid(*places, indexing="ij"), strict=True):
            values[:, column] = grid.ravel()
        self._answers = model.probabilities(values)

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each member's probability of death, shape (n, 3), of rows of shape (n, variables)."""
        number = np.zeros(len(values), np.intp)
        for column, edges in self._edges.items():
            place = np.searchsorted(edges, values[:, column], side="right")
            place[np.isnan(values[:, column])] = len(edges) + 1
            number = number * (len(edges) + 2) + place
        return self._answers[number]


def find_edges(content: bytes) -> dict[int, NDArray[np.float32]] | None:
    """The smallest value on the far side of each threshold, ascending, by column; None for a graph of anything else.

    "At most t" and "above t" part t from the next number, "below t" and "at least t" the one before from t.
    """
    graph = onnx.load_from_string(content).graph
    edges: dict[int, set[np.float32]] = {}
    for node in graph.node:
        if not {one.name for one in graph.input} & {*node.input}:
            continue
        if node.op_type != _TREES:
            return None
        attributes: dict[str, Any] = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        for mode, column, value in zip(
            attributes["nodes_modes"], attributes["nodes_featureids"], attributes["nodes_values"], strict=True
        ):
            if mode == b"LEAF":
                continue
            if mode in {b"BRANCH_LEQ", b"BRANCH_GT"}:
                edges.setdefault(column, set()).add(np.nextafter(np.float32(value), np.float32(np.inf)))
            elif mode in {b"BRANCH_LT", b"BRANCH_GTE"}:
                edges.setdefault(column, set()).add(np.float32(value))
            else:
                return None
    return {column: np.sort(np.array([*found], np.float32)) for column, found in sorted(edges.items())}
