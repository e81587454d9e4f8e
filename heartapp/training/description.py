"""What a bundle says about its training data: ranges, a typical patient, golden rows.

No number here is a patient's record: each is a percentile, a median or drawn at random.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.bundle import Golden, Seen
from heartapp.training.export import answers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.inference.calibration import Calibration
    from heartapp.training.recipe import Recipe

GOLDEN_ROWS: Final = 32


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
