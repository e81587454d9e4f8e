"""What a bundle says about its training data: soft limits, a typical patient, usual combinations, golden rows.

No number here is a patient's record: each is a percentile, a median or drawn at random.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from sklearn.covariance import MinCovDet

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.bundle import Golden
from heartapp.inference.cautions import Domain, Seen
from heartapp.training.export import answers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.inference.calibration import Calibration
    from heartapp.training.recipe import FittedRecipe

GOLDEN_ROWS: Final = 32
DOMAIN_PERCENTILE: Final = 99


def seen(names: Sequence[str], features: NDArray[np.float32]) -> list[Seen]:
    """The soft limits of each variable, to three decimals: more are not measured."""
    return [_seen(name, features[:, column]) for column, name in enumerate(names)]


def _seen(name: str, column: NDArray[np.float32]) -> Seen:
    p1, p99 = np.nanpercentile(column, [1, 99], method="nearest")
    return Seen(name, *(round(float(value), 3) for value in (np.nanmin(column), p1, p99, np.nanmax(column))))


def typical(names: Sequence[str], features: NDArray[np.float32]) -> list[float]:
    """The typical patient: the median of each number, rounded to the variable's step, and the more frequent choice."""
    middles = np.nanmedian(features.astype(np.float64), axis=0)
    steps = np.array([BY_NAME[name].step for name in names])
    values: list[float] = (np.round(middles / steps) * steps).round(6).tolist()
    return values


def required(fitted: FittedRecipe, names: Sequence[str], features: NDArray[np.float32]) -> list[str]:
    """The variables that must not be missing.

    If a few variables were chosen, these are all of them. If all are used, they are those that no patient lacked: the
    members learned to handle missing values only in the others.
    """
    if len(fitted.columns) < len(names):
        return [names[column] for column in fitted.columns]
    lacked = np.atleast_1d(np.isnan(features).any(axis=0))
    return [name for name, lacks in zip(names, lacked, strict=True) if not lacks]


def domain(used: Sequence[str], names: Sequence[str], features: NDArray[np.float32], seed: int) -> Domain:
    """Centre, spread and limit of the numeric variables in use, from the patients who have all of them."""
    fields = [name for name in used if BY_NAME[name].kind == "number"]
    logarithmic = [BY_NAME[name].logarithmic for name in fields]
    values = features[:, [names.index(name) for name in fields]].astype(np.float64)
    values = values[~np.isnan(values).any(axis=1)]
    values[:, logarithmic] = np.log(values[:, logarithmic])
    robust = MinCovDet(random_state=seed).fit(values)
    distances = np.sqrt(robust.mahalanobis(values))
    return Domain(
        fields=fields,
        logarithmic=logarithmic,
        centre=[_significant(value) for value in robust.location_],
        precision=[[_significant(value) for value in row] for row in robust.precision_],
        limit=round(float(np.percentile(distances, DOMAIN_PERCENTILE)), 6),
    )


def _significant(value: float) -> float:
    """Nine significant digits: further digits differ between processors."""
    return float(f"{value:.9g}")


def golden(calibration: Calibration, content: bytes, names: Sequence[str], features: NDArray[np.float32]) -> Golden:
    """Rows drawn evenly between the lowest and highest value of each column, with the graph's answers."""
    generator = np.random.default_rng(0)
    low, high = np.nanmin(features, axis=0), np.nanmax(features, axis=0)
    rows = generator.uniform(low, high, (GOLDEN_ROWS, len(names))).round(1)
    choices = [column for column, name in enumerate(names) if BY_NAME[name].kind != "number"]
    rows[:, choices] = rows[:, choices].round()
    probabilities = answers(content, rows.astype(np.float32))
    return Golden(rows.tolist(), probabilities.tolist(), calibration.risk(probabilities).tolist())
