from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.training.comparators import COMPARATORS, spline_regression
from heartapp.training.data import read_table

if TYPE_CHECKING:
    from pathlib import Path

    from sklearn.pipeline import Pipeline


@pytest.fixture(params=MODEL_VARIABLES)
def names(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return MODEL_VARIABLES[request.param]


@pytest.fixture
def fitted(cohort: Path, names: tuple[str, ...]) -> Pipeline:
    table = read_table(cohort)
    return spline_regression(names).fit(table.features(names), table.outcome)


def risk(fitted: Pipeline, names: tuple[str, ...], **values: float) -> float:
    patient = [values.get(name, BY_NAME[name].example) for name in names]
    return float(fitted.predict_proba(np.array([patient], np.float32))[0, 1])


def test_the_comparator_finds_its_three_columns_in_either_model(fitted: Pipeline, names: tuple[str, ...]) -> None:
    assert risk(fitted, names, age=90) > risk(fitted, names, age=45)
    assert risk(fitted, names, ejection_fraction=20) > risk(fitted, names, ejection_fraction=60)
    assert risk(fitted, names, serum_creatinine=4) > risk(fitted, names, serum_creatinine=0.8)


def test_the_comparator_looks_at_nothing_else(fitted: Pipeline, names: tuple[str, ...]) -> None:
    used = {"age", "ejection_fraction", "serum_creatinine"}
    extremes = {name: BY_NAME[name].high for name in names if name not in used}
    assert risk(fitted, names, **extremes) == risk(fitted, names)


def test_the_comparator_answers_beyond_what_it_was_fitted_on(fitted: Pipeline, names: tuple[str, ...]) -> None:
    limits = {name: BY_NAME[name].high for name in names}
    assert 0 <= risk(fitted, names, **limits) <= 1


def test_the_comparators_are_named() -> None:
    assert list(COMPARATORS) == ["spline_regression"]
