from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.patient import validate_patients
from heartapp.clinical.variables import MODEL_VARIABLES, VARIABLES
from heartapp.errors import FieldError, InvalidPatientError
from heartapp.inference.batch import NOT_A_NUMBER, Scores, check_values, score_values
from heartapp.inference.bundle import read_bundle, read_served
from heartapp.inference.model import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from heartapp.clinical.variables import Variable

NAMES = MODEL_VARIABLES["followup"]


@pytest.fixture(scope="module", params=MODEL_VARIABLES)
def model(request: pytest.FixtureRequest, models: Path) -> Model:
    return Model(read_bundle(models, request.param, read_served(models)[request.param]))


@pytest.fixture(scope="module")
def values(model: Model, random_patients: Callable[[Sequence[str], int], list[list[float]]]) -> NDArray[np.float64]:
    """Patients anywhere within the limits, a tenth of their values missing."""
    drawn = np.array(random_patients(model.names, 3_000))
    drawn[np.random.default_rng(2).random(drawn.shape) < 0.1] = np.nan
    return drawn


def edges(variable: Variable) -> list[float]:
    """A variable's limits, and the next numbers on both sides of each."""
    return [
        float(np.nextafter(limit, towards))
        for limit in (variable.low, variable.high)
        for towards in (-np.inf, limit, np.inf)
    ]


numbers = st.floats() | st.sampled_from([NOT_A_NUMBER, 0.0, 1.0, -0.0, *(one for v in VARIABLES for one in edges(v))])
rows = st.lists(st.lists(numbers, min_size=len(NAMES), max_size=len(NAMES)), max_size=6)


def one_by_one(row: Sequence[float], required: set[str]) -> list[tuple[str, str]]:
    """The faults that `validate_patients` finds in one row, NaN taken as null."""
    record = {name: None if np.isnan(value) else value for name, value in zip(NAMES, row, strict=True)}
    try:
        validate_patients([record], NAMES, required, many=False)
    except InvalidPatientError as error:
        return [(fault.field, fault.message) for fault in error.errors]
    return []


@given(rows, st.sets(st.sampled_from(NAMES)))
def test_an_array_is_checked_as_its_rows_are_one_by_one(rows: list[list[float]], required: set[str]) -> None:
    found = check_values(np.array(rows).reshape(-1, len(NAMES)), VARIABLES, required)

    assert found == [
        FieldError(field, message, row)
        for row, values in enumerate(rows)
        for field, message in one_by_one(values, required)
    ]


def test_no_more_faults_are_told_than_asked_for() -> None:
    nobody = np.full((3, len(NAMES)), np.nan)
    assert check_values(nobody, VARIABLES, NAMES, most=14) == check_values(nobody, VARIABLES, NAMES)[:14]
    assert len(check_values(nobody, VARIABLES, NAMES)) == 3 * len(NAMES)


def test_no_patients_have_neither_faults_nor_scores(model: Model) -> None:
    nobody = np.empty((0, len(model.variables)))
    assert check_values(nobody, model.variables, model.required) == []
    assert score_values(model, nobody).probabilities.shape == (0, 3)


def as_predicted(model: Model, values: NDArray[np.float64]) -> Scores:
    """What the model says of each patient alone."""
    alone = [model.predict([row])[0] for row in values.tolist()]
    return Scores(
        np.array([one.risk for one in alone]),
        np.array([one.death_event for one in alone], np.int8),
        np.array([[vote.probability for vote in one.votes] for one in alone], np.float32),
        np.array([[vote.vote for vote in one.votes] for one in alone], np.int8),
    )


def check_same(found: Scores, wanted: Scores) -> None:
    for name in Scores.__dataclass_fields__:
        one, other = getattr(found, name), getattr(wanted, name)
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("size", [1, 2, 7, 64, 3_000])
def test_a_batch_of_any_size_is_scored_bit_for_bit_as_each_patient_alone(
    model: Model, values: NDArray[np.float64], size: int
) -> None:
    few = values[: min(20 * size, len(values))]
    parts = [score_values(model, few[start : start + size]) for start in range(0, len(few), size)]
    whole = Scores(*(np.concatenate([getattr(part, name) for part in parts]) for name in Scores.__dataclass_fields__))

    check_same(whole, as_predicted(model, few))
