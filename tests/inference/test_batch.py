from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.patient import validate_patients
from heartapp.clinical.variables import MODEL_VARIABLES, VARIABLES
from heartapp.errors import FieldError, InvalidPatientError
from heartapp.inference.batch import NOT_A_NUMBER, check_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heartapp.clinical.variables import Variable

NAMES = MODEL_VARIABLES["followup"]


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


def test_no_patients_have_no_faults() -> None:
    assert check_values(np.empty((0, len(NAMES))), VARIABLES, NAMES) == []
