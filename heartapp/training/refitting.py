"""Refit the recipe on bootstrap samples, and keep the refits' risks over a grid of patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from heartapp.inference.refits import RefitTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.training.cohort import Sample
    from heartapp.training.recipe import Recipe

AXES: Final[dict[str, NDArray[np.float64]]] = {
    # Two patients of the published table are 60.667 years old.
    "age": np.array([*range(40, 61), 60.667, *range(61, 96)], np.float64),
    "ejection_fraction": np.array([*range(11, 81), 90], np.float64),
    "serum_creatinine": np.array([*range(5, 41), *range(42, 71, 2), *range(74, 96, 4), 400]) / 10,
}
"""The grid: values as people write them, close to each other where the trees split. Beyond its ends no tree splits."""


def refit(recipe: Recipe, sample: Sample, rows: NDArray[np.float32], *, refits: int) -> NDArray[np.float32]:
    """Fit the whole recipe to bootstrap samples of the patients, on all processors, with a progress bar.

    Args:
        recipe: what to fit.
        sample: the patients.
        rows: whose risks to keep, shape (n, variables).
        refits: how many samples are drawn.

    Returns:
        The risks, shape (refits, n).
    """
    generator = np.random.default_rng(recipe.seed)
    draws = [generator.integers(0, len(sample.outcome), len(sample.outcome)) for _ in range(refits)]
    return refit_to(draws, recipe, sample, rows).astype(np.float32)


def refit_to(
    draws: Sequence[NDArray[np.int64]], recipe: Recipe, sample: Sample, rows: NDArray[np.float32]
) -> NDArray[np.float64]:
    """As `refit`, to these samples: each holds the numbers of its patients."""
    jobs = (delayed(_refit)(recipe, sample.draw(draw), rows) for draw in draws)
    risks = Parallel(n_jobs=-1, return_as="generator")(jobs)
    return np.array(list(tqdm(risks, total=len(draws), desc="refitting", unit="refit")))


def _refit(recipe: Recipe, sample: Sample, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    return recipe.fit(sample).risk(rows)


def grid_rows(recipe: Recipe) -> NDArray[np.float32]:
    """A row for each point of the grid over the variables in use, see `rows_over`."""
    return rows_over([AXES[recipe.names[column]] for column in recipe.columns], recipe.columns, len(recipe.names))


def rows_over(axes: Sequence[NDArray[np.float64]], columns: Sequence[int], width: int) -> NDArray[np.float32]:
    """A row for each point of a grid, shape (points, width); what is in none of the axes' ``columns`` is missing."""
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    rows = np.full((len(points), width), np.nan, np.float32)
    rows[:, columns] = points
    return rows


def make_table(recipe: Recipe, risks: NDArray[np.floating]) -> RefitTable:
    """The table of the refits' risks for `grid_rows`, shape (refits, points)."""
    used = [recipe.names[column] for column in recipe.columns]
    axes = [AXES[name] for name in used]
    rounded = np.round(risks * 255).astype(np.uint8).reshape(len(risks), *map(len, axes))
    return RefitTable(used, axes, np.ascontiguousarray(np.moveaxis(rounded, 0, -2)))
