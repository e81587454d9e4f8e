"""What a bundle says about its training data: ranges, a typical patient, golden rows, and where patients are few.

No number here is a patient's record: each is a percentile, a median, a count or drawn at random.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.bundle import Golden, Seen
from heartapp.inference.calibration import Calibration
from heartapp.inference.grid import Grid
from heartapp.inference.regression import Regression, Term
from heartapp.inference.support import Support
from heartapp.training.cohort import Sample
from heartapp.training.evaluation import fit_comparator
from heartapp.training.export import answers
from heartapp.training.recipe import Recipe

GOLDEN_ROWS: Final = 32
WINDOWS: Final = {"age": 10.0, "ejection_fraction": 5.0, "serum_creatinine": 4.0}
"""How far a near patient may be, both ways: years, percentage points, a factor.

Chosen so that old patients with a high ejection fraction and a low creatinine have little support, and not by any
outcome. Ejection fraction is read to the nearest five points. Creatinine has a long tail; with a narrower factor it
alone would use up the patients who may be flagged.
"""
AXES: Final[dict[str, list[float]]] = {
    "age": [float(age) for age in range(20, 111)],
    "ejection_fraction": [float(percent) for percent in range(5, 91)],
    # Each a tenth more than the one before; the window is a factor as well.
    "serum_creatinine": [round(0.4 * 1.1**step, 2) for step in range(39)],
}
MOST_FLAGGED: Final = 0.05
"""The largest share of the training patients who may have little support."""


def seen(names: Sequence[str], features: NDArray[np.float32]) -> list[Seen]:
    """The range of each variable, to three decimals: more are not measured."""
    low, high = np.nanmin(features, axis=0).tolist(), np.nanmax(features, axis=0).tolist()
    return [Seen(name, round(least, 3), round(most, 3)) for name, least, most in zip(names, low, high, strict=True)]


def typical(names: Sequence[str], features: NDArray[np.float32]) -> list[float]:
    """The typical patient: the median of each number, rounded to the variable's step, and the more frequent choice."""
    middles = np.nanmedian(features.astype(np.float64), axis=0)
    steps = np.array([BY_NAME[name].step for name in names])
    values: list[float] = (np.round(middles / steps) * steps).round(6).tolist()
    return values


def required(recipe: Recipe, features: NDArray[np.float32]) -> list[str]:
    """The variables that must not be missing.

    If the plan names the variables to use, these are all of them. If all are used, they are those that no patient
    lacked: the members learned to handle missing values only in the others.
    """
    lacked = np.isnan(features)
    return [recipe.names[column] for column in recipe.columns if recipe.plan.variables or not lacked[:, column].any()]


def golden(calibration: Calibration, content: bytes, names: Sequence[str], features: NDArray[np.float32]) -> Golden:
    """Rows drawn evenly between the lowest and highest value of each column, with the graph's answers."""
    generator = np.random.default_rng(0)
    low, high = np.nanmin(features, axis=0), np.nanmax(features, axis=0)
    rows = generator.uniform(low, high, (GOLDEN_ROWS, len(names))).round(1)
    choices = [column for column, name in enumerate(names) if BY_NAME[name].kind != "number"]
    rows[:, choices] = rows[:, choices].round()
    probabilities = answers(content, rows.astype(np.float32))
    return Golden(rows.tolist(), probabilities.tolist(), calibration.risk(probabilities).tolist())


def make_support(names: Sequence[str], values: NDArray[np.floating]) -> Support:
    """The counts, and the largest limit that flags at most 5 % of the patients.

    Each training patient is judged by the other ones, as a new patient would be.

    Args:
        names: the variables that the members use.
        values: theirs of the training patients, shape (n, variables in use); rows with missing values do not count.
    """
    known = values[~np.isnan(values).any(axis=1)]
    axes = [np.array(AXES[name]) for name in names]
    near = [_near(name, axis, column) for name, axis, column in zip(names, axes, known.T, strict=True)]
    counts = np.einsum("ap,ep,cp->aec", *[one.astype(np.int64) for one in near])
    others = counts.flat[Grid(axes).cells(known)] - 1
    # With this many near patients as the limit, all who have fewer are flagged; nobody with none goes without.
    least = max(1, int(np.sort(others)[int(MOST_FLAGGED * len(known))]))
    return Support.from_counts({name: AXES[name] for name in names}, counts, least)


def _near(name: str, axis: NDArray[np.float64], column: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether each patient is near each point of one axis, shape (points, patients)."""
    if BY_NAME[name].logarithmic:
        distance, window = np.abs(np.log(axis[:, None] / column)), np.log(WINDOWS[name])
    else:
        distance, window = np.abs(axis[:, None] - column), WINDOWS[name]
    # Values are in single precision, so one on the edge of the window may miss it by a rounding error.
    near: NDArray[np.bool_] = distance <= window * (1 + 1e-6)
    return near


def regression(recipe: Recipe, sample: Sample) -> Regression:
    """The plain regression as it is served: each term at the values that the variable has in the training data."""
    model, calibration = fit_comparator(recipe, sample)
    features = sample.features.astype(np.float64)
    middle = np.nanmedian(features, axis=0)
    at_middle, terms = float(model.decision_function(middle[None, :])[0]), {}
    for column in recipe.columns:
        values = np.unique(features[~np.isnan(features[:, column]), column])
        rows = np.tile(middle, (len(values), 1))
        rows[:, column] = values
        terms[recipe.names[column]] = Term(values.tolist(), (model.decision_function(rows) - at_middle).tolist())
    return Regression(at_middle, terms, float(calibration.slope), float(calibration.intercept))
