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
    return [_seen(name, features[:, column]) for column, name in enumerate(names)]


def _seen(name: str, column: NDArray[np.float32]) -> Seen:
    return Seen(name, round(float(np.nanmin(column)), 3), round(float(np.nanmax(column)), 3))


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

    def always_needed(column: int) -> bool:
        return recipe.plan.variables is not None or not np.isnan(features[:, column]).any()

    return [recipe.names[column] for column in filter(always_needed, recipe.columns)]


def golden(calibration: Calibration, content: bytes, names: Sequence[str], features: NDArray[np.float32]) -> Golden:
    """Rows drawn evenly between the lowest and highest value of each column, with the graph's answers."""
    generator = np.random.default_rng(0)
    low, high = np.nanmin(features, axis=0), np.nanmax(features, axis=0)
    rows = generator.uniform(low, high, (GOLDEN_ROWS, len(names))).round(1)
    choices = [column for column, name in enumerate(names) if BY_NAME[name].kind != "number"]
    rows[:, choices] = rows[:, choices].round()
    probabilities = answers(content, rows.astype(np.float32))
    return Golden(rows.tolist(), probabilities.tolist(), calibration.risk(probabilities).tolist())
