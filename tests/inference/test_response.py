from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from heartapp.clinical.patient import MISSING
from heartapp.inference.bundle import Seen
from heartapp.inference.model import Model, Options
from heartapp.inference.response import STEPS, ResponseCurve, responses, turning_points

SEEN = [
    Seen("age", 40, 60),
    Seen("ejection_fraction", 14, 80),
    Seen("serum_creatinine", 0.5, 9.4),
    Seen("smoking", 0, 1),
    Seen("sex", 0, 1),
    Seen("time", 4, 285),
]
NAMES = [seen.name for seen in SEEN]
PATIENT = [62.5, 35.0, 1.4, 0.0, 1.0, 100.0]


# Responses


def respond(row: list[float], used: tuple[str, ...] = ("age", "smoking")) -> list[ResponseCurve]:
    """The responses of a risk that is a hundredth of the age, with support below an age of 50."""
    return [*responses(lambda rows: rows[:, 0] / 100, lambda rows: rows[:, 0] < 50, used, SEEN, row)]


def test_a_response_covers_the_training_data_and_the_patient() -> None:
    (age,) = respond(PATIENT)
    assert age.field == "age"
    assert age.values == (*range(40, 61), 62.5)
    assert age.risks == pytest.approx([value / 100 for value in age.values])
    assert age.supported == tuple(value < 50 for value in age.values)
    assert age.place == 21


def test_numbers_in_use_have_a_response_and_one_without_the_value_has_no_place() -> None:
    age, creatinine = respond([MISSING, *PATIENT[1:]], ("age", "smoking", "serum_creatinine"))
    assert (len(age.values), age.place) == (21, None)
    assert creatinine.field == "serum_creatinine"


def test_a_shipped_model_s_responses_are_its_predictions(bedside: Model) -> None:
    row = [one.example for one in bedside.variables]
    curves, supports = bedside.responses(row), set()
    assert [one.field for one in curves] == bedside.bundle.manifest.used
    for one in curves:
        column = bedside.names.index(one.field)
        assert one.values[one.place or 0] == row[column]
        for value, risk, supported in zip(one.values, one.risks, one.supported, strict=True):
            prediction = bedside.predict([*row[:column], value, *row[column + 1 :]])
            assert (prediction.risk, prediction.familiar) == (risk, supported)
            supports.add(supported)
    assert supports == {True, False}


# Turning points


def points(column: int, above: float, row: Sequence[float], used: Sequence[str] = NAMES) -> dict[str, float]:
    """The turning points of a model by which those die who are above a value in one column."""
    found = turning_points(lambda rows: rows[:, column] > above, used, SEEN, row)
    return {point.field: point.value for point in found}


@pytest.mark.parametrize(
    ("column", "above", "value"),
    [(1, 40.5, 41), (1, 30.5, 30), (2, 2.05, 2.1), (2, 0.75, 0.7), (3, 0.5, 1)],
)
def test_the_nearest_value_that_a_person_would_write_is_told(column: int, above: float, value: float) -> None:
    assert points(column, above, PATIENT) == {NAMES[column]: value}


@pytest.mark.parametrize(("column", "above"), [(0, 70), (4, 0.5), (5, 50), (1, 80), (1, 13.5), (2, 9.4), (3, 2)])
def test_what_no_one_can_change_or_was_never_seen_turns_nothing(column: int, above: float) -> None:
    assert points(column, above, PATIENT) == {}


def test_a_missing_value_and_a_variable_that_is_not_used_are_not_tried() -> None:
    assert points(1, 40.5, [*PATIENT[:1], MISSING, *PATIENT[2:]]) == {}
    assert points(3, 0.5, PATIENT, [name for name in NAMES if name != "smoking"]) == {}


def test_values_are_tried_at_no_more_than_so_many_steps() -> None:
    tried: list[int] = []

    def count(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
        tried.append(len(rows))
        return np.zeros(len(rows), np.bool_)

    wide = [Seen("creatinine_phosphokinase", 23, 7861), Seen("platelets", 25_100, 850_000)]
    assert turning_points(count, [one.name for one in wide], wide, [250, 265_000]) == ()
    assert 50 < max(tried) <= STEPS + 1


@given(st.data(), st.floats(0.05, 0.95))
def test_each_point_of_a_shipped_model_turns_its_verdict_and_is_of_what_can_change(
    model: Model, data: st.DataObject, threshold: float
) -> None:
    limits = {seen.name: seen for seen in model.bundle.manifest.variables}
    choices = st.sampled_from([0.0, 1.0, MISSING])
    row = [
        data.draw(st.floats(limits[one.name].minimum, limits[one.name].maximum) if one.kind == "number" else choices)
        for one in model.variables
    ]
    asked = Options(threshold=threshold, explain=True)
    prediction = model.predict(row, asked)
    found = prediction.turning_points
    assert isinstance(found, tuple)
    for point in found:
        assert point.field in {*model.bundle.manifest.used} - {"age", "sex", "time"}
        assert limits[point.field].minimum <= point.value <= limits[point.field].maximum
        column = model.names.index(point.field)
        turned = [*row[:column], point.value, *row[column + 1 :]]
        assert model.predict(turned, asked).death_event != prediction.death_event


def test_the_shipped_models_have_turning_points(model: Model) -> None:
    prediction = model.predict(model.bundle.manifest.typical, Options(threshold=0.3, explain=True))
    assert prediction.turning_points
