"""Refit the recipe on bootstrap samples, and keep the refits' risks over a grid of patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from heartapp.inference.refits import RefitTable
from heartapp.training.members import READING_ERROR, ROUNDED_WHEN_READ

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from heartapp.training.cohort import Sample
    from heartapp.training.recipe import Recipe

MOST_POINTS: Final = 80
"""Of a grid in one variable; a table with more values of it keeps so many of them, and its bounds are approximate."""


def make_axes(recipe: Recipe, sample: Sample) -> dict[str, NDArray[np.float64]]:
    """The points of the grid of each variable in use: the values of the data, at which the members change."""
    names = {recipe.names[column]: sample.features[:, column].astype(np.float64) for column in recipe.columns}
    return {name: _thin(_values(name, values[~np.isnan(values)])) for name, values in names.items()}


def _values(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values that a member may see: for the one with noise, all whole numbers that are near."""
    if name == ROUNDED_WHEN_READ:
        noise = np.arange(-READING_ERROR, READING_ERROR + 1)
        return np.unique(np.round(values[:, np.newaxis] + noise))
    return np.unique(values)


def _thin(points: NDArray[np.float64]) -> NDArray[np.float64]:
    places = np.linspace(0, len(points) - 1, min(len(points), MOST_POINTS))
    return np.take(points, places.round().astype(int))


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


def rows_over(axes: Sequence[NDArray[np.float64]], columns: Sequence[int], width: int) -> NDArray[np.float32]:
    """A row for each point of a grid, shape (points, width); what is in none of the axes' ``columns`` is missing."""
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    rows = np.full((len(points), width), np.nan, np.float32)
    rows[:, columns] = points
    return rows


def make_table(axes: Mapping[str, NDArray[np.float64]], risks: NDArray[np.floating]) -> RefitTable:
    """The table of the refits' risks for the points of a grid, see `rows_over`; shape (refits, points)."""
    rounded = np.round(risks * 255).astype(np.uint8).reshape(len(risks), *map(len, axes.values()))
    return RefitTable([*axes], [*axes.values()], np.ascontiguousarray(np.moveaxis(rounded, 0, -2)))
