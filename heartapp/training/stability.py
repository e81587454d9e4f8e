"""How the risk changes: when the recipe is fitted to other samples (P3), and as one value changes (its shape).

A bundle keeps the refits' risks over a grid of patients.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.refits import HIGH, LOW, RefitTable
from heartapp.inference.report import InstabilityReport, Shape
from heartapp.statistics.metrics import draw_counts, estimate, mean, rounded
from heartapp.training.cohort import Sample
from heartapp.training.defaults import BOOTSTRAPS, SPLIT_SEED
from heartapp.training.goals import INSTABILITY_GOALS, SHAPE_GOALS, judge
from heartapp.training.members import READING_ERROR, RISING, ROUNDED_WHEN_READ
from heartapp.training.recipe import FittedRecipe, Recipe

MOST_POINTS: Final = 80
"""Of a grid in one variable; a table with more values of it keeps so many of them, and its bounds are approximate."""
GROUPS: Final = 10
"""Groups of patients by risk, whose ranges are reported."""
_EDGE: Final = 3
"""Steps by which the grid goes beyond the training data; farther away the trees do not change."""


def make_axes(recipe: Recipe, sample: Sample) -> dict[str, NDArray[np.float64]]:
    """The points of the grid of each variable in use: the values of the data, at which the members change."""
    names = {recipe.names[column]: sample.features[:, column].astype(np.float64) for column in recipe.columns}
    return {name: _points(name, values[~np.isnan(values)]) for name, values in names.items()}


def _points(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values that a member may see, or `MOST_POINTS` of them; noise makes all whole numbers that are near."""
    noise = np.arange(-READING_ERROR, READING_ERROR + 1)
    points = np.unique(np.round(values[:, np.newaxis] + noise) if name == ROUNDED_WHEN_READ else values)
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


def tabulate_refits(
    recipe: Recipe, sample: Sample, fitted: FittedRecipe, refits: int, splits: int
) -> tuple[bytes, InstabilityReport]:
    """The bundle's file of refits, and how much they differ for the training patients; arguments as in the others."""
    axes = make_axes(recipe, sample)
    grid = rows_over([*axes.values()], recipe.columns, len(recipe.names))
    risks = refit(recipe, sample, np.vstack([grid, sample.features]), refits=refits)
    table, patients = np.split(risks, [len(grid)], axis=1)
    return make_table(axes, table).to_bytes(), report_instability(patients, fitted.risk(sample.features), splits)


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


def measure_shape(fitted: FittedRecipe, names: Sequence[str], features: NDArray[np.float32], splits: int) -> Shape:
    """The largest step and the largest fall over a grid of the used variables, at their declared steps.

    Args:
        fitted: the served recipe, which uses only variables that are numbers.
        names: the variables, the columns of ``features``.
        features: the training patients, shape (n, variables).
        splits: of the evaluation beside which the goals are judged.
    """
    axes = [_axis(names[column], features[:, column]) for column in fitted.columns]
    risk = fitted.risk(rows_over(axes, fitted.columns, len(names))).reshape([len(axis) for axis in axes])
    steps = {names[column]: np.diff(risk, axis=place) for place, column in enumerate(fitted.columns)}
    figures = {
        "largest_step": rounded(max(np.abs(step).max() for step in steps.values())),
        "largest_fall": rounded(max(0.0, *(-step.min() for name, step in steps.items() if name in RISING))),
    }
    return Shape(**figures, goals=judge(SHAPE_GOALS, figures, splits))


def _axis(name: str, values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Whole steps of a variable, from a little below the smallest value to a little above the largest."""
    variable = BY_NAME[name]
    low, high = np.nanmin(values) / variable.step - _EDGE, np.nanmax(values) / variable.step + _EDGE
    return np.clip(np.arange(np.floor(low), np.ceil(high) + 1) * variable.step, variable.low, variable.high)


def report_instability(refits: NDArray[np.floating], served: NDArray[np.float64], splits: int) -> InstabilityReport:
    """The report of the refits.

    Args:
        refits: the training patients' risks from each refit, shape (refits, n).
        served: their risks from the served model, shape (n,).
        splits: of the evaluation beside which the goals are judged.
    """
    change = np.abs(refits - served).mean(axis=0)
    low, high = np.percentile(refits, [LOW, HIGH], axis=0)
    counts = draw_counts(len(served), BOOTSTRAPS, SPLIT_SEED)
    figures = {
        "mean_absolute_change": mean(change, counts),
        "median_width": estimate(lambda count: float(np.median(np.repeat(high - low, count.astype(np.int64)))), counts),
    }
    groups = np.array_split(np.argsort(served, kind="stable"), GROUPS)
    values = {name: figure.value for name, figure in figures.items()}
    return InstabilityReport(
        refits=len(refits),
        **figures,
        goals=judge(INSTABILITY_GOALS, values, min(len(refits), splits)),
        ranges=[
            (rounded(served[group].mean()), rounded(low[group].mean()), rounded(high[group].mean())) for group in groups
        ],
    )
