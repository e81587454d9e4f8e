"""How much the risk depends on the sample: the recipe refitted on bootstrap samples of the training data.

Each refit has three members and a calibration. All their trees are in one file of plain arrays, ``refits.npz``, without
pickle, and one patient is followed down all of them at once. The spread of the refits' risks is called instability
(Riley and Collins, Biometrical Journal 2023); it is not a confidence interval.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from zipfile import ZipFile

import msgspec
import numpy as np

from heartapp.inference.calibration import Calibration
from heartapp.inference.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MEMBERS_EACH: Final = 3
LOW, HIGH = 2.5, 97.5
_DTYPES: Final = {
    "cuts": "f4", "feature": "u1", "cut": "u2", "missing_left": "?", "left": "u2", "right": "u2", "value": "f4",
    "roots": "u4", "output": "u2", "depth": "u1", "base": "f4", "logistic": "?", "slope": "f8", "intercept": "f8",
}  # fmt: skip
_MOST_UNPACKED: Final = 256 * 1024 * 1024


class Instability(msgspec.Struct, frozen=True):
    """The 2.5th and 97.5th percentile of the refits' risks, and in how many of them the verdict differs."""

    low: float
    high: float
    flips: int
    refits: int


class RefitTable:
    """The refits' risks at the points of a grid over the used variables.

    ``columns`` are the variables' names, ``axes`` their grid points, ascending, and ``risks`` the refits' risks times
    255, rounded, of type uint8 and shape (refits, points of the first axis, points of the second, …).
    """

    def __init__(self, columns: Sequence[str], axes: Sequence[NDArray[np.float64]], risks: NDArray[np.uint8]) -> None:
        """Raises ValueError where the arrays do not belong together."""
        self.columns, self.axes = tuple(columns), tuple(axes)
        self._grid = Grid(axes)
        if risks.dtype != np.uint8 or not len(risks) or risks.shape[1:] != self._grid.shape:
            raise ValueError("the refits' risks do not fit their axes")
        # One patient's risks side by side, so that a request reads one place of the memory.
        self._by_cell = np.ascontiguousarray(risks.reshape(len(risks), -1).T)

    @property
    def risks(self) -> NDArray[np.uint8]:
        """The risks as they were given."""
        return self._by_cell.T.reshape(self.count, *self._grid.shape)

    @property
    def count(self) -> int:
        """How many refits there are."""
        return len(self._by_cell[0])

    def to_bytes(self) -> bytes:
        """The arrays as a compressed ``.npz``; the same arrays give the same bytes."""
        buffer = io.BytesIO()
        steps = np.diff(self.risks, axis=-1, prepend=np.uint8(0))
        arrays = dict(zip(self.columns, self.axes, strict=True))
        np.savez_compressed(buffer, allow_pickle=False, **arrays, steps=steps)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> RefitTable:
        """Read what `to_bytes` wrote.

        Raises:
            Exception: it is not such a file; numpy, zipfile and zlib have no common base.
        """
        _check_unpacked_size(content)
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            *columns, _ = arrays.files
            steps: NDArray[np.uint8] = arrays["steps"]
            risks = np.cumsum(steps, axis=-1, dtype=np.uint8)
            return cls(columns, [arrays[name] for name in columns], risks)

    def risks_of(self, values: Sequence[float]) -> NDArray[np.float64]:
        """Every refit's risk, shape (refits,), for one patient's values of ``columns``."""
        risks: NDArray[np.float64] = self._by_cell[self._grid.cell(values)] / 255
        return risks

    def instability(self, values: Sequence[float], *, death_event: int, threshold: float) -> Instability:
        """The range of risks for one patient, and how many refits come to another verdict."""
        risks = self.risks_of(values)
        low, high = np.percentile(risks, [LOW, HIGH])
        flips = int(((risks >= threshold) != bool(death_event)).sum())
        return Instability(float(low), float(high), flips, self.count)


@dataclass(frozen=True, slots=True)
class Trees:
    """The trees of all refits, node after node.

    ``feature`` (column of the split), ``cut`` (index into ``cuts``), ``missing_left``, ``left`` and ``right`` (node
    numbers within the tree) and ``value`` (what a leaf adds) have one entry a node; a leaf is its own child. A value
    below the cut goes left. ``roots`` (first node) and ``output`` (refit times three plus member) have one entry a
    tree, ``depth`` is the most steps to a leaf in any. ``base`` is what an output starts from, and ``logistic`` whether
    it is on the logit scale. ``slope`` and ``intercept`` are the calibration of each refit.
    """

    cuts: NDArray[np.float32]
    feature: NDArray[np.uint8]
    cut: NDArray[np.uint16]
    missing_left: NDArray[np.bool_]
    left: NDArray[np.uint16]
    right: NDArray[np.uint16]
    value: NDArray[np.float32]
    roots: NDArray[np.uint32]
    output: NDArray[np.uint16]
    depth: NDArray[np.uint8]
    base: NDArray[np.float32]
    logistic: NDArray[np.bool_]
    slope: NDArray[np.float64]
    intercept: NDArray[np.float64]

    def to_bytes(self) -> bytes:
        """The arrays as a compressed ``.npz``; the same arrays give the same bytes."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **{name: getattr(self, name) for name in _DTYPES})
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Trees:
        """Read what `to_bytes` wrote.

        Raises:
            Exception: it is not such a file; numpy, zipfile and zlib have no common base.
        """
        _check_unpacked_size(content)
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            trees = cls(**{name: _array(arrays[name], name) for name in _DTYPES})
        trees.check()
        return trees

    def check(self) -> None:
        """Check that the arrays fit together.

        Raises:
            ValueError: they do not.
        """
        nodes, outputs = len(self.feature), len(self.base)
        starts = np.append(self.roots.astype(np.int64), nodes)
        by_node = (self.cut, self.missing_left, self.left, self.right, self.value)
        if (
            any(array.shape != (nodes,) for array in by_node)
            or self.output.shape != self.roots.shape
            or self.logistic.shape != (outputs,)
            or self.slope.shape != self.intercept.shape
            or outputs != MEMBERS_EACH * len(self.slope)
            or not outputs
            or starts[0] != 0
            or (np.diff(starts) <= 0).any()
        ):
            raise ValueError("the arrays do not fit together")
        last = np.repeat(np.diff(starts), np.diff(starts)) - 1
        if (
            (self.cut >= max(len(self.cuts), 1)).any()
            or (np.maximum(self.left, self.right) > last).any()
            or not np.array_equal(np.unique(self.output), np.arange(outputs))
            or (np.diff(self.output.astype(np.int64)) < 0).any()
        ):
            raise ValueError("a number points to nothing")


def _array(array: NDArray[Any], name: str) -> NDArray[Any]:
    if array.dtype != _DTYPES[name] or array.ndim != (name != "depth"):
        raise ValueError(f"{name} is of another type or shape")
    return array


def _check_unpacked_size(content: bytes) -> None:
    if sum(entry.file_size for entry in ZipFile(io.BytesIO(content)).infolist()) > _MOST_UNPACKED:
        raise ValueError("the arrays are too large")


class Refits:
    """The refits at run time; a row must have at least ``columns`` values, and ``count`` is the number of refits."""

    def __init__(self, trees: Trees) -> None:
        self.count = len(trees.slope)
        self.columns = int(trees.feature.max()) + 1
        roots = trees.roots.astype(np.int64)
        sizes = np.diff(np.append(roots, len(trees.feature)))
        offset = np.repeat(roots, sizes)
        self._depth = int(trees.depth)
        self._feature = trees.feature
        self._missing_left = trees.missing_left
        self._base, self._logistic = trees.base, trees.logistic
        # Node n's right child is at 2n and its left one at 2n + 1, so the comparison's outcome is the offset. Numbers
        # within a tree need half the memory of numbers among all nodes.
        self._children = np.column_stack([trees.right, trees.left]).ravel()
        # One number a node: a leaf's value, or the cut. A leaf points to itself, so extra steps change nothing.
        leaf = trees.left + offset == np.arange(len(offset))
        self._number = trees.value.copy()
        self._number[~leaf] = trees.cuts[trees.cut[~leaf]]
        self._roots = roots
        self._calibration = Calibration(trees.slope, trees.intercept)
        self._starts = np.searchsorted(trees.output, np.arange(self.count * MEMBERS_EACH))

    def risks(self, row: Sequence[float]) -> NDArray[np.float64]:
        """Every refit's risk for one patient, shape (refits,); NaN marks a missing value."""
        values = np.asarray(row, np.float32)
        missing = np.isnan(values)
        node: NDArray[np.signedinteger] = self._roots
        for _ in range(self._depth):
            feature = self._feature[node]
            left = values[feature] < self._number[node]
            if missing.any():
                left |= missing[feature] & self._missing_left[node]
            node = self._roots + self._children[2 * node + left]
        sums = np.add.reduceat(self._number[node], self._starts) + self._base
        sums[self._logistic] = 1 / (1 + np.exp(-sums[self._logistic]))
        return self._calibration.risk(sums.reshape(self.count, MEMBERS_EACH))

    def instability(self, row: Sequence[float], *, death_event: int, threshold: float) -> Instability:
        """The range of the risk of one patient, and how many refits reach another verdict."""
        risks = self.risks(row)
        low, high = np.percentile(risks, [LOW, HIGH])
        flips = int(((risks >= threshold) != bool(death_event)).sum())
        return Instability(float(low), float(high), flips, self.count)
