from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.support import SMALLEST
from heartapp.training.support import AXES, MOST_FLAGGED, WINDOWS, make_support

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from heartapp.training.cohort import Cohort

NAMES = tuple(WINDOWS)


def known(people: Cohort) -> NDArray[np.float64]:
    """The patients' values, without rows where one is missing."""
    values = np.column_stack([people.column(name) for name in NAMES])
    return values[~np.isnan(values).any(axis=1)]


def near(patient: NDArray[np.float64], others: NDArray[np.float64]) -> int:
    """How many are within the windows, counted one by one."""
    age, fraction, creatinine = np.abs(others - patient).T
    creatinine = np.maximum(others[:, 2] / patient[2], patient[2] / others[:, 2])
    return int(((age <= 10) & (fraction <= 5) & (creatinine <= 4 + 1e-9)).sum())


def test_the_count_at_a_grid_point_is_that_of_the_patients_within_the_windows(people: Cohort) -> None:
    values = np.column_stack([people.column(name) for name in NAMES])
    support, others = make_support(NAMES, values), known(people)
    generator = np.random.default_rng(1)
    for _ in range(200):
        point = np.array([generator.choice(AXES[name]) for name in NAMES])
        count = near(point, others)
        told = 0 if count < min(SMALLEST, support.least) else min(count, support.least)
        assert support.near(point.tolist()) == told


def test_the_axes_lie_within_the_limits_and_closer_than_the_windows() -> None:
    for name, axis in AXES.items():
        assert all(map(BY_NAME[name].allows, axis))
        between = np.diff(np.log(axis)) if BY_NAME[name].logarithmic else np.diff(axis)
        window = np.log(WINDOWS[name]) if BY_NAME[name].logarithmic else WINDOWS[name]
        assert between.max() <= window / 3


def flagged(people: Cohort, least: int) -> float:
    """The share of the patients with fewer near others, by the point of the grid that is nearest to each."""
    values = known(people)
    axes = [np.array(AXES[name]) for name in NAMES]
    cells = np.column_stack(
        [axis[np.abs(axis[:, None] - column).argmin(axis=0)] for axis, column in zip(axes, values.T, strict=True)]
    )
    others = [near(cell, np.delete(values, row, axis=0)) for row, cell in enumerate(cells)]
    return float(np.mean(np.array(others) < least))


def test_the_limit_is_the_largest_that_flags_at_most_5_percent_of_the_patients(people: Cohort) -> None:
    support = make_support(NAMES, known(people))
    assert flagged(people, support.least) <= MOST_FLAGGED < flagged(people, support.least + 1)


@pytest.mark.data
def test_few_of_the_published_patients_have_little_support(published: Cohort) -> None:
    assert flagged(published, make_support(NAMES, known(published)).least) <= MOST_FLAGGED
