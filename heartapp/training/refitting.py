"""Refit the recipe on bootstrap samples: protocol P3, and the compact file of refits that a server reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from heartapp.inference.refits import HIGH, LOW, Trees
from heartapp.inference.report import InstabilityReport
from heartapp.training.export import ExportError, to_onnx, tree_ensembles
from heartapp.training.goals import INSTABILITY_GOALS, judge
from heartapp.training.metrics import rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.inference.calibration import Calibration
    from heartapp.inference.refits import Refits
    from heartapp.training.cohort import Sample
    from heartapp.training.recipe import Recipe

Refit = tuple[bytes, "Calibration"]
"""The graph of a refit's members, and its calibration."""

GROUPS: Final = 10
"""Groups of patients by risk, whose ranges are reported."""
_LEAF: Final = -1
_NODE: Final = np.dtype(
    [
        ("number", np.int64),
        ("feature", np.int64),
        ("threshold", np.float32),
        ("missing_left", np.bool_),
        ("left", np.int64),
        ("right", np.int64),
        ("value", np.float32),
    ]
)


def refit(recipe: Recipe, sample: Sample, *, refits: int) -> list[Refit]:
    """Apply the whole recipe to bootstrap samples of the patients, on all processors, with a progress bar."""
    generator = np.random.default_rng(recipe.seed)
    draws = [generator.integers(0, len(sample.outcome), len(sample.outcome)) for _ in range(refits)]
    jobs = (delayed(_refit)(recipe, sample, draw) for draw in draws)
    return list(tqdm(Parallel(n_jobs=-1, return_as="generator")(jobs), total=refits, desc="refitting", unit="refit"))


def _refit(recipe: Recipe, sample: Sample, draw: NDArray[np.int64]) -> Refit:
    fitted = recipe.fit(sample.draw(draw))
    return to_onnx(fitted, len(recipe.names)), fitted.calibration


def report_instability(refits: Refits, features: NDArray[np.float32], served: NDArray[np.float64]) -> InstabilityReport:
    """How much the risks of the training patients change from refit to refit.

    Args:
        refits: the refits.
        features: the training patients, shape (n, variables).
        served: their risks from the served model, shape (n,).
    """
    risks = np.array([refits.risks(row) for row in features.tolist()])
    low, high = np.percentile(risks, [LOW, HIGH], axis=1)
    figures = {
        "mean_absolute_change": rounded(np.abs(risks - served[:, None]).mean()),
        "median_width": rounded(np.median(high - low)),
    }
    groups = np.array_split(np.argsort(served, kind="stable"), GROUPS)
    return InstabilityReport(
        refits=refits.count,
        **figures,
        goals=judge(INSTABILITY_GOALS, figures),
        ranges=[
            (rounded(served[group].mean()), rounded(low[group].mean()), rounded(high[group].mean())) for group in groups
        ],
    )


def pack(refits: Sequence[Refit]) -> Trees:
    """All refits' trees as plain arrays, in the order of refit, member, tree."""
    ensembles = [_ensemble(attributes) for content, _ in refits for attributes in tree_ensembles(content)]
    nodes = np.concatenate([ensemble["nodes"] for ensemble in ensembles])
    inner = nodes["feature"] != _LEAF
    cuts = np.unique(nodes["threshold"][inner])
    if max(len(cuts), nodes["number"].max()) > np.iinfo(np.uint16).max:
        raise ExportError("the refits have more cuts or larger trees than their file can number; no bundle was written")
    return Trees(
        cuts=cuts,
        feature=np.where(inner, nodes["feature"], 0).astype(np.uint8),
        cut=np.where(inner, np.searchsorted(cuts, nodes["threshold"]), 0).astype(np.uint16),
        missing_left=nodes["missing_left"],
        left=nodes["left"].astype(np.uint16),
        right=nodes["right"].astype(np.uint16),
        value=nodes["value"],
        roots=np.flatnonzero(nodes["number"] == 0).astype(np.uint32),
        output=np.repeat(np.arange(len(ensembles)), [ensemble["trees"] for ensemble in ensembles]).astype(np.uint16),
        depth=np.array(max(ensemble["depth"] for ensemble in ensembles), np.uint8),
        base=np.array([ensemble["base"] for ensemble in ensembles], np.float32),
        logistic=np.array([ensemble["logistic"] for ensemble in ensembles], np.bool_),
        slope=np.array([calibration.slope for _, calibration in refits], np.float64),
        intercept=np.array([calibration.intercept for _, calibration in refits], np.float64),
    )


def _ensemble(attributes: dict[str, Any]) -> dict[str, Any]:
    """One member: its nodes in the order of trees, and how their sums become a probability."""
    nodes = np.zeros(len(attributes["nodes_treeids"]), _NODE)
    nodes["number"] = attributes["nodes_nodeids"]
    modes = np.array(attributes["nodes_modes"])
    leaf = modes == b"LEAF"
    nodes["feature"] = np.where(leaf, _LEAF, attributes["nodes_featureids"])
    threshold = np.array(attributes["nodes_values"], np.float32)
    # "At most t" in single precision is "less than the number after t".
    at_most = modes == b"BRANCH_LEQ"
    nodes["threshold"] = np.where(at_most, np.nextafter(threshold, np.float32(np.inf)), threshold)
    nodes["missing_left"] = np.array(attributes["nodes_missing_value_tracks_true"], np.bool_)
    nodes["left"] = np.where(leaf, nodes["number"], attributes["nodes_truenodeids"])
    nodes["right"] = np.where(leaf, nodes["number"], attributes["nodes_falsenodeids"])
    roots = np.flatnonzero(nodes["number"] == 0)
    nodes["value"][roots[np.array(attributes["class_treeids"])] + attributes["class_nodeids"]] = attributes[
        "class_weights"
    ]
    return {
        "nodes": nodes,
        "trees": len(roots),
        "depth": _depth(nodes, roots),
        "base": sum(attributes.get("base_values", [])),
        "logistic": attributes["post_transform"] == b"LOGISTIC",
    }


def _depth(nodes: NDArray[np.void], roots: NDArray[np.int64]) -> int:
    """The most steps from a root to a leaf."""
    root = np.repeat(roots, np.diff(np.append(roots, len(nodes))))
    depth = np.zeros(len(nodes), np.int64)
    # Children come after their parents, so one pass in order is enough.
    for index in np.flatnonzero(nodes["feature"] != _LEAF):
        for child in (nodes["left"][index], nodes["right"][index]):
            depth[root[index] + child] = depth[index] + 1
    return int(depth.max())
